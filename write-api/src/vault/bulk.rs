//! Items, many at a time: the same as one by one, in one append for one's own and one for each organization.

use super::cipher::check;
use crate::WriteApi;
use axum::{extract::State, response::Response};
use commands::{
    execute::Command,
    ports::About,
    vault::{
        bulk::Bulk,
        cipher::{ArchiveCipher, CipherError, DeleteCipher, MoveCiphers, RestoreCipher, TrashCipher, UnarchiveCipher},
        shared::{ChangeManyShared, FileManyShared, Side, Wish},
    },
};
use domain::{
    id::{CipherId, CollectionId, FolderId, OrganizationId},
    vault::cipher::Cipher,
};
use read_api::vault::cipher::Shape;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
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
    /// The items, and the organization they must be of, if one is named.
    fn checked(self) -> Answer<Many> {
        let named = self.organization_id.as_deref().map(str::trim);
        let within = match named.filter(|id| !id.is_empty()).map(str::parse::<OrganizationId>) {
            // what some clients send for none
            Some(Ok(OrganizationId(id))) if id.is_nil() => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => return Err(Problem::not_found()),
            None => None,
        };
        Ok(Many { ids: self.ids, within })
    }
}

/// The most items one request may name: as many as an import may bring.
pub(super) const MAX: usize = 40_000;

/// Many items.
struct Many {
    ids: Vec<CipherId>,
    /// The organization they must be of.
    within: Option<OrganizationId>,
}

/// What is done to many items.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Delete,
    Trash,
    Restore,
    Archive,
    Unarchive,
    File(Option<FolderId>),
}

/// Does it to each item, as somebody whose own it is or as a member; the items it was done to. Those that refuse are left out;
/// when all do, the first refusal is the answer.
async fn each(app: &WriteApi, caller: &Caller, many: Many, deed: Deed) -> Answer<Vec<CipherId>> {
    let Many { ids, within } = many;
    if ids.len() > MAX {
        return Err(Problem::bad_request("Too many cipher ids provided."));
    }
    let mut shared = app.read.shared_among(caller.id, &ids).await?;
    shared.retain(|_, (organization, _)| within.is_none_or(|within| within == *organization));
    let mut groups: BTreeMap<OrganizationId, (Vec<CipherId>, Vec<CollectionId>)> = BTreeMap::new();
    let mut own = Vec::new();
    for id in &ids {
        match shared.get(id) {
            Some((organization, collections)) => {
                let (items, within) = groups.entry(*organization).or_default();
                items.push(*id);
                within.extend(collections);
            }
            None => own.push(*id),
        }
    }
    if within.is_some() && groups.is_empty() {
        return Err(Problem::not_found());
    }
    let mut outcomes = Vec::new();
    if within.is_none() && (groups.is_empty() || !own.is_empty()) {
        outcomes.push(to_own(app, caller, own, deed).await);
    }
    for (organization, (items, collections)) in groups {
        outcomes.push(to_shared(app, caller, organization, items, &collections, deed).await);
    }
    let (mut done, mut refused) = (HashSet::new(), None);
    for outcome in outcomes {
        match outcome {
            Ok(ids) => done.extend(ids),
            // what one item refuses; anything else is about the whole request
            Err(problem) if [400, 404].contains(&problem.status().as_u16()) => refused = refused.or(Some(problem)),
            Err(problem) => return Err(problem),
        }
    }
    match refused {
        Some(problem) if done.is_empty() => Err(problem),
        _ => {
            let mut seen = HashSet::new();
            Ok(ids
                .into_iter()
                .filter(|id| done.contains(id) && seen.insert(*id))
                .collect())
        }
    }
}

/// To items that are nobody else's.
async fn to_own(app: &WriteApi, caller: &Caller, ids: Vec<CipherId>, deed: Deed) -> Answer<Vec<CipherId>> {
    let by = caller.id;
    match deed {
        Deed::Delete => bulk(app, caller, ids, |cipher| DeleteCipher { cipher, by }).await,
        Deed::Trash => bulk(app, caller, ids, |cipher| TrashCipher { cipher, by }).await,
        Deed::Restore => bulk(app, caller, ids, |cipher| RestoreCipher { cipher, by }).await,
        Deed::Archive => bulk(app, caller, ids, |cipher| ArchiveCipher { cipher, by }).await,
        Deed::Unarchive => bulk(app, caller, ids, |cipher| UnarchiveCipher { cipher, by }).await,
        Deed::File(folder) => {
            let ciphers = ids;
            let command = MoveCiphers { ciphers, by, folder };
            let done = app.executor.transact(&app.context(caller), &command).await?;
            app.acknowledge(caller.id, done.position).await;
            Ok(done.value.into_iter().map(|(id, _)| id).collect())
        }
    }
}

async fn bulk<C>(
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

/// To items of an organization that are in some of `collections`.
async fn to_shared(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    ciphers: Vec<CipherId>,
    collections: &[CollectionId],
    deed: Deed,
) -> Answer<Vec<CipherId>> {
    let by = app
        .standing(caller, organization, About::Collections(collections))
        .await?;
    let (folder, archived) = match deed {
        Deed::Delete | Deed::Trash | Deed::Restore => {
            let wish = match deed {
                Deed::Delete => Wish::Delete,
                Deed::Trash => Wish::Trash,
                _ => Wish::Restore,
            };
            let command = ChangeManyShared {
                by: Side::Member(by),
                ciphers,
                wish,
                whole: false,
            };
            let context = app.context_in(caller, organization);
            let done = app.executor.transact(&context, &command).await?;
            app.settle(done.position).await?;
            return Ok(done.value);
        }
        Deed::Archive => (None, Some(Some(app.executor.now()))),
        Deed::Unarchive => (None, Some(None)),
        Deed::File(folder) => (Some(folder), None),
    };
    let command = FileManyShared {
        by,
        ciphers,
        folder,
        favorite: None,
        archived,
    };
    let done = app.executor.transact(&app.context(caller), &command).await?;
    app.acknowledge(caller.id, done.position).await;
    Ok(done.value.into_iter().map(|(id, ..)| id).collect())
}

/// `DELETE /ciphers`, and `POST /ciphers/delete` for older clients: for good.
async fn delete(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    each(&app, &caller, request.checked()?, Deed::Delete).await.map(drop)
}

/// `PUT /ciphers/delete`: to the trash.
async fn trash(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<()> {
    each(&app, &caller, request.checked()?, Deed::Trash).await.map(drop)
}

/// `PUT /ciphers/restore`.
async fn restore(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<Response> {
    let ids = each(&app, &caller, request.checked()?, Deed::Restore).await?;
    app.read.cipher_list(caller.id, &ids, Shape::Mini).await
}

fn some(many: Many) -> Answer<Many> {
    if many.ids.is_empty() {
        Err(Problem::bad_request("No cipher ids provided."))
    } else {
        Ok(many)
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
    let many = some(request.checked()?)?;
    let done = each(&app, &caller, many, Deed::Archive).await;
    let ids = none_done(done, NONE_ARCHIVED)?;
    app.read.cipher_list(caller.id, &ids, Shape::Full).await
}

/// `PUT /ciphers/unarchive`.
async fn unarchive(caller: Caller, State(app): State<WriteApi>, Body(request): Body<BulkRequest>) -> Answer<Response> {
    let many = some(request.checked()?)?;
    let done = each(&app, &caller, many, Deed::Unarchive).await;
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
    let many = Many {
        ids: request.ids,
        within: None,
    };
    each(&app, &caller, many, Deed::File(folder)).await.map(drop)
}
