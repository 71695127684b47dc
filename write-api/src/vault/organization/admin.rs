//! Items of organizations, from where all of them are looked after.

use super::{CollectionsRequest, Shared, bounded, carry_out, same_organization, standing};
use crate::{
    WriteApi,
    vault::{bulk, cipher::request::CipherRequest},
};
use axum::{extract::State, response::Response};
use commands::{
    ports::About,
    vault::{
        cipher::NewCipher,
        shared::{ChangeManyShared, CreateShared, Side, Wish},
    },
};
use domain::{
    id::{CipherId, CollectionId, OrganizationId},
    organization::access::Standing,
    vault::cipher::Cipher,
};
use projections::sync::cipher::CipherRow;
use read_api::{
    organization::item::{looked_after, mini, put_mini_details},
    vault::cipher::json_response,
};
use serde::Deserialize;
use web::{Answer, Body, Caller, PathId, Problem, Routes};

/// The routes.
pub(super) fn routes() -> Routes<WriteApi> {
    Routes::new()
        .put_or_post("/ciphers/{id}/collections-admin", set_collections_as_admin)
        .post("/ciphers/admin", create_as_admin)
        .put_or_post("/ciphers/{id}/admin", update_as_admin)
        .delete("/ciphers/{id}/admin", delete_as_admin)
        .put("/ciphers/{id}/delete-admin", trash_as_admin)
        .post("/ciphers/{id}/delete-admin", delete_as_admin)
        .put("/ciphers/{id}/restore-admin", restore_as_admin)
        .delete("/ciphers/admin", delete_many)
        .post("/ciphers/delete-admin", delete_many)
        .put("/ciphers/delete-admin", trash_many)
        .put("/ciphers/restore-admin", restore_many)
}

/// Where the caller stands as somebody who looks after an item, with rights in `more` too.
async fn as_admin(app: &WriteApi, caller: &Caller, id: CipherId, more: &[CollectionId]) -> Answer<(Shared, Standing)> {
    let (_, seen, _) = looked_after(&app.read, caller, id).await?;
    let shared = (seen.organization, id);
    Ok((shared, standing(app, caller, shared, more).await?))
}

/// `PUT /ciphers/{id}/collections-admin`, and `POST` for older clients.
async fn set_collections_as_admin(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<CollectionsRequest>,
) -> Answer<Response> {
    let (shared, by) = as_admin(&app, &caller, id.0, &request.collection_ids).await?;
    let wish = Wish::Collections(request.collection_ids);
    let cipher = carry_out(&app, &caller, shared, Side::Admin(by), wish).await?;
    let live = cipher.live().ok_or_else(Problem::not_found)?;
    let row = CipherRow::of(id.0, live);
    let mut out = Vec::new();
    put_mini_details(&mut out, &row.frame, &row.content, &row.collections);
    Ok(json_response(out))
}

/// `CipherCreateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    cipher: CipherRequest,
    collection_ids: Option<Vec<CollectionId>>,
}

/// `POST /ciphers/admin`.
async fn create_as_admin(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<CreateRequest>,
) -> Answer<Response> {
    let sealed = request.cipher.checked("Cipher.")?;
    let organization = sealed.organization.ok_or_else(Problem::not_found)?;
    let collections = request.collection_ids.unwrap_or_default();
    bounded(&collections)?;
    let by = app
        .standing(&caller, organization, About::Collections(&collections))
        .await?;
    let cipher = CipherId(app.executor.new_id());
    let command = CreateShared {
        cipher,
        by,
        collections,
        // filed by nobody: who looks after all items need not see it among their own
        new: NewCipher {
            folder: None,
            favorite: false,
            archived: None,
            ..sealed.new
        },
    };
    let done = app
        .executor
        .transact(&app.context_in(&caller, organization), &command)
        .await?;
    app.acknowledge_to_all(caller.id, done.position).await;
    let live = done.value.0.live().ok_or_else(Problem::not_found)?;
    Ok(mini(&CipherRow::of(cipher, live)))
}

/// `PUT /ciphers/{id}/admin`, and `POST` for older clients.
async fn update_as_admin(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<CipherRequest>,
) -> Answer<Response> {
    let (shared, by) = as_admin(&app, &caller, id.0, &[]).await?;
    let sealed = request.checked("")?;
    same_organization(shared.0, &sealed)?;
    let wish = Wish::Update {
        new: sealed.new,
        known: sealed.known,
    };
    let cipher = carry_out(&app, &caller, shared, Side::Admin(by), wish).await?;
    let live = cipher.live().ok_or_else(Problem::not_found)?;
    Ok(mini(&CipherRow::of(id.0, live)))
}

async fn wish_as_admin(app: &WriteApi, caller: &Caller, id: CipherId, wish: Wish) -> Answer<Cipher> {
    let (shared, by) = as_admin(app, caller, id, &[]).await?;
    carry_out(app, caller, shared, Side::Admin(by), wish).await
}

/// `DELETE /ciphers/{id}/admin`, and `POST /ciphers/{id}/delete-admin` for older clients.
async fn delete_as_admin(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<()> {
    wish_as_admin(&app, &caller, id.0, Wish::Delete).await.map(drop)
}

/// `PUT /ciphers/{id}/delete-admin`.
async fn trash_as_admin(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<()> {
    wish_as_admin(&app, &caller, id.0, Wish::Trash).await.map(drop)
}

/// `PUT /ciphers/{id}/restore-admin`.
async fn restore_as_admin(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let cipher = wish_as_admin(&app, &caller, id.0, Wish::Restore).await?;
    let live = cipher.live().ok_or_else(Problem::not_found)?;
    Ok(mini(&CipherRow::of(id.0, live)))
}

/// `CipherBulkDeleteRequestModel` and `CipherBulkRestoreRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkRequest {
    ids: Vec<CipherId>,
    organization_id: Option<OrganizationId>,
}

/// The same wish for many items: what one would refuse is refused before any is touched.
async fn many(app: &WriteApi, caller: &Caller, request: BulkRequest, wish: Wish) -> Answer<Vec<CipherId>> {
    let organization = request.organization_id.ok_or_else(Problem::not_found)?;
    if request.ids.is_empty() {
        return Err(Problem::bad_request("No items were provided."));
    }
    if request.ids.len() > bulk::MAX {
        return Err(Problem::bad_request("Too many items were provided."));
    }
    let found = app.read.shared_among(caller.id, &request.ids).await?;
    let all = request
        .ids
        .iter()
        .map(|id| found.get(id).filter(|(of, _)| *of == organization));
    let mut asked = Vec::new();
    for known in all {
        let (_, collections) = known.ok_or_else(Problem::not_found)?;
        asked.extend(collections);
    }
    let by = app.standing(caller, organization, About::Collections(&asked)).await?;
    let command = ChangeManyShared {
        by: Side::Admin(by),
        ciphers: request.ids.clone(),
        wish,
        whole: true,
    };
    let context = app.context_in(caller, organization);
    let done = app.executor.transact(&context, &command).await?;
    app.settle(done.position).await?;
    Ok(request.ids)
}

/// `DELETE /ciphers/admin`, and `POST /ciphers/delete-admin` for older clients.
async fn delete_many(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    many(&app, &caller, request, Wish::Delete).await.map(drop)
}

/// `PUT /ciphers/delete-admin`.
async fn trash_many(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    many(&app, &caller, request, Wish::Trash).await.map(drop)
}

/// `PUT /ciphers/restore-admin`.
async fn restore_many(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<BulkRequest>,
) -> Answer<Response> {
    let ids = many(&app, &caller, request, Wish::Restore).await?;
    app.read.shared_list(caller.id, &ids).await
}
