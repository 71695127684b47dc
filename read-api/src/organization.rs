//! Organizations as their members see them.

pub mod claim;
pub mod collection;
pub mod group;
pub mod item;
pub mod member;
pub mod policy;
pub mod task;
pub mod wire;

use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::{
    id::{MembershipId, OrganizationId, UserId},
    organization::access::Standing,
};
use projections::sync::{
    membership::MembershipRow,
    organization::OrganizationView,
    shared::{self, About},
};
use serde_json::{Value, json};
use web::{Answer, Anyone, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/organizations", list)
        .get("/organizations/{id}", one)
        .get("/organizations/{id}/keys", keys)
        .get("/organizations/{id}/public-key", public_key)
        .get("/organizations/{id}/private-key", private_key)
        .get("/organizations/{id}/auto-enroll-status", auto_enroll_status)
        .get("/organizations/connections/enabled", connections_enabled)
        .get("/organizations/connections/{id}/{kind}", connection)
        .get("/organizations/{id}/subscription", subscription)
        .get("/organizations/{id}/billing/vnext/self-host/metadata", metadata)
        .get("/plans", plans)
        .get("/accounts/organizations", list)
        .merge(collection::routes())
        .merge(claim::routes())
        .merge(task::routes())
        .merge(group::routes())
        .merge(item::routes())
        .merge(member::routes())
        .merge(policy::routes())
}

/// A membership of a person, and the organization it is in.
pub type Membership = (MembershipId, MembershipRow, OrganizationView);

impl ReadApi {
    /// The memberships of a person, oldest first: those who are invited, accepted and revoked too.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn memberships_of(&self, user: UserId) -> Answer<Vec<Membership>> {
        shared::memberships_of(self.fresh(user).await?, user)
            .await
            .map_err(unavailable)
    }

    /// Where the caller stands in an organization.
    ///
    /// # Errors
    /// 404 if they are not confirmed there, 503 if it cannot be told.
    pub async fn standing(&self, caller: &Caller, organization: OrganizationId, about: About<'_>) -> Answer<Standing> {
        caller.asking.of(organization);
        let found = self.stands(caller.id, organization, about).await?;
        found.ok_or_else(Problem::not_found)
    }

    /// Where somebody stands in an organization, as new as the last right anybody was told was given or taken; from memory as a
    /// rule. `None` if they are not confirmed there.
    ///
    /// # Errors
    /// 503 if it cannot be told.
    pub async fn stands(
        &self,
        user: UserId,
        organization: OrganizationId,
        about: About<'_>,
    ) -> Answer<Option<Standing>> {
        let pool = self.with_rights(user).await?;
        shared::standing(&self.live, pool, user, organization, about)
            .await
            .map_err(unavailable)
    }

    /// An organization.
    ///
    /// # Errors
    /// 404 if there is none, 503 if the database cannot be asked.
    pub async fn organization(&self, user: UserId, id: OrganizationId) -> Answer<OrganizationView> {
        let found = shared::organization(self.fresh(user).await?, id).await;
        found.map_err(unavailable)?.ok_or_else(Problem::not_found)
    }
}

/// `GET /organizations`, and `GET /accounts/organizations`: those the caller is confirmed in.
async fn list(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<List<Value>>> {
    let memberships = api.memberships_of(caller.id).await?;
    let account = api.account(caller.id).await?;
    Ok(Json(List::of(wire::profile_organizations(
        &memberships,
        &account.email,
    ))))
}

/// `GET /organizations/{id}`.
async fn one(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    if !api.standing(&caller, id.0, About::Role).await?.is_owner() {
        return Err(Problem::forbidden());
    }
    Ok(Json(wire::organization(
        id.0,
        &api.organization(caller.id, id.0).await?,
    )))
}

/// `GET /organizations/{id}/subscription`: nothing is bought here, and nothing expires. For owners.
async fn subscription(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    if !api.standing(&caller, id.0, About::Role).await?.is_owner() {
        return Err(Problem::forbidden());
    }
    let mut out = wire::organization(id.0, &api.organization(caller.id, id.0).await?);
    out["object"] = json!("organizationSubscription");
    let unset = [
        "storageName",
        "storageGb",
        "customerDiscount",
        "subscription",
        "upcomingInvoice",
        "expiration",
        "expirationWithoutGracePeriod",
    ];
    for name in unset {
        out[name] = Value::Null;
    }
    Ok(Json(out))
}

/// `GET /organizations/{id}/billing/vnext/self-host/metadata`: how many seats are taken, by all but those whose rights are suspended.
/// For members.
async fn metadata(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    api.standing(&caller, id.0, About::Role).await?;
    let rows = shared::members_of(api.fresh(caller.id).await?, id.0)
        .await
        .map_err(unavailable)?;
    let taken = rows.iter().filter(|(_, row)| row.view.revoked.is_none()).count();
    Ok(Json(
        json!({ "isOnSecretsManagerStandalone": false, "organizationOccupiedSeats": taken }),
    ))
}

/// `GET /organizations/{id}/keys`: for whoever wants to seal something for it.
async fn keys(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    let found = api.organization(caller.id, id.0).await?;
    Ok(Json(json!({
        "object": "organizationPublicKey",
        "publicKey": found.public_key,
    })))
}

/// `GET /organizations/{id}/public-key`.
async fn public_key(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    keys(caller, State(api), id).await
}

/// `GET /organizations/{id}/private-key`: sealed, for those who let people in.
async fn private_key(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    if !api.standing(&caller, id.0, About::Role).await?.may_manage_users() {
        return Err(Problem::forbidden());
    }
    let view = api.organization(caller.id, id.0).await?;
    Ok(Json(
        json!({ "object": "organizationPrivateKey", "privateKey": view.private_key }),
    ))
}

/// `GET /organizations/connections/enabled`: nothing is told to anybody's cloud.
async fn connections_enabled(_: Caller) -> Json<bool> {
    Json(false)
}

/// `GET /organizations/connections/{id}/{kind}`: there is none, as clients read that.
async fn connection(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, u8>,
) -> Answer<Json<Value>> {
    let standing = api.standing(&caller, ids.0, About::Role).await?;
    let allowed = match ids.1 {
        BILLING_SYNC => standing.is_owner(),
        SCIM => standing.may_manage_scim(),
        _ => return Err(Problem::not_found()),
    };
    if !allowed {
        return Err(Problem::forbidden());
    }
    Ok(Json(json!({
        "id": null,
        "type": ids.1,
        "organizationId": ids.0,
        "enabled": false,
        "config": null,
    })))
}

/// `OrganizationConnectionType`.
const BILLING_SYNC: u8 = 1;
const SCIM: u8 = 2;

/// `GET /plans`: the one plan there is.
async fn plans(_: Anyone) -> Json<List<Value>> {
    Json(List::of(vec![wire::plan(wire::ENTERPRISE_ANNUALLY)]))
}

/// `GET /organizations/{id}/auto-enroll-status`: whether new members are enrolled in account recovery as they come.
async fn auto_enroll_status(
    caller: Caller,
    State(api): State<ReadApi>,
    id: PathId<OrganizationId>,
) -> Answer<Json<Value>> {
    let known = api.memberships_of(caller.id).await?;
    if !known.iter().any(|(_, membership, _)| membership.organization == id.0) {
        return Err(Problem::not_found());
    }
    let policies = shared::policies_of(api.fresh(caller.id).await?, &[id.0])
        .await
        .map_err(unavailable)?;
    let enrolls = policies.iter().any(|(_, policy)| {
        policy.kind == 8
            && policy.enabled
            && policy.data.as_deref().is_some_and(|data| {
                serde_json::from_str::<Value>(data).is_ok_and(|data| data["autoEnrollEnabled"] == true)
            })
    });
    Ok(Json(json!({
        "object": "organizationAutoEnrollStatus",
        "id": id.0,
        "resetPasswordEnabled": enrolls,
    })))
}
