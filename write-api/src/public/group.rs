//! `/public/groups`.

use super::{Association, OrganizationCaller, association, list};
use crate::{
    WriteApi,
    account::check::Checks,
    organization::{
        access::{MAX_NAMED, collections},
        collection::MAX_EXTERNAL_ID,
        group::{MAX_NAME, present},
    },
};
use axum::{Json, extract::State};
use commands::organization::group::{Contents, CreateGroup, DeleteGroup, UpdateGroup};
use commands::vault::bulk::Bulk;
use domain::{
    id::{GroupId, MembershipId},
    organization::grant::Grantee,
};
use projections::sync::{group::GroupRow, shared};
use read_api::unavailable;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use web::{Answer, Body, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/public/groups", all)
        .post("/public/groups", create)
        .get("/public/groups/{id}", one)
        .put("/public/groups/{id}", update)
        .delete("/public/groups/{id}", delete)
        .get("/public/groups/{id}/member-ids", members)
        .put("/public/groups/{id}/member-ids", set_members)
}

/// `Public.GroupResponseModel`.
fn render(id: GroupId, row: &GroupRow, collections: &[Value]) -> Value {
    json!({
        "object": "group",
        "id": id,
        "name": row.name,
        "externalId": row.external_id,
        "collections": collections,
    })
}

/// The group, if it is of the organization.
async fn found(app: &WriteApi, caller: &OrganizationCaller, id: GroupId) -> Answer<GroupRow> {
    let pool = app.read.fresh(caller.asking()).await?;
    let row = shared::group(pool, id).await.map_err(unavailable)?;
    let row = row.filter(|row| row.organization == caller.id);
    row.ok_or_else(Problem::not_found)
}

async fn shown(app: &WriteApi, caller: &OrganizationCaller, id: GroupId) -> Answer<Json<Value>> {
    let row = found(app, caller, id).await?;
    let contents = present(app, caller.asking(), id).await?;
    let collections = contents
        .collections
        .iter()
        .map(|(id, rights)| association(id.0, *rights));
    Ok(Json(render(id, &row, &collections.collect::<Vec<_>>())))
}

/// `GET /public/groups`.
async fn all(caller: OrganizationCaller, State(app): State<WriteApi>) -> Answer<Json<Value>> {
    let pool = app.read.fresh(caller.asking()).await?;
    let rows = shared::groups_of(pool, caller.id).await.map_err(unavailable)?;
    let mut collections: HashMap<GroupId, Vec<Value>> = HashMap::new();
    for grant in shared::grants_of(pool, caller.id).await.map_err(unavailable)? {
        if let Grantee::Group(group) = grant.to {
            let shown = association(grant.collection.0, grant.rights);
            collections.entry(group).or_default().push(shown);
        }
    }
    let groups = rows
        .iter()
        .map(|(id, row)| render(*id, row, &collections.remove(id).unwrap_or_default()));
    Ok(Json(list(groups.collect())))
}

/// `GET /public/groups/{id}`.
async fn one(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<GroupId>) -> Answer<Json<Value>> {
    shown(&app, &caller, id.0).await
}

/// `Public.GroupCreateUpdateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRequest {
    name: Option<String>,
    external_id: Option<String>,
    collections: Option<Vec<Association>>,
}

/// `POST /public/groups`.
async fn create(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    Body(request): Body<GroupRequest>,
) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let group = GroupId(app.executor.new_id());
    let command = CreateGroup {
        by: caller.standing(),
        group,
        name: checks.required("Name", request.name, MAX_NAME),
        external_id: checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID),
        contents: Contents {
            collections: collections("Collections", request.collections, &mut checks).unwrap_or_default(),
            ..Contents::default()
        },
    };
    checks.done()?;
    caller.change(&app, &command).await?;
    shown(&app, &caller, group).await
}

/// `PUT /public/groups/{id}`. Collections that are not said stay.
async fn update(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<GroupId>,
    Body(request): Body<GroupRequest>,
) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let command = UpdateGroup {
        by: caller.standing(),
        group: id.0,
        name: checks.required("Name", request.name, MAX_NAME),
        external_id: Some(checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID)),
        present: present(&app, caller.asking(), id.0).await?,
        collections: collections("Collections", request.collections, &mut checks),
        members: None,
    };
    found(&app, &caller, id.0).await?;
    checks.done()?;
    caller.change(&app, &command).await?;
    shown(&app, &caller, id.0).await
}

/// `DELETE /public/groups/{id}`.
async fn delete(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<GroupId>) -> Answer<()> {
    let command = DeleteGroup {
        by: caller.standing(),
        group: id.0,
    };
    caller.change(&app, &Bulk(vec![command])).await?;
    Ok(())
}

/// `GET /public/groups/{id}/member-ids`.
async fn members(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<GroupId>,
) -> Answer<Json<Vec<MembershipId>>> {
    found(&app, &caller, id.0).await?;
    let contents = present(&app, caller.asking(), id.0).await?;
    Ok(Json(contents.members.into_iter().collect()))
}

/// `Public.UpdateMemberIdsRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MembersRequest {
    member_ids: Option<Vec<MembershipId>>,
}

/// `PUT /public/groups/{id}/member-ids`.
async fn set_members(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<GroupId>,
    Body(request): Body<MembersRequest>,
) -> Answer<()> {
    let row = found(&app, &caller, id.0).await?;
    let members = request.member_ids.unwrap_or_default();
    if members.len() > MAX_NAMED {
        return Err(Problem::field("MemberIds", "Too many members."));
    }
    let command = UpdateGroup {
        by: caller.standing(),
        group: id.0,
        name: row.name,
        external_id: None,
        present: present(&app, caller.asking(), id.0).await?,
        collections: None,
        members: Some(members.into_iter().collect()),
    };
    caller.change(&app, &command).await?;
    Ok(())
}
