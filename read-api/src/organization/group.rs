//! Groups as those who look after them see them.

use super::wire;
use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::{
    id::{GroupId, OrganizationId},
    organization::grant::Grantee,
};
use projections::sync::{
    group::GroupRow,
    shared::{self, About},
};
use serde_json::{Value, json};
use std::collections::HashMap;
use web::{Answer, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/organizations/{id}/groups", list)
        .get("/organizations/{id}/groups/details", list_details)
        .get("/organizations/{id}/groups/{group}", one)
        .get("/organizations/{id}/groups/{group}/details", details)
        .get("/organizations/{id}/groups/{group}/users", users)
}

/// `GroupResponseModel`.
pub fn render(id: GroupId, row: &GroupRow) -> Value {
    json!({
        "object": "group",
        "id": id,
        "organizationId": row.organization,
        "name": row.name,
        "externalId": row.external_id,
    })
}

fn render_details(id: GroupId, row: &GroupRow, collections: Vec<Value>) -> Value {
    let mut out = render(id, row);
    out["object"] = json!("groupDetails");
    out["collections"] = json!(collections);
    out
}

/// `GET /organizations/{id}/groups`: for members who manage something groups matter for.
async fn list(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<List<Value>>> {
    let standing = api.standing(&caller, id.0, About::All).await?;
    let manages = standing.rights.values().any(|rights| rights.manage);
    if !manages && !standing.may_list_all_collections() && !standing.may_create_collections() {
        return Err(Problem::forbidden());
    }
    let rows = shared::groups_of(api.fresh(caller.id).await?, id.0)
        .await
        .map_err(unavailable)?;
    Ok(Json(List::of(rows.iter().map(|(id, row)| render(*id, row)).collect())))
}

/// `GET /organizations/{id}/groups/details`.
async fn list_details(
    caller: Caller,
    State(api): State<ReadApi>,
    id: PathId<OrganizationId>,
) -> Answer<Json<List<Value>>> {
    let standing = api.standing(&caller, id.0, About::Role).await?;
    if !standing.may_manage_groups() && !standing.may_manage_users() {
        return Err(Problem::forbidden());
    }
    let pool = api.fresh(caller.id).await?;
    let rows = shared::groups_of(pool, id.0).await.map_err(unavailable)?;
    let mut collections: HashMap<GroupId, Vec<Value>> = HashMap::new();
    for grant in shared::grants_of(pool, id.0).await.map_err(unavailable)? {
        if let Grantee::Group(group) = grant.to {
            let selection = wire::selection(grant.collection.0, grant.rights);
            collections.entry(group).or_default().push(selection);
        }
    }
    let found = rows
        .iter()
        .map(|(id, row)| render_details(*id, row, collections.remove(id).unwrap_or_default()));
    Ok(Json(List::of(found.collect())))
}

/// A group of the organization, for somebody who manages groups.
async fn found(api: &ReadApi, caller: &Caller, organization: OrganizationId, id: GroupId) -> Answer<GroupRow> {
    let standing = api.standing(caller, organization, About::Role).await?;
    let row = shared::group(api.fresh(caller.id).await?, id)
        .await
        .map_err(unavailable)?;
    let row = row.filter(|row| row.organization == organization);
    let row = row.ok_or_else(Problem::not_found)?;
    if standing.may_manage_groups() {
        Ok(row)
    } else {
        Err(Problem::forbidden())
    }
}

/// `GET /organizations/{id}/groups/{group}`.
async fn one(caller: Caller, State(api): State<ReadApi>, ids: PathIds<OrganizationId, GroupId>) -> Answer<Json<Value>> {
    Ok(Json(render(ids.1, &found(&api, &caller, ids.0, ids.1).await?)))
}

/// `GET /organizations/{id}/groups/{group}/details`.
async fn details(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, GroupId>,
) -> Answer<Json<Value>> {
    let row = found(&api, &caller, ids.0, ids.1).await?;
    let grants = shared::grants_to(api.fresh(caller.id).await?, Grantee::Group(ids.1)).await;
    let collections = grants
        .map_err(unavailable)?
        .iter()
        .map(|grant| wire::selection(grant.collection.0, grant.rights))
        .collect();
    Ok(Json(render_details(ids.1, &row, collections)))
}

/// `GET /organizations/{id}/groups/{group}/users`: ids of memberships.
async fn users(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, GroupId>,
) -> Answer<Json<Vec<Value>>> {
    found(&api, &caller, ids.0, ids.1).await?;
    let places = shared::places_in(api.fresh(caller.id).await?, ids.1)
        .await
        .map_err(unavailable)?;
    Ok(Json(places.iter().map(|place| json!(place.member)).collect()))
}
