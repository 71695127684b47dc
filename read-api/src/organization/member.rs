//! Members as others in the organization see them.

use super::wire;
use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::{
    id::{CollectionId, MembershipId, OrganizationId, UserId},
    organization::{access::Standing, grant::Grantee, membership::RevocationReason, policy::Enforced},
};
use projections::sync::{
    account::AccountView,
    membership::MembershipRow,
    organization::OrganizationView,
    shared::{self, About},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use web::{Answer, Caller, List, PathId, PathIds, Problem, Query, Routes};

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
        RevocationReason::ByAdmin => 1,
        RevocationReason::TwoFactorPolicy => 2,
        // who will not hand over what is theirs does so where a policy asks for it
        RevocationReason::BySelf => 3,
        RevocationReason::SingleOrganizationPolicy => 4,
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

/// The collections that hold members' own items: not what anybody gives or takes, so nobody is told of them.
async fn own_items(api: &ReadApi, caller: &Caller, organization: OrganizationId) -> Answer<HashSet<CollectionId>> {
    let rows = shared::collections_of(api.fresh(caller.id).await?, organization)
        .await
        .map_err(unavailable)?;
    let own = rows.into_iter().filter(|(_, row)| row.default_of.is_some());
    Ok(own.map(|(id, _)| id).collect())
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
    let mut rows = shared::members_of(pool, id.0).await.map_err(unavailable)?;
    if !standing.may_manage_users() && !standing.may_manage_groups() {
        // who recovers accounts looks after those that can be recovered
        rows.retain(|(_, row)| recoverable(row).is_some());
    }
    let users: Vec<UserId> = rows.iter().filter_map(|(_, row)| row.user).collect();
    let accounts = api.accounts(caller.id, &users).await?;
    let mut collections: HashMap<MembershipId, Vec<Value>> = HashMap::new();
    if query.include_collections.unwrap_or(false) {
        let own = own_items(&api, &caller, id.0).await?;
        for grant in shared::grants_of(pool, id.0).await.map_err(unavailable)? {
            if let Grantee::Member(member) = grant.to
                && !own.contains(&grant.collection)
            {
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
    let own = own_items(&api, &caller, ids.0).await?;
    out["collections"] = grants
        .iter()
        .filter(|grant| !own.contains(&grant.collection))
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
    if !recovers(&api, &caller, ids.0).await? {
        return Err(Problem::not_found());
    }
    let user = recoverable(&row).ok_or_else(Problem::not_found)?;
    let account = api.account_of(user).await?.ok_or_else(Problem::not_found)?;
    let organization = api.organization(caller.id, ids.0).await?;
    Ok(Json(render_recovery((ids.1, &row), &account, &organization)))
}

/// The account of a member who can be recovered: who is not enrolled, or not in the organization at present, cannot.
fn recoverable(row: &MembershipRow) -> Option<UserId> {
    row.user.filter(|_| row.is_active() && row.view.recovery_key.is_some())
}

/// `OrganizationUserResetPasswordDetailsResponseModel`.
fn render_recovery(
    (id, row): (MembershipId, &MembershipRow),
    account: &AccountView,
    organization: &OrganizationView,
) -> Value {
    json!({
        "object": "organizationUserResetPasswordDetails",
        "organizationUserId": id,
        "kdf": account.kdf.kind(),
        "kdfIterations": account.kdf.iterations(),
        "kdfMemory": account.kdf.memory(),
        "kdfParallelism": account.kdf.parallelism(),
        "resetPasswordKey": row.view.recovery_key,
        "encryptedPrivateKey": organization.private_key,
        "masterPasswordSalt": account.salt,
    })
}

impl ReadApi {
    /// What it takes to recover the accounts of those of `ids` whom `standing` may recover.
    ///
    /// # Errors
    /// 404 where the policy for it is off; 503 if the database cannot be asked.
    pub async fn recoverable(
        &self,
        caller: &Caller,
        standing: &Standing,
        ids: &HashSet<MembershipId>,
    ) -> Answer<Vec<Value>> {
        if !recovers(self, caller, standing.organization).await? {
            return Err(Problem::not_found());
        }
        let rows = shared::members_of(self.fresh(caller.id).await?, standing.organization)
            .await
            .map_err(unavailable)?;
        let wanted: Vec<_> = rows
            .iter()
            .filter(|(id, row)| ids.contains(id) && standing.may_recover(row.role))
            .filter_map(|(id, row)| Some((*id, row, recoverable(row)?)))
            .collect();
        let users: Vec<UserId> = wanted.iter().map(|(.., user)| *user).collect();
        let accounts = self.accounts(caller.id, &users).await?;
        let organization = self.organization(caller.id, standing.organization).await?;
        let found = wanted
            .iter()
            .filter_map(|(id, row, user)| Some(render_recovery((*id, row), accounts.get(user)?, &organization)));
        Ok(found.collect())
    }
}

/// Whether the policy that lets an organization recover accounts is on.
async fn recovers(api: &ReadApi, caller: &Caller, organization: OrganizationId) -> Answer<bool> {
    let policies = shared::policies_of(api.fresh(caller.id).await?, &[organization])
        .await
        .map_err(unavailable)?;
    let on = |kind: i16, enabled: bool| kind == Enforced::ResetPassword as i16 && enabled;
    Ok(policies.iter().any(|(_, policy)| on(policy.kind, policy.enabled)))
}
