//! Items, one at a time.

pub mod check;
pub mod content;
pub mod request;

use crate::WriteApi;
use axum::{extract::State, response::Response};
use commands::{
    execute::{Command, Done},
    vault::cipher::{
        ArchiveCipher, CipherError, CreateCipher, DeleteCipher, FileCipher, RestoreCipher, TrashCipher,
        UnarchiveCipher, UpdateCipher,
    },
};
use domain::{id::CipherId, vault::cipher::Cipher};
use projections::sync::cipher::CipherRow;
use read_api::vault::cipher::Shape;
use request::{CipherRequest, Sealed};
use serde::Deserialize;
use uuid::Uuid;
use web::{Answer, Body, Caller, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/ciphers", create)
        .post("/ciphers/create", create_with_collections)
        .put_or_post("/ciphers/{id}", update)
        .put_or_post("/ciphers/{id}/partial", file)
        .delete("/ciphers/{id}", delete)
        .post("/ciphers/{id}/delete", delete)
        .put("/ciphers/{id}/delete", trash)
        .put("/ciphers/{id}/restore", restore)
        .put("/ciphers/{id}/archive", archive)
        .put("/ciphers/{id}/unarchive", unarchive)
}

/// `POST /ciphers`.
async fn create(caller: Caller, State(app): State<WriteApi>, Body(request): Body<CipherRequest>) -> Answer<Response> {
    let sealed = request.checked("")?;
    create_sealed(&app, &caller, sealed).await
}

/// `CipherCreateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    cipher: CipherRequest,
    /// Collections come with organizations; a personal item has none.
    #[serde(default, rename = "collectionIds")]
    _collection_ids: Option<Vec<Uuid>>,
}

/// `POST /ciphers/create`.
async fn create_with_collections(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<CreateRequest>,
) -> Answer<Response> {
    let sealed = request.cipher.checked("Cipher.")?;
    create_sealed(&app, &caller, sealed).await
}

async fn create_sealed(app: &WriteApi, caller: &Caller, sealed: Sealed) -> Answer<Response> {
    sealed.check_for(app, caller.id).await?;
    let cipher = CipherId(app.executor.new_id());
    let command = CreateCipher {
        cipher,
        by: caller.id,
        new: sealed.new,
    };
    let done = app.executor.transact(&app.context(caller), &command).await?;
    answer(app, caller, cipher, &done).await
}

/// `PUT /ciphers/{id}`, and `POST` for older clients.
async fn update(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<CipherRequest>,
) -> Answer<Response> {
    let sealed = request.checked("")?;
    // somebody else's item is not there, whatever is wrong with the request
    let present = app.executor.state::<Cipher>(id.0).await?;
    present.of(caller.id).ok_or_else(Problem::not_found)?;
    sealed.check_for(&app, caller.id).await?;
    let command = UpdateCipher {
        cipher: id.0,
        by: caller.id,
        new: sealed.new,
        known: sealed.known,
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    answer(&app, &caller, id.0, &done).await
}

/// `CipherPartialRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialRequest {
    folder_id: Option<String>,
    #[serde(default)]
    favorite: bool,
}

/// `PUT /ciphers/{id}/partial`, and `POST` for older clients: folder and favorite.
async fn file(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<PartialRequest>,
) -> Answer<Response> {
    let folder = check::folder_id(request.folder_id.as_deref())?;
    let command = FileCipher {
        cipher: id.0,
        by: caller.id,
        folder,
        favorite: request.favorite,
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    answer(&app, &caller, id.0, &done).await
}

/// Answers with the item as the command left it.
async fn answer(app: &WriteApi, caller: &Caller, id: CipherId, done: &Done<Cipher>) -> Answer<Response> {
    app.acknowledge(caller.id, done.position).await;
    let cipher = done.value.of(caller.id).ok_or_else(Problem::not_found)?;
    app.read
        .row_answer(caller.id, &CipherRow::of(id, cipher), Shape::Full)
        .await
}

async fn change<C>(app: &WriteApi, caller: &Caller, command: C) -> Answer<Response>
where
    C: Command<Aggregate = Cipher, Error = CipherError>,
{
    let done = app.executor.execute(&app.context(caller), &command).await?;
    answer(app, caller, command.id(), &done).await
}

async fn remove<C>(app: &WriteApi, caller: &Caller, command: C) -> Answer<()>
where
    C: Command<Aggregate = Cipher, Error = CipherError>,
{
    let done = app.executor.execute(&app.context(caller), &command).await?;
    app.acknowledge(caller.id, done.position).await;
    Ok(())
}

/// `DELETE /ciphers/{id}`, and `POST /ciphers/{id}/delete` for older clients: for good.
async fn delete(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<()> {
    let (cipher, by) = (id.0, caller.id);
    remove(&app, &caller, DeleteCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/delete`: to the trash.
async fn trash(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<()> {
    let (cipher, by) = (id.0, caller.id);
    remove(&app, &caller, TrashCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/restore`.
async fn restore(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (cipher, by) = (id.0, caller.id);
    change(&app, &caller, RestoreCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/archive`.
async fn archive(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (cipher, by) = (id.0, caller.id);
    change(&app, &caller, ArchiveCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/unarchive`.
async fn unarchive(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (cipher, by) = (id.0, caller.id);
    change(&app, &caller, UnarchiveCipher { cipher, by }).await
}
