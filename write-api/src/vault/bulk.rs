//! Items, many at a time: the same as one by one, in one append.

use super::cipher::check;
use crate::WriteApi;
use axum::{extract::State, response::Response};
use commands::{
    execute::Command,
    vault::{
        bulk::Bulk,
        cipher::{ArchiveCipher, CipherError, DeleteCipher, MoveCiphers, RestoreCipher, TrashCipher, UnarchiveCipher},
    },
};
use domain::{
    id::{CipherId, OrganizationId},
    vault::cipher::Cipher,
};
use read_api::vault::cipher::Shape;
use serde::Deserialize;
use web::{Answer, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .delete("/ciphers", delete)
        .post("/ciphers/delete", delete)
        .put("/ciphers/delete", trash)
        .put("/ciphers/restore", restore)
        .put("/ciphers/archive", archive)
        .put("/ciphers/unarchive", unarchive)
        .put_or_post("/ciphers/move", move_to_folder)
}

/// `CipherBulkDeleteRequestModel` and its like.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkRequest {
    ids: Vec<CipherId>,
    organization_id: Option<String>,
}

impl BulkRequest {
    /// The items, of which none may be an organization's.
    fn personal(self) -> Answer<Vec<CipherId>> {
        let organization = self
            .organization_id
            .as_deref()
            .map(str::trim)
            .filter(|id| !id.is_empty());
        match organization.map(str::parse::<OrganizationId>) {
            // what some clients send for none
            Some(Ok(OrganizationId(id))) if id.is_nil() => Ok(self.ids),
            Some(_) => Err(Problem::not_found()),
            None => Ok(self.ids),
        }
    }
}

/// Carries out a command for each item; the items it was done to.
async fn each<C>(
    app: &WriteApi,
    caller: &Caller,
    ids: Vec<CipherId>,
    command: impl Fn(CipherId) -> C,
) -> Answer<Vec<CipherId>>
where
    C: Command<Aggregate = Cipher, Error = CipherError>,
{
    let bulk = Bulk(ids.into_iter().map(command).collect());
    let done = app.executor.transact(&app.context(caller), &bulk).await?;
    app.settle(done.position).await?;
    Ok(done.value.into_iter().map(|(id, _)| id).collect())
}

/// `DELETE /ciphers`, and `POST /ciphers/delete` for older clients: for good.
async fn delete(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    each(&app, &caller, request.personal()?, |cipher| DeleteCipher {
        cipher,
        by: caller.id,
    })
    .await
    .map(drop)
}

/// `PUT /ciphers/delete`: to the trash.
async fn trash(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    each(&app, &caller, request.personal()?, |cipher| TrashCipher {
        cipher,
        by: caller.id,
    })
    .await
    .map(drop)
}

/// `PUT /ciphers/restore`.
async fn restore(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<Response> {
    let ids = each(&app, &caller, request.personal()?, |cipher| RestoreCipher {
        cipher,
        by: caller.id,
    })
    .await?;
    app.read.cipher_list(caller.id, &ids, Shape::Mini).await
}

fn some(ids: Vec<CipherId>) -> Answer<Vec<CipherId>> {
    if ids.is_empty() {
        Err(Problem::bad_request("No cipher ids provided."))
    } else {
        Ok(ids)
    }
}

/// What people read when none of many items could be archived.
const NONE_ARCHIVED: &str =
    "No ciphers were archived. Ensure the provided IDs are correct and you have permission to archive them.";
/// The same for fetching back.
const NONE_UNARCHIVED: &str =
    "Ciphers were not unarchived. Ensure the provided ID is correct and you have permission to archive it.";

/// The same refusal, said of all of them.
fn none_done(done: Answer<Vec<CipherId>>, message: &str) -> Answer<Vec<CipherId>> {
    done.map_err(|problem| {
        if problem.status() == 400 {
            Problem::bad_request(message)
        } else {
            problem
        }
    })
}

/// `PUT /ciphers/archive`.
async fn archive(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<Response> {
    let ids = some(request.personal()?)?;
    let done = each(&app, &caller, ids, |cipher| ArchiveCipher { cipher, by: caller.id }).await;
    let ids = none_done(done, NONE_ARCHIVED)?;
    app.read.cipher_list(caller.id, &ids, Shape::Full).await
}

/// `PUT /ciphers/unarchive`.
async fn unarchive(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<Response> {
    let ids = some(request.personal()?)?;
    let done = each(&app, &caller, ids, |cipher| UnarchiveCipher { cipher, by: caller.id }).await;
    let ids = none_done(done, NONE_UNARCHIVED)?;
    app.read.cipher_list(caller.id, &ids, Shape::Full).await
}

/// `CipherBulkMoveRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoveRequest {
    ids: Vec<CipherId>,
    folder_id: Option<String>,
}

/// `PUT /ciphers/move`, and `POST` for older clients: to a folder, or out of folders.
async fn move_to_folder(caller: Caller, State(app): State<WriteApi>, Body(request): Body<MoveRequest>) -> Answer<()> {
    let folder = check::folder_id(request.folder_id.as_deref())?;
    let command = MoveCiphers {
        ciphers: request.ids,
        by: caller.id,
        folder,
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    app.acknowledge(caller.id, done.position).await;
    Ok(())
}
