//! The organization itself: founding, settings, keys, the end.

use crate::{
    WriteApi,
    account::{
        check::Checks,
        secret::{Accept, SecretRequest, verification_failed},
    },
    organization::member::rules::{self, Rules},
};
use axum::{Json, extract::State};
use commands::{
    account::new_api_key,
    organization::profile::{
        ChangeCollectionSettings, ChangeDetails, DeleteOrganization, FirstCollection, FoundOrganization, SetApiKey,
        SetKeys,
    },
    ports::About,
};
use domain::{
    crypto::EncString,
    id::{CollectionId, MembershipId, OrganizationId},
    organization::{
        profile::{CollectionSettings, Details, Organization, OrganizationKeys},
        role::Role,
    },
};
use projections::sync::shared;
use read_api::organization::wire;
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Body, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations", found)
        .put_or_post("/organizations/{id}", change)
        .delete("/organizations/{id}", delete)
        .post("/organizations/{id}/delete", delete)
        .post("/organizations/{id}/keys", set_keys)
        .put("/organizations/{id}/collection-management", set_collection_settings)
        .post("/organizations/{id}/api-key", api_key)
        .get("/organizations/{id}/api-key-information", api_key_information)
        .get("/organizations/{id}/api-key-information/{kind}", api_key_information_of)
        .post("/organizations/{id}/rotate-api-key", rotate_api_key)
}

/// The most characters of a name.
const MAX_NAME: usize = 50;
/// The most characters of the sealed name of a collection.
pub(super) const MAX_SEALED_NAME: usize = 1_000;
/// The numbers of plans there are (`PlanType`).
const PLANS: std::ops::RangeInclusive<i64> = 0..=22;
/// The number of the enterprise plan, yearly.
const ENTERPRISE: u8 = 20;

/// `OrganizationKeysRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysRequest {
    public_key: Option<String>,
    encrypted_private_key: Option<String>,
}

impl KeysRequest {
    fn checked(self, checks: &mut Checks) -> Option<OrganizationKeys> {
        let public_key = checks.public_key("PublicKey", self.public_key);
        let private_key = checks.sealed("EncryptedPrivateKey", self.encrypted_private_key)?;
        Some(OrganizationKeys {
            public_key,
            private_key,
        })
    }
}

/// `OrganizationCreateRequestModel`, as far as it is not about money.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundRequest {
    name: Option<String>,
    business_name: Option<String>,
    billing_email: Option<String>,
    plan_type: Option<i64>,
    key: Option<String>,
    keys: Option<KeysRequest>,
    collection_name: Option<String>,
}

/// The sealed name of a collection that may be absent.
pub(super) fn sealed_name(field: &str, name: Option<String>, checks: &mut Checks) -> Option<EncString> {
    let name = name.filter(|name| !name.is_empty())?;
    let parsed = EncString::parse(name, MAX_SEALED_NAME);
    if parsed.is_err() {
        checks.wrong(field, format!("{field} is not a valid encrypted string."));
    }
    parsed.ok()
}

/// `POST /organizations`.
async fn found(caller: Caller, State(app): State<WriteApi>, Body(request): Body<FoundRequest>) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let details = Details {
        name: checks.required("Name", request.name, MAX_NAME),
        billing_email: checks.email("BillingEmail", request.billing_email.as_deref()),
        business_name: checks.text("BusinessName", request.business_name, MAX_NAME),
    };
    let key = checks.sealed("Key", request.key);
    let keys = match request.keys {
        Some(keys) => keys.checked(&mut checks),
        None => None,
    };
    let collection = sealed_name("CollectionName", request.collection_name, &mut checks);
    if request.plan_type.is_some_and(|plan| !PLANS.contains(&plan)) {
        checks.wrong("PlanType", "The field PlanType is invalid.");
    }
    checks.done()?;
    let Some(key) = key else {
        return Err(Problem::field("Key", "The Key field is required."));
    };
    let account = app.owner(&caller).await?;
    if !app.account.founders.include(&account.email) {
        return Err(Problem::bad_request(
            "Creating organizations has been disabled by the system administrator.",
        ));
    }
    let elsewhere = Rules::default();
    if elsewhere
        .forbids(&app, caller.id, caller.id, Role::Owner)
        .await?
        .is_some()
    {
        return Err(Problem::bad_request(
            "You may not create an organization. You belong to an organization which has a policy that prohibits you from being a member of any other organization.",
        ));
    }
    let id = OrganizationId(app.executor.new_id());
    let command = FoundOrganization {
        organization: id,
        membership: MembershipId(app.executor.new_id()),
        by: caller.id,
        details,
        keys,
        plan: ENTERPRISE,
        key,
        collection: collection.map(|name| FirstCollection {
            id: CollectionId(app.executor.new_id()),
            name,
        }),
    };
    app.change_in(&caller, id, &command).await?;
    rules::hold_to_one(&app, caller.id, caller.id).await?;
    shown(&app, &caller, id).await
}

async fn shown(app: &WriteApi, caller: &Caller, id: OrganizationId) -> Answer<Json<Value>> {
    Ok(Json(wire::organization(
        id,
        &app.read.organization(caller.id, id).await?,
    )))
}

/// `OrganizationUpdateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRequest {
    name: Option<String>,
    business_name: Option<String>,
    billing_email: Option<String>,
    keys: Option<KeysRequest>,
}

/// `PUT /organizations/{id}`, and `POST` for older clients.
async fn change(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<ChangeRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    let mut checks = Checks::new();
    let present = app.read.organization(caller.id, id.0).await?;
    let details = Details {
        name: checks.text("Name", request.name, MAX_NAME).unwrap_or(present.name),
        billing_email: match request.billing_email.as_deref() {
            Some(email) => checks.email("BillingEmail", Some(email)),
            None => present.billing_email,
        },
        business_name: checks
            .text("BusinessName", request.business_name, MAX_NAME)
            .or(present.business_name),
    };
    let keys = match request.keys {
        Some(keys) if present.public_key.is_none() => keys.checked(&mut checks),
        _ => None,
    };
    checks.done()?;
    app.alter_in(
        &caller,
        id.0,
        &ChangeDetails {
            by: by.clone(),
            details,
        },
    )
    .await?;
    if let Some(keys) = keys {
        app.alter_in(&caller, id.0, &SetKeys { by, keys }).await?;
    }
    shown(&app, &caller, id.0).await
}

/// `POST /organizations/{id}/keys`.
async fn set_keys(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<KeysRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    let mut checks = Checks::new();
    let keys = request.checked(&mut checks);
    checks.done()?;
    let Some(keys) = keys else {
        return Err(Problem::field(
            "EncryptedPrivateKey",
            "The EncryptedPrivateKey field is required.",
        ));
    };
    let answer = json!({
        "object": "organizationKeys",
        "publicKey": keys.public_key,
        "privateKey": keys.private_key,
    });
    app.alter_in(&caller, id.0, &SetKeys { by, keys }).await?;
    Ok(Json(answer))
}

/// `OrganizationCollectionManagementUpdateRequestModel`; what is not said stays.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingsRequest {
    limit_collection_creation: Option<bool>,
    limit_collection_deletion: Option<bool>,
    limit_item_deletion: Option<bool>,
    allow_admin_access_to_all_collection_items: Option<bool>,
}

/// `PUT /organizations/{id}/collection-management`.
async fn set_collection_settings(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<SettingsRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    let present = by.settings;
    let settings = CollectionSettings {
        limit_collection_creation: request
            .limit_collection_creation
            .unwrap_or(present.limit_collection_creation),
        limit_collection_deletion: request
            .limit_collection_deletion
            .unwrap_or(present.limit_collection_deletion),
        limit_item_deletion: request.limit_item_deletion.unwrap_or(present.limit_item_deletion),
        allow_admin_access_to_all_collection_items: request
            .allow_admin_access_to_all_collection_items
            .unwrap_or(present.allow_admin_access_to_all_collection_items),
    };
    app.alter_in(&caller, id.0, &ChangeCollectionSettings { by, settings })
        .await?;
    shown(&app, &caller, id.0).await
}

/// `DELETE /organizations/{id}`, and `POST /organizations/{id}/delete` for older clients.
async fn delete(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<SecretRequest>,
) -> Answer<()> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    if !by.is_owner() {
        return Err(Problem::forbidden());
    }
    prove(&app, &caller, &request).await?;
    let pool = app.read.fresh(caller.id).await?;
    let members = shared::members_of(pool, id.0).await.map_err(read_api::unavailable)?;
    let memberships = members.into_iter().map(|(id, _)| id).collect();
    app.change_in(&caller, id.0, &DeleteOrganization { by, memberships })
        .await?;
    Ok(())
}

async fn prove(app: &WriteApi, caller: &Caller, request: &SecretRequest) -> Answer<()> {
    let secret = request.value()?;
    let user = app.owner(caller).await?;
    app.prove(caller, &user, secret, Accept::Either, verification_failed)
        .await?;
    Ok(())
}

/// `OrganizationApiKeyRequestModel`.
#[derive(Debug, Deserialize)]
struct KeyRequest {
    #[serde(rename = "type", default)]
    kind: Option<i64>,
    #[serde(flatten)]
    secret: SecretRequest,
}

impl KeyRequest {
    /// The secret, if it is the kind of key there is that is asked for: those of other kinds belong to parts of the server that are not
    /// there, and asking for one must never give or change this.
    fn checked(self) -> Answer<SecretRequest> {
        match self.kind {
            None => Ok(self.secret),
            Some(kind) if kind == i64::from(DEFAULT_KEY) => Ok(self.secret),
            Some(_) => Err(Problem::field("Type", "There is no key of this type.")),
        }
    }
}

/// `POST /organizations/{id}/api-key`: shows the key; makes one where there is none.
async fn api_key(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<KeyRequest>,
) -> Answer<Json<Value>> {
    key(&app, &caller, id.0, &request.checked()?, false).await
}

/// `GET /organizations/{id}/api-key-information`: which keys there are, and since when.
async fn api_key_information(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
) -> Answer<Json<List<Value>>> {
    key_information(&app, &caller, id.0, None).await
}

/// The same of one kind of key.
async fn api_key_information_of(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, u8>,
) -> Answer<Json<List<Value>>> {
    key_information(&app, &caller, ids.0, Some(ids.1)).await
}

/// `OrganizationApiKeyType` of the one kind there is so far.
const DEFAULT_KEY: u8 = 0;

async fn key_information(
    app: &WriteApi,
    caller: &Caller,
    id: OrganizationId,
    kind: Option<u8>,
) -> Answer<Json<List<Value>>> {
    if !app.standing(caller, id, About::Role).await?.is_owner() {
        return Err(Problem::forbidden());
    }
    let state = app.executor.state::<Organization>(id).await?;
    let since = state.live().and_then(|live| live.api_key_at);
    let keys = since
        .filter(|_| kind.is_none_or(|kind| kind == DEFAULT_KEY))
        .map(|at| json!({ "object": "keyInformation", "keyType": DEFAULT_KEY, "revisionDate": at.iso() }));
    Ok(Json(List::of(keys.into_iter().collect())))
}

/// `POST /organizations/{id}/rotate-api-key`.
async fn rotate_api_key(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<KeyRequest>,
) -> Answer<Json<Value>> {
    key(&app, &caller, id.0, &request.checked()?, true).await
}

async fn key(
    app: &WriteApi,
    caller: &Caller,
    id: OrganizationId,
    request: &SecretRequest,
    rotate: bool,
) -> Answer<Json<Value>> {
    let by = app.standing(caller, id, About::Role).await?;
    if !by.is_owner() {
        return Err(Problem::forbidden());
    }
    prove(app, caller, request).await?;
    let secret = new_api_key(|| app.executor.new_id());
    let done = app.alter_in(caller, id, &SetApiKey { by, secret, rotate }).await?;
    let live = done.value.live().ok_or_else(Problem::not_found)?;
    Ok(Json(json!({
        "object": "apiKey",
        "apiKey": live.api_key.as_ref().map(|secret| &secret.0),
        "revisionDate": live.api_key_at.map(|at| at.iso()),
    })))
}
