//! Folders.

use crate::WriteApi;
use axum::{Json, extract::State};
use commands::vault::{
    bulk::Bulk,
    folder::{CreateFolder, DeleteFolder, RenameFolder},
};
use domain::{crypto::EncString, id::FolderId};
use read_api::vault::folder::Folder;
use serde::Deserialize;
use web::{Answer, Body, Caller, PathId, Problem, Routes};

/// The most characters of a folder's sealed name.
pub(super) const MAX_NAME: usize = 1_000;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/folders", create)
        .put_or_post("/folders/{id}", rename)
        .delete("/folders/{id}", delete)
        .post("/folders/{id}/delete", delete)
        .delete("/folders", delete_some)
        .delete("/folders/all", delete_all)
}

/// `FolderRequestModel`.
#[derive(Debug, Deserialize)]
struct FolderRequest {
    name: Option<String>,
}

impl FolderRequest {
    fn name(self) -> Answer<EncString> {
        sealed_name(self.name, "Name")
    }
}

/// The sealed name of a folder, from the request field `field`.
pub(crate) fn sealed_name(name: Option<String>, field: &str) -> Answer<EncString> {
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Problem::field(field, "The Name field is required."))?;
    EncString::parse(name, MAX_NAME).map_err(|e| Problem::field(field, super::cipher::check::message("Name", e)))
}

/// `POST /folders`.
async fn create(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<FolderRequest>,
) -> Answer<Json<Folder>> {
    let folder = FolderId(app.executor.new_id());
    let command = CreateFolder {
        folder,
        by: caller.id,
        name: request.name()?,
    };
    let done = app.executor.execute_new(&app.context(&caller), &command).await?;
    app.settle(done.position).await?;
    answer(&app, &caller, folder).await
}

/// `PUT /folders/{id}`, and `POST` for older clients.
async fn rename(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<FolderId>,
    Body(request): Body<FolderRequest>,
) -> Answer<Json<Folder>> {
    let command = RenameFolder {
        folder: id.0,
        by: caller.id,
        name: request.name()?,
    };
    let done = app.executor.execute(&app.context(&caller), &command).await?;
    app.settle(done.position).await?;
    answer(&app, &caller, id.0).await
}

async fn answer(app: &WriteApi, caller: &Caller, id: FolderId) -> Answer<Json<Folder>> {
    Ok(Json(Folder::of(id, &app.read.folder(caller.id, id).await?)))
}

/// `DELETE /folders/{id}`, and `POST /folders/{id}/delete` for older clients.
async fn delete(caller: Caller, State(app): State<WriteApi>, id: PathId<FolderId>) -> Answer<()> {
    let command = DeleteFolder {
        folder: id.0,
        by: caller.id,
    };
    let done = app.executor.execute(&app.context(&caller), &command).await?;
    app.settle(done.position).await
}

/// `FolderBulkDeleteRequestModel`.
#[derive(Debug, Deserialize)]
struct BulkRequest {
    ids: Vec<FolderId>,
}

/// `DELETE /folders`: some of them.
async fn delete_some(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    if request.ids.is_empty() {
        return Err(Problem::bad_request("No folder ids provided."));
    }
    remove(&app, &caller, request.ids).await
}

/// `DELETE /folders/all`.
async fn delete_all(caller: Caller, State(app): State<WriteApi>) -> Answer<()> {
    match app.directory.folders_of(caller.id).await? {
        none if none.is_empty() => Ok(()),
        folders => remove(&app, &caller, folders).await,
    }
}

async fn remove(app: &WriteApi, caller: &Caller, folders: Vec<FolderId>) -> Answer<()> {
    let commands = folders
        .into_iter()
        .map(|folder| DeleteFolder { folder, by: caller.id })
        .collect();
    let done = app.executor.transact(&app.context(caller), &Bulk(commands)).await?;
    app.settle(done.position).await
}
