//! `/public/collections`. Their names are sealed, so they are made by clients of people.

use super::{Association, OrganizationCaller, association, list};
use crate::{
    WriteApi,
    account::check::Checks,
    organization::{
        access::grants,
        collection::{MAX_EXTERNAL_ID, present},
    },
};
use axum::{Json, extract::State};
use commands::{
    organization::collection::{DeleteCollection, UpdateCollection},
    vault::bulk::Bulk,
};
use domain::{
    id::{CollectionId, GroupId},
    organization::grant::Grantee,
};
use projections::sync::{collection::CollectionRow, shared};
use read_api::unavailable;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use web::{Answer, Body, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/public/collections", all)
        .get("/public/collections/{id}", one)
        .put("/public/collections/{id}", update)
        .delete("/public/collections/{id}", delete)
}

/// `Public.CollectionResponseModel`.
fn render(id: CollectionId, row: &CollectionRow, groups: &[Value]) -> Value {
    json!({
        "object": "collection",
        "id": id,
        "externalId": row.external_id,
        "groups": groups,
    })
}

/// The collection, if it is of the organization and not one of a member's own.
async fn found(app: &WriteApi, caller: &OrganizationCaller, id: CollectionId) -> Answer<CollectionRow> {
    let pool = app.read.fresh(caller.asking()).await?;
    let found = shared::collections(pool, &[id]).await.map_err(unavailable)?;
    let rows = found.into_iter().map(|(_, row)| row);
    let mut ours = rows.filter(|row| row.organization == caller.id && row.default_of.is_none());
    ours.next().ok_or_else(Problem::not_found)
}

async fn shown(app: &WriteApi, caller: &OrganizationCaller, id: CollectionId) -> Answer<Json<Value>> {
    let row = found(app, caller, id).await?;
    let present = present(app, caller.asking(), id).await?;
    let groups = present.iter().filter_map(|(to, rights)| match to {
        Grantee::Group(group) => Some(association(group.0, *rights)),
        Grantee::Member(_) => None,
    });
    Ok(Json(render(id, &row, &groups.collect::<Vec<_>>())))
}

/// `GET /public/collections`.
async fn all(caller: OrganizationCaller, State(app): State<WriteApi>) -> Answer<Json<Value>> {
    let pool = app.read.fresh(caller.asking()).await?;
    let rows = shared::collections_of(pool, caller.id).await.map_err(unavailable)?;
    let mut groups: HashMap<CollectionId, Vec<Value>> = HashMap::new();
    for grant in shared::grants_of(pool, caller.id).await.map_err(unavailable)? {
        if let Grantee::Group(GroupId(group)) = grant.to {
            let shown = association(group, grant.rights);
            groups.entry(grant.collection).or_default().push(shown);
        }
    }
    let shared = rows.iter().filter(|(_, row)| row.default_of.is_none());
    let collections = shared.map(|(id, row)| render(*id, row, &groups.remove(id).unwrap_or_default()));
    Ok(Json(list(collections.collect())))
}

/// `GET /public/collections/{id}`.
async fn one(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<CollectionId>) -> Answer<Json<Value>> {
    shown(&app, &caller, id.0).await
}

/// `Public.CollectionUpdateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CollectionRequest {
    groups: Option<Vec<Association>>,
    external_id: Option<String>,
}

/// `PUT /public/collections/{id}`: rights of groups and what a directory calls it; those of members stay, and groups that are
/// not said do.
async fn update(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<CollectionId>,
    Body(request): Body<CollectionRequest>,
) -> Answer<Json<Value>> {
    found(&app, &caller, id.0).await?;
    let mut checks = Checks::new();
    let external_id = checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID);
    let said = request.groups.is_some();
    let groups = grants(None, request.groups, &mut checks);
    checks.done()?;
    let present = present(&app, caller.asking(), id.0).await?;
    let wanted = groups.filter(|_| said);
    if let Some(wanted) = &wanted {
        let of_members = present.iter().filter(|(to, _)| matches!(to, Grantee::Member(_)));
        let managed = wanted
            .values()
            .chain(of_members.map(|(_, rights)| rights))
            .any(|rights| rights.manage);
        if caller.strict && !managed {
            return Err(Problem::bad_request(
                "At least one member or group must have can manage permission.",
            ));
        }
    }
    // rights of members are not touched, whatever becomes of them meanwhile
    let (present, kept) = present.into_iter().partition(|(to, _)| matches!(to, Grantee::Group(_)));
    let command = UpdateCollection {
        by: caller.standing(),
        collection: id.0,
        name: None,
        external_id: Some(external_id),
        present,
        kept,
        grants: wanted,
    };
    caller.change(&app, &command).await?;
    shown(&app, &caller, id.0).await
}

/// `DELETE /public/collections/{id}`.
async fn delete(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<CollectionId>) -> Answer<()> {
    found(&app, &caller, id.0).await?;
    let command = DeleteCollection {
        by: caller.standing(),
        collection: id.0,
    };
    caller.change(&app, &Bulk(vec![command])).await?;
    Ok(())
}
