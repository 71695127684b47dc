//! Policies as those who set them, and those who are bound by them, see them.

use super::wire;
use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::{
    id::{OrganizationId, PolicyId},
    organization::policy::{Enforced, LAST_KIND},
};
use projections::sync::{
    organization::OrganizationView,
    shared::{self, About},
};
use serde_json::{Value, json};
use web::{Answer, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/organizations/{id}/policies", list)
        .get("/organizations/{id}/policies/master-password", master_password)
        .get("/organizations/{id}/policies/{kind}", one)
}

/// `PolicyStatusResponseModel`. What members of a claimed domain are held to stays on while the domain is claimed.
fn status((organization, view): (OrganizationId, &OrganizationView), kind: i16, found: Option<&Value>) -> Value {
    let enabled = found.is_some_and(|policy| policy["enabled"] == true);
    let data = found.map(|policy| &policy["data"]).filter(|data| !data.is_null());
    let held = enabled && kind == Enforced::SingleOrganization as i16 && view.holds_domain();
    json!({
        "object": "policy",
        "organizationId": organization,
        "type": kind,
        "data": data.unwrap_or(&json!({})),
        "enabled": enabled,
        "canToggleState": !held,
    })
}

async fn policies(api: &ReadApi, caller: &Caller, id: OrganizationId) -> Answer<Vec<(i16, Value)>> {
    let rows = shared::policies_of(api.fresh(caller.id).await?, &[id])
        .await
        .map_err(unavailable)?;
    Ok(rows
        .iter()
        .map(|(id, row)| (row.kind, wire::policy(PolicyId(*id), row)))
        .collect())
}

/// `GET /organizations/{id}/policies`: those that were ever set.
async fn list(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<List<Value>>> {
    if !api.standing(&caller, id.0, About::Role).await?.may_manage_policies() {
        return Err(Problem::forbidden());
    }
    let found = policies(&api, &caller, id.0).await?;
    let view = api.organization(caller.id, id.0).await?;
    Ok(Json(List::of(
        found
            .iter()
            .map(|(kind, policy)| status((id.0, &view), *kind, Some(policy)))
            .collect(),
    )))
}

/// `GET /organizations/{id}/policies/{kind}`.
async fn one(caller: Caller, State(api): State<ReadApi>, ids: PathIds<OrganizationId, u8>) -> Answer<Json<Value>> {
    if !api.standing(&caller, ids.0, About::Role).await?.may_manage_policies() {
        return Err(Problem::forbidden());
    }
    if ids.1 > LAST_KIND {
        return Err(Problem::not_found());
    }
    let kind = i16::from(ids.1);
    let found = policies(&api, &caller, ids.0).await?;
    let found = found.iter().find(|(known, _)| *known == kind).map(|(_, policy)| policy);
    let view = api.organization(caller.id, ids.0).await?;
    Ok(Json(status((ids.0, &view), kind, found)))
}

/// `GET /organizations/{id}/policies/master-password`: for any member, while it is on.
async fn master_password(
    caller: Caller,
    State(api): State<ReadApi>,
    id: PathId<OrganizationId>,
) -> Answer<Json<Value>> {
    let memberships = api.memberships_of(caller.id).await?;
    if !memberships.iter().any(|(_, row, _)| row.organization == id.0) {
        return Err(Problem::not_found());
    }
    let found = policies(&api, &caller, id.0).await?;
    let found = found
        .into_iter()
        .find(|(kind, policy)| *kind == 1 && policy["enabled"] == true);
    found.map(|(_, policy)| Json(policy)).ok_or_else(Problem::not_found)
}
