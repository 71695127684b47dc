//! Groups.

use super::{
    access::{MAX_NAMED, Selection, collections},
    collection::MAX_EXTERNAL_ID,
};
use crate::{WriteApi, account::check::Checks};
use axum::{Json, extract::State};
use commands::{
    organization::group::{Contents, CreateGroup, DeleteGroup, LeaveGroup, UpdateGroup},
    ports::About,
    vault::bulk::Whole,
};
use domain::{
    id::{GroupId, MembershipId, OrganizationId, UserId},
    organization::grant::Grantee,
};
use projections::sync::shared;
use read_api::{organization::group::render, unavailable};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;
use web::{Answer, Body, Caller, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations/{id}/groups", create)
        .delete("/organizations/{id}/groups", delete_some)
        .post("/organizations/{id}/groups/delete", delete_some)
        .put_or_post("/organizations/{id}/groups/{group}", update)
        .delete("/organizations/{id}/groups/{group}", delete)
        .post("/organizations/{id}/groups/{group}/delete", delete)
        .delete("/organizations/{id}/groups/{group}/user/{member}", leave)
        .post("/organizations/{id}/groups/{group}/delete-user/{member}", leave)
}

/// The most characters of a name.
pub(crate) const MAX_NAME: usize = 100;

/// `GroupRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRequest {
    name: Option<String>,
    external_id: Option<String>,
    collections: Option<Vec<Selection>>,
    users: Option<Vec<MembershipId>>,
}

async fn shown(app: &WriteApi, caller: &Caller, id: GroupId) -> Answer<Json<Value>> {
    let pool = app.read.fresh(caller.id).await?;
    let row = shared::group(pool, id).await.map_err(unavailable)?;
    Ok(Json(render(id, &row.ok_or_else(Problem::not_found)?)))
}

fn members(users: Option<Vec<MembershipId>>, checks: &mut Checks) -> Option<BTreeSet<MembershipId>> {
    let users = users?;
    if users.len() > MAX_NAMED {
        checks.wrong("Users", format!("Users names more than {MAX_NAMED}."));
    }
    Some(users.into_iter().collect())
}

/// `POST /organizations/{id}/groups`.
async fn create(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<GroupRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, id.0, About::All).await?;
    let mut checks = Checks::new();
    let name = checks.required("Name", request.name, MAX_NAME);
    let external_id = checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID);
    let contents = Contents {
        collections: collections("Collections", request.collections, &mut checks).unwrap_or_default(),
        members: members(request.users, &mut checks).unwrap_or_default(),
    };
    checks.done()?;
    let group = GroupId(app.executor.new_id());
    let command = CreateGroup {
        by,
        group,
        name,
        external_id,
        contents,
    };
    app.change_in(&caller, id.0, &command).await?;
    shown(&app, &caller, group).await
}

/// What a group consists of by the read models.
pub(crate) async fn present(app: &WriteApi, asking: UserId, group: GroupId) -> Answer<Contents> {
    let pool = app.read.fresh(asking).await?;
    let grants = shared::grants_to(pool, Grantee::Group(group))
        .await
        .map_err(unavailable)?;
    let places = shared::places_in(pool, group).await.map_err(unavailable)?;
    Ok(Contents {
        collections: grants.into_iter().map(|row| (row.collection, row.rights)).collect(),
        members: places.into_iter().map(|row| row.member).collect(),
    })
}

/// `PUT /organizations/{id}/groups/{group}`, and `POST` for older clients.
async fn update(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, GroupId>,
    Body(request): Body<GroupRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, ids.0, About::All).await?;
    let mut checks = Checks::new();
    let command = UpdateGroup {
        by,
        group: ids.1,
        name: checks.required("Name", request.name, MAX_NAME),
        // what a directory calls it is not the clients' to say: theirs send nothing of it
        external_id: None,
        present: present(&app, caller.id, ids.1).await?,
        collections: collections("Collections", request.collections, &mut checks),
        members: members(request.users, &mut checks),
    };
    checks.done()?;
    app.change_in(&caller, ids.0, &command).await?;
    shown(&app, &caller, ids.1).await
}

/// `DELETE /organizations/{id}/groups/{group}`, and `POST …/delete` for older clients.
async fn delete(caller: Caller, State(app): State<WriteApi>, ids: PathIds<OrganizationId, GroupId>) -> Answer<()> {
    let by = app.standing(&caller, ids.0, About::Role).await?;
    app.alter_in(&caller, ids.0, &DeleteGroup { by, group: ids.1 }).await?;
    Ok(())
}

/// `GroupBulkRequestModel`.
#[derive(Debug, Deserialize)]
struct BulkRequest {
    ids: Vec<GroupId>,
}

/// `DELETE /organizations/{id}/groups`, and `POST …/groups/delete` for older clients: all of them or none.
async fn delete_some(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<BulkRequest>,
) -> Answer<()> {
    if request.ids.is_empty() || request.ids.len() > MAX_NAMED {
        return Err(Problem::bad_request("No group ids provided, or too many."));
    }
    let by = app.standing(&caller, id.0, About::Role).await?;
    let all = request
        .ids
        .into_iter()
        .map(|group| DeleteGroup { by: by.clone(), group });
    app.change_in(&caller, id.0, &Whole(all.collect())).await?;
    Ok(())
}

/// `DELETE /organizations/{id}/groups/{group}/user/{member}`, and `POST …/delete-user/{member}` for older clients.
async fn leave(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, GroupId>,
    axum::extract::Path(path): axum::extract::Path<(String, String, String)>,
) -> Answer<()> {
    let member = path.2.parse().map_err(|_| Problem::not_found())?;
    let by = app.standing(&caller, ids.0, About::Role).await?;
    let command = LeaveGroup {
        by,
        group: ids.1,
        member,
    };
    app.change_in(&caller, ids.0, &command).await?;
    Ok(())
}
