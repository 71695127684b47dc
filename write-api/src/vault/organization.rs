//! Items of organizations, as their members may use them: with what collections give.

mod admin;
mod import;

use super::cipher::request::{CipherRequest, Sealed};
use crate::WriteApi;
use axum::{Json, extract::State, response::Response};
use commands::{
    ports::About,
    vault::{
        cipher::NewCipher,
        shared::{ChangeManyShared, ChangeShared, CreateShared, FileShared, ShareCipher, Side, Wish},
    },
};
use domain::{
    id::{CipherId, CollectionId, FolderId, OrganizationId},
    organization::access::Standing,
    time::Timestamp,
    vault::cipher::Cipher,
};
use projections::sync::{cipher::CipherRow, filing::FilingRow};
use read_api::vault::cipher::{Shape, json_response};
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Body, Caller, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .put_or_post("/ciphers/{id}/share", share)
        .put_or_post("/ciphers/share", share_many)
        .put_or_post("/ciphers/{id}/collections", set_collections)
        .put_or_post("/ciphers/{id}/collections_v2", set_collections_v2)
        .post("/ciphers/bulk-collections", bulk_collections)
        .merge(admin::routes())
        .merge(import::routes())
}

/// The most items one request may name.
const MAX: usize = 1_000;

/// That no more collections are named than anybody would.
pub(super) fn bounded(collections: &[CollectionId]) -> Answer<()> {
    if collections.len() > MAX {
        return Err(Problem::field("CollectionIds", "Too many collections."));
    }
    Ok(())
}

/// An item and the organization it belongs to.
type Shared = (OrganizationId, CipherId);

/// Where the caller stands towards an item and what it shall be in.
async fn standing(
    app: &WriteApi,
    caller: &Caller,
    (organization, id): Shared,
    more: &[CollectionId],
) -> Answer<Standing> {
    let state = app.executor.state::<Cipher>(id).await?;
    bounded(more)?;
    let mut asked: Vec<CollectionId> = more.to_vec();
    asked.extend(state.live().iter().flat_map(|cipher| &cipher.collections));
    app.standing(caller, organization, About::Collections(&asked)).await
}

/// Makes an item of an organization.
pub(super) async fn create(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    new: NewCipher,
    collections: Vec<CollectionId>,
) -> Answer<Response> {
    bounded(&collections)?;
    let by = app
        .standing(caller, organization, About::Collections(&collections))
        .await?;
    let cipher = CipherId(app.executor.new_id());
    let command = CreateShared {
        cipher,
        by: by.clone(),
        collections,
        new,
    };
    let done = app
        .executor
        .transact(&app.context_in(caller, organization), &command)
        .await?;
    app.acknowledge_to_all(caller.id, done.position).await;
    let (made, filing) = done.value;
    let live = made.live().ok_or_else(Problem::not_found)?;
    let filing = FilingRow {
        user: caller.id,
        cipher,
        folder: filing.folder,
        favorite: filing.favorite,
        archived: filing.archived,
    };
    app.read
        .placed_answer(&by, &CipherRow::of(cipher, live), Some(&filing), Shape::Full)
        .await
}

/// Carries out a wish as a member; the item as the member now sees it.
pub(super) async fn change(app: &WriteApi, caller: &Caller, shared: Shared, wish: Wish) -> Answer<Response> {
    let more = match &wish {
        Wish::Collections(ids) => ids.clone(),
        _ => vec![],
    };
    let gone = matches!(wish, Wish::Delete);
    let shape = match wish {
        Wish::Restore => Shape::Full,
        _ => Shape::Details,
    };
    let by = standing(app, caller, shared, &more).await?;
    carry_out(app, caller, shared, Side::Member(by), wish).await?;
    if gone {
        return Ok(json_response(vec![]));
    }
    app.read.cipher_answer(caller.id, shared.1, shape).await
}

async fn carry_out(
    app: &WriteApi,
    caller: &Caller,
    (organization, cipher): Shared,
    by: Side,
    wish: Wish,
) -> Answer<Cipher> {
    let command = ChangeShared { by, cipher, wish };
    let done = app
        .executor
        .transact(&app.context_in(caller, organization), &command)
        .await?;
    // others lose or gain it by this
    app.settle(done.position).await?;
    Ok(done.value)
}

/// That what came is sealed for the organization: sealed for anybody else, nobody there could open it again.
fn same_organization(organization: OrganizationId, sealed: &Sealed) -> Answer<()> {
    if sealed.organization == Some(organization) {
        return Ok(());
    }
    Err(Problem::bad_request(
        "Organization mismatch. Re-sync if you recently moved this item, then try again.",
    ))
}

/// Replaces what is in an item, as a member; files it for the member as the request says.
pub(super) async fn update(app: &WriteApi, caller: &Caller, shared: Shared, sealed: Sealed) -> Answer<Response> {
    same_organization(shared.0, &sealed)?;
    let by = standing(app, caller, shared, &[]).await?;
    let wish = Wish::Update {
        new: sealed.new,
        known: sealed.known,
    };
    carry_out(app, caller, shared, Side::Member(by), wish).await?;
    app.read.cipher_answer(caller.id, shared.1, Shape::Full).await
}

async fn file_as(
    app: &WriteApi,
    caller: &Caller,
    cipher: CipherId,
    by: Standing,
    folder: Option<FolderId>,
    favorite: bool,
) -> Answer<()> {
    let command = FileShared {
        by,
        cipher,
        folder: Some(folder),
        favorite: Some(favorite),
        archived: None,
    };
    let done = app.executor.transact(&app.context(caller), &command).await?;
    app.acknowledge(caller.id, done.position).await;
    Ok(())
}

/// Files an item for the caller.
pub(super) async fn file(
    app: &WriteApi,
    caller: &Caller,
    shared: Shared,
    folder: Option<FolderId>,
    favorite: bool,
) -> Answer<Response> {
    let by = standing(app, caller, shared, &[]).await?;
    file_as(app, caller, shared.1, by, folder, favorite).await?;
    app.read.cipher_answer(caller.id, shared.1, Shape::Full).await
}

/// Archives an item for the caller, or fetches it back.
pub(super) async fn archive(
    app: &WriteApi,
    caller: &Caller,
    shared: Shared,
    since: Option<Timestamp>,
) -> Answer<Response> {
    let command = FileShared {
        by: standing(app, caller, shared, &[]).await?,
        cipher: shared.1,
        folder: None,
        favorite: None,
        archived: Some(since),
    };
    let done = app.executor.transact(&app.context(caller), &command).await?;
    app.acknowledge(caller.id, done.position).await;
    app.read.cipher_answer(caller.id, shared.1, Shape::Full).await
}

/// `CipherShareRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShareRequest {
    collection_ids: Vec<CollectionId>,
    cipher: CipherRequest,
}

/// `PUT /ciphers/{id}/share`, and `POST` for older clients.
async fn share(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<ShareRequest>,
) -> Answer<Response> {
    let sealed = request.cipher.checked("Cipher.")?;
    let organization = sealed.organization.ok_or_else(Problem::not_found)?;
    let collections = request.collection_ids;
    let items = vec![(id.0, sealed)];
    let (by, shared) = give(&app, &caller, organization, collections, items).await?;
    let shared = shared.first().and_then(|(_, cipher)| cipher.live());
    let shared = shared.ok_or_else(Problem::not_found)?;
    if by.over_item(&shared.collections).read {
        return app.read.cipher_answer(caller.id, id.0, Shape::Full).await;
    }
    app.read
        .placed_answer(&by, &CipherRow::of(id.0, shared), None, Shape::Full)
        .await
}

async fn give(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    collections: Vec<CollectionId>,
    items: Vec<(CipherId, Sealed)>,
) -> Answer<(Standing, Vec<(CipherId, Cipher)>)> {
    bounded(&collections)?;
    let by = app
        .standing(caller, organization, About::Collections(&collections))
        .await?;
    let command = ShareCipher {
        by: by.clone(),
        collections,
        items: items
            .into_iter()
            .map(|(id, sealed)| (id, sealed.new, sealed.known))
            .collect(),
    };
    let done = app
        .executor
        .transact(&app.context_in(caller, organization), &command)
        .await?;
    app.settle(done.position).await?;
    Ok((by, done.value))
}

/// `CipherWithIdRequestModel`.
#[derive(Debug, Deserialize)]
struct WithId {
    id: CipherId,
    #[serde(flatten)]
    cipher: CipherRequest,
}

/// `CipherBulkShareRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkShareRequest {
    collection_ids: Vec<CollectionId>,
    ciphers: Vec<WithId>,
}

/// `PUT /ciphers/share`, and `POST` for older clients: all of them or none.
async fn share_many(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<BulkShareRequest>,
) -> Answer<Response> {
    if request.ciphers.is_empty() || request.ciphers.len() > MAX {
        return Err(Problem::bad_request(
            "You must select at least one item, and not too many.",
        ));
    }
    let mut items = Vec::with_capacity(request.ciphers.len());
    let mut organization = None;
    for (index, with_id) in request.ciphers.into_iter().enumerate() {
        let sealed = with_id.cipher.checked(&format!("Ciphers[{index}]."))?;
        let named = sealed.organization.ok_or_else(Problem::not_found)?;
        if *organization.get_or_insert(named) != named || items.iter().any(|(id, _)| *id == with_id.id) {
            return Err(Problem::bad_request(
                "All items must be different and for the same organization.",
            ));
        }
        items.push((with_id.id, sealed));
    }
    let organization = organization.ok_or_else(Problem::not_found)?;
    let ids: Vec<CipherId> = items.iter().map(|(id, _)| *id).collect();
    give(&app, &caller, organization, request.collection_ids, items).await?;
    app.read.shared_list(caller.id, &ids).await
}

/// `CipherCollectionsRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CollectionsRequest {
    collection_ids: Vec<CollectionId>,
}

/// An item that must be an organization's.
async fn located(app: &WriteApi, id: CipherId) -> Answer<Shared> {
    let organization = app.shared(id).await?.ok_or_else(Problem::not_found)?;
    Ok((organization, id))
}

/// `PUT /ciphers/{id}/collections`, and `POST` for older clients.
async fn set_collections(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<CollectionsRequest>,
) -> Answer<Response> {
    let shared = located(&app, id.0).await?;
    change(&app, &caller, shared, Wish::Collections(request.collection_ids)).await
}

/// `PUT /ciphers/{id}/collections_v2`, and `POST` for older clients: says so where the caller has put the item out of
/// their own reach.
async fn set_collections_v2(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Body(request): Body<CollectionsRequest>,
) -> Answer<Json<Value>> {
    let shared = located(&app, id.0).await?;
    let by = standing(&app, &caller, shared, &request.collection_ids).await?;
    let wish = Wish::Collections(request.collection_ids);
    carry_out(&app, &caller, shared, Side::Member(by), wish).await?;
    let seen = match app.read.cipher_answer(caller.id, id.0, Shape::Details).await {
        Ok(response) => {
            let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            let bytes = bytes.map_err(|_| Problem::internal())?;
            serde_json::from_slice(&bytes).map_err(|_| Problem::internal())?
        }
        Err(problem) if problem == Problem::not_found() => Value::Null,
        Err(problem) => return Err(problem),
    };
    Ok(Json(json!({
        "object": "optionalCipherDetails",
        "unavailable": seen.is_null(),
        "cipher": seen,
    })))
}

/// `CipherBulkUpdateCollectionsRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkCollectionsRequest {
    organization_id: OrganizationId,
    cipher_ids: Vec<CipherId>,
    collection_ids: Vec<CollectionId>,
    #[serde(default)]
    remove_collections: bool,
}

/// `POST /ciphers/bulk-collections`: into more collections, or out of them; what a single item would refuse, all refuse.
async fn bulk_collections(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<BulkCollectionsRequest>,
) -> Answer<()> {
    let (items, collections) = (request.cipher_ids.len(), request.collection_ids.len());
    if items == 0 || collections == 0 || items > MAX || collections > MAX {
        return Err(Problem::bad_request("No items or collections provided, or too many."));
    }
    let organization = request.organization_id;
    let mut asked = request.collection_ids.clone();
    let found = app.read.shared_among(caller.id, &request.cipher_ids).await?;
    asked.extend(found.into_values().flat_map(|(_, collections)| collections));
    let by = app.standing(&caller, organization, About::Collections(&asked)).await?;
    let command = ChangeManyShared {
        by: Side::Either(by),
        ciphers: request.cipher_ids,
        wish: match request.remove_collections {
            true => Wish::OutOf(request.collection_ids),
            false => Wish::Into(request.collection_ids),
        },
        whole: true,
    };
    let context = app.context_in(&caller, organization);
    let done = app.executor.transact(&context, &command).await?;
    app.settle(done.position).await
}
