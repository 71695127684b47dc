//! Collections.

use super::{
    access::{MAX_NAMED, Selection, grants},
    profile::sealed_name,
};
use crate::{WriteApi, account::check::Checks};
use axum::{Json, extract::State};
use commands::{
    organization::collection::{CreateCollection, DeleteCollection, GrantMany, UpdateCollection},
    ports::About,
    vault::bulk::Whole,
};
use domain::{
    id::{CollectionId, OrganizationId, UserId},
    organization::grant::{Grantee, Rights},
};
use projections::sync::shared;
use read_api::unavailable;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use web::{Answer, Body, Caller, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations/{id}/collections", create)
        .delete("/organizations/{id}/collections", delete_some)
        .post("/organizations/{id}/collections/delete", delete_some)
        .post("/organizations/{id}/collections/bulk-access", grant_many)
        .put_or_post("/organizations/{id}/collections/{collection}", update)
        .delete("/organizations/{id}/collections/{collection}", delete)
        .post("/organizations/{id}/collections/{collection}/delete", delete)
}

/// The most characters of what a directory calls something.
pub(crate) const MAX_EXTERNAL_ID: usize = 300;

/// `CreateCollectionRequestModel` and `UpdateCollectionRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CollectionRequest {
    name: Option<String>,
    external_id: Option<String>,
    groups: Option<Vec<Selection>>,
    users: Option<Vec<Selection>>,
}

/// `POST /organizations/{id}/collections`.
async fn create(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<CollectionRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    let mut checks = Checks::new();
    let name = sealed_name("Name", request.name, &mut checks);
    if name.is_none() {
        checks.wrong("Name", "The Name field is required.");
    }
    let external_id = checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID);
    let grants = grants(request.users, request.groups, &mut checks).unwrap_or_default();
    checks.done()?;
    let Some(name) = name else {
        return Err(Problem::field("Name", "The Name field is required."));
    };
    let collection = CollectionId(app.executor.new_id());
    let command = CreateCollection {
        by,
        collection,
        name,
        external_id,
        grants,
    };
    app.change_in(&caller, id.0, &command).await?;
    app.read.changed_collection(&caller, id.0, collection).await.map(Json)
}

/// Who has rights in a collection by the read models.
pub(crate) async fn present(app: &WriteApi, asking: UserId, id: CollectionId) -> Answer<BTreeMap<Grantee, Rights>> {
    let pool = app.read.fresh(asking).await?;
    let rows = shared::grants_in(pool, id).await.map_err(unavailable)?;
    Ok(rows.into_iter().map(|row| (row.to, row.rights)).collect())
}

/// `PUT /organizations/{id}/collections/{collection}`, and `POST` for older clients.
async fn update(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, CollectionId>,
    Body(request): Body<CollectionRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, ids.0, About::Collections(&[ids.1])).await?;
    let mut checks = Checks::new();
    let name = sealed_name("Name", request.name, &mut checks);
    let external_id = checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID);
    let (users, groups) = (request.users.is_some(), request.groups.is_some());
    let grants = grants(request.users, request.groups, &mut checks);
    checks.done()?;
    // those of whom nothing is said keep what they have
    let (present, kept) = present(&app, caller.id, ids.1)
        .await?
        .into_iter()
        .partition(|(to, _)| match to {
            Grantee::Member(_) => users,
            Grantee::Group(_) => groups,
        });
    let command = UpdateCollection {
        by,
        collection: ids.1,
        name,
        external_id: Some(external_id),
        present,
        kept,
        grants,
    };
    app.change_in(&caller, ids.0, &command).await?;
    app.read.changed_collection(&caller, ids.0, ids.1).await.map(Json)
}

/// `DELETE /organizations/{id}/collections/{collection}`, and `POST …/delete` for older clients.
async fn delete(caller: Caller, State(app): State<WriteApi>, ids: PathIds<OrganizationId, CollectionId>) -> Answer<()> {
    let by = app.standing(&caller, ids.0, About::Collections(&[ids.1])).await?;
    app.alter_in(&caller, ids.0, &DeleteCollection { by, collection: ids.1 })
        .await?;
    Ok(())
}

/// `CollectionBulkDeleteRequestModel`.
#[derive(Debug, Deserialize)]
struct BulkRequest {
    ids: Vec<CollectionId>,
}

/// `DELETE /organizations/{id}/collections`, and `POST …/collections/delete` for older clients: some of them, all or none.
async fn delete_some(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<BulkRequest>,
) -> Answer<()> {
    if request.ids.is_empty() {
        return Err(Problem::bad_request("No collection ids provided."));
    }
    if request.ids.len() > MAX_NAMED {
        return Err(Problem::bad_request("Too many collection ids provided."));
    }
    let by = app.standing(&caller, id.0, About::Collections(&request.ids)).await?;
    let all = request.ids.into_iter().map(|collection| DeleteCollection {
        by: by.clone(),
        collection,
    });
    app.change_in(&caller, id.0, &Whole(all.collect())).await?;
    Ok(())
}

/// `BulkCollectionAccessRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkAccessRequest {
    #[serde(default)]
    collection_ids: Vec<CollectionId>,
    groups: Option<Vec<Selection>>,
    users: Option<Vec<Selection>>,
}

/// `POST /organizations/{id}/collections/bulk-access`.
async fn grant_many(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<BulkAccessRequest>,
) -> Answer<()> {
    let mut checks = Checks::new();
    let grants = grants(request.users, request.groups, &mut checks).unwrap_or_default();
    if request.collection_ids.len() > MAX_NAMED {
        checks.wrong("CollectionIds", "Too many collection ids provided.");
    }
    if request.collection_ids.len().saturating_mul(grants.len()) > MAX_NAMED {
        checks.wrong(
            "CollectionIds",
            format!("The request asks for more than {MAX_NAMED} changes."),
        );
    }
    checks.done()?;
    let by = app
        .standing(&caller, id.0, About::Collections(&request.collection_ids))
        .await?;
    let command = GrantMany {
        by,
        collections: request.collection_ids,
        grants,
    };
    app.change_in(&caller, id.0, &command).await?;
    Ok(())
}
