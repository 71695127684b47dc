//! Members as others in the organization see them.

use super::wire;
use crate::{ReadApi, unavailable};
use axum::{
    Json,
    extract::{Query, State},
};
use domain::{
    id::{MembershipId, OrganizationId, UserId},
    organization::policy::Enforced,
    organization::{grant::Grantee, membership::RevocationReason},
};
use projections::sync::{
    account::AccountView,
    membership::MembershipRow,
    organization::OrganizationView,
    shared::{self, About},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use web::{Answer, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/organizations/{id}/users", list)
        .get("/organizations/{id}/users/mini-details", mini)
        .get("/organizations/{id}/users/{member}", one)
        .get("/organizations/{id}/users/{member}/reset-password-details", recovery)
}

/// What `GET /organizations/{id}/users` may ask for beside.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListQuery {
    include_groups: Option<bool>,
    include_collections: Option<bool>,
}

/// What is common to all answers about a member.
fn render(id: MembershipId, row: &MembershipRow) -> Value {
    json!({
        "id": id,
        "userId": row.user,
        "type": row.role.number(),
        "status": row.status(),
        "externalId": row.view.external_id,
        "accessSecretsManager": row.view.secrets_manager,
        "accessPam": false,
        "permissions": row.view.permissions,
        "resetPasswordEnrolled": row.view.recovery_key.is_some(),
        "usesKeyConnector": false,
        "hasMasterPassword": row.user.is_some(),
    })
}

/// The number of a reason (`RevocationReason`).
fn reason(row: &MembershipRow) -> Option<u8> {
    row.view.revoked.map(|reason| match reason {
        RevocationReason::ByAdmin => 0,
        RevocationReason::TwoFactorPolicy => 1,
        RevocationReason::SingleOrganizationPolicy => 2,
        RevocationReason::BySelf => 3,
    })
}

/// `OrganizationUserUserDetailsResponseModel`.
fn render_user(
    id: MembershipId,
    row: &MembershipRow,
    account: Option<&AccountView>,
    organization: &OrganizationView,
    collections: Vec<Value>,
    groups: Vec<Value>,
) -> Value {
    let mut out = render(id, row);
    out["object"] = json!("organizationUserUserDetails");
    out["name"] = json!(account.and_then(|account| account.name.as_ref()));
    out["email"] = json!(account.map(|account| &account.email).or(row.view.email.as_ref()));
    out["avatarColor"] = json!(account.and_then(|account| account.avatar_color.as_ref()));
    out["twoFactorEnabled"] = json!(false);
    out["ssoBound"] = json!(false);
    out["claimedByOrganization"] = json!(account.is_some_and(|account| organization.claims(&account.email)));
    out["collections"] = json!(collections);
    out["groups"] = json!(groups);
    out["revocationReason"] = json!(reason(row));
    out["creationDate"] = json!(row.created.iso());
    out
}

impl ReadApi {
    /// Accounts by id.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn accounts(&self, asking: UserId, users: &[UserId]) -> Answer<HashMap<UserId, AccountView>> {
        let found = shared::accounts(self.fresh(asking).await?, users).await;
        Ok(found.map_err(unavailable)?.into_iter().collect())
    }
}

/// `GET /organizations/{id}/users`.
async fn list(
    caller: Caller,
    State(api): State<ReadApi>,
    id: PathId<OrganizationId>,
    Query(query): Query<ListQuery>,
) -> Answer<Json<List<Value>>> {
    let standing = api.standing(&caller, id.0, About::Role).await?;
    // who only manages a collection is told as much as it takes to give rights in it: see `mini`
    if !standing.may_manage_users() && !standing.may_manage_groups() && !standing.may_recover_accounts() {
        return Err(Problem::forbidden());
    }
    let pool = api.fresh(caller.id).await?;
    let rows = shared::members_of(pool, id.0).await.map_err(unavailable)?;
    let users: Vec<UserId> = rows.iter().filter_map(|(_, row)| row.user).collect();
    let accounts = api.accounts(caller.id, &users).await?;
    let mut collections: HashMap<MembershipId, Vec<Value>> = HashMap::new();
    if query.include_collections.unwrap_or(false) {
        for grant in shared::grants_of(pool, id.0).await.map_err(unavailable)? {
            if let Grantee::Member(member) = grant.to {
                let selection = wire::selection(grant.collection.0, grant.rights);
                collections.entry(member).or_default().push(selection);
            }
        }
    }
    let mut groups: HashMap<MembershipId, Vec<Value>> = HashMap::new();
    if query.include_groups.unwrap_or(false) {
        for place in shared::places_of(pool, id.0).await.map_err(unavailable)? {
            groups.entry(place.member).or_default().push(json!(place.group));
        }
    }
    let organization = api.organization(caller.id, id.0).await?;
    let found = rows.iter().map(|(id, row)| {
        let account = row.user.and_then(|user| accounts.get(&user));
        let (collections, groups) = (collections.remove(id), groups.remove(id));
        render_user(
            *id,
            row,
            account,
            &organization,
            collections.unwrap_or_default(),
            groups.unwrap_or_default(),
        )
    });
    Ok(Json(List::of(found.collect())))
}

/// `GET /organizations/{id}/users/mini-details`: for any member, to choose from.
async fn mini(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<List<Value>>> {
    api.standing(&caller, id.0, About::Role).await?;
    let rows = shared::members_of(api.fresh(caller.id).await?, id.0)
        .await
        .map_err(unavailable)?;
    let users: Vec<UserId> = rows.iter().filter_map(|(_, row)| row.user).collect();
    let accounts = api.accounts(caller.id, &users).await?;
    let found = rows.iter().map(|(id, row)| {
        let account = row.user.and_then(|user| accounts.get(&user));
        json!({
            "object": "organizationUserUserMiniDetails",
            "id": id,
            "userId": row.user,
            "type": row.role.number(),
            "status": row.status(),
            "name": account.and_then(|account| account.name.as_ref()),
            "email": account.map(|account| &account.email).or(row.view.email.as_ref()),
        })
    });
    Ok(Json(List::of(found.collect())))
}

/// A membership of the organization.
async fn found(
    api: &ReadApi,
    caller: &Caller,
    organization: OrganizationId,
    id: MembershipId,
) -> Answer<MembershipRow> {
    let row = shared::membership(api.fresh(caller.id).await?, id)
        .await
        .map_err(unavailable)?;
    row.filter(|row| row.organization == organization)
        .ok_or_else(Problem::not_found)
}

/// `GET /organizations/{id}/users/{member}`.
async fn one(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, MembershipId>,
) -> Answer<Json<Value>> {
    let standing = api.standing(&caller, ids.0, About::Role).await?;
    let row = found(&api, &caller, ids.0, ids.1).await?;
    if !standing.may_manage_users() {
        return Err(Problem::forbidden());
    }
    let pool = api.fresh(caller.id).await?;
    let grants = shared::grants_to(pool, Grantee::Member(ids.1))
        .await
        .map_err(unavailable)?;
    let places = shared::places_with(pool, ids.1).await.map_err(unavailable)?;
    let mut out = render(ids.1, &row);
    out["object"] = json!("organizationUserDetails");
    let account = match row.user {
        Some(user) => api.account_of(user).await?,
        None => None,
    };
    let organization = api.organization(caller.id, ids.0).await?;
    out["claimedByOrganization"] = json!(account.is_some_and(|account| organization.claims(&account.email)));
    out["ssoExternalId"] = Value::Null;
    out["creationDate"] = json!(row.created.iso());
    out["collections"] = grants
        .iter()
        .map(|grant| wire::selection(grant.collection.0, grant.rights))
        .collect();
    out["groups"] = places.iter().map(|place| json!(place.group)).collect();
    Ok(Json(out))
}

/// `GET /organizations/{id}/users/{member}/reset-password-details`: what it takes to recover an account.
async fn recovery(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, MembershipId>,
) -> Answer<Json<Value>> {
    let standing = api.standing(&caller, ids.0, About::Role).await?;
    let row = found(&api, &caller, ids.0, ids.1).await?;
    if !standing.may_recover(row.role) {
        return Err(Problem::forbidden());
    }
    let policies = shared::policies_of(api.fresh(caller.id).await?, &[ids.0])
        .await
        .map_err(unavailable)?;
    let on = policies
        .iter()
        .any(|(_, policy)| policy.kind == Enforced::ResetPassword as i16 && policy.enabled);
    if !on {
        return Err(Problem::not_found());
    }
    // who is not enrolled, or not in the organization at present, is not to be recovered
    let enrolled = row.is_active() && row.view.recovery_key.is_some();
    let user = row.user.filter(|_| enrolled).ok_or_else(Problem::not_found)?;
    let account = api.account_of(user).await?.ok_or_else(Problem::not_found)?;
    let organization = api.organization(caller.id, ids.0).await?;
    Ok(Json(json!({
        "object": "organizationUserResetPasswordDetails",
        "organizationUserId": ids.1,
        "kdf": account.kdf.kind(),
        "kdfIterations": account.kdf.iterations(),
        "kdfMemory": account.kdf.memory(),
        "kdfParallelism": account.kdf.parallelism(),
        "resetPasswordKey": row.view.recovery_key,
        "encryptedPrivateKey": organization.private_key,
        "masterPasswordSalt": account.salt,
    })))
}
