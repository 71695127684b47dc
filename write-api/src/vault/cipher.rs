//! Items, one at a time.

pub mod check;
pub mod content;
pub mod request;

use crate::WriteApi;
use axum::{extract::State, response::Response};
use commands::{
    execute::{Command, Done},
    vault::{
        cipher::{
            ArchiveCipher, CipherError, CreateCipher, DeleteCipher, FileCipher, RestoreCipher, TrashCipher,
            UnarchiveCipher, UpdateCipher,
        },
        shared::Wish,
    },
};
use domain::{
    id::{CipherId, CollectionId, OrganizationId, UserId},
    organization::policy::Enforced,
    vault::cipher::Cipher,
};
use projections::sync::cipher::CipherRow;
use read_api::vault::cipher::Shape;
use request::{CipherRequest, Sealed};
use serde::Deserialize;
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

impl WriteApi {
    /// That somebody may have items in a vault of their own: no organization they are in keeps them all (policy 5).
    ///
    /// # Errors
    /// 400 with `message`.
    pub(crate) async fn may_keep_items(&self, user: UserId, message: &'static str) -> Answer<()> {
        match self.read.is_bound(user, Enforced::OrganizationDataOwnership).await? {
            true => Err(Problem::bad_request(message)),
            false => Ok(()),
        }
    }

    /// The organization an item belongs to, if it is one's.
    ///
    /// # Errors
    /// 503 if history cannot be read now.
    pub(crate) async fn shared(&self, id: CipherId) -> Answer<Option<OrganizationId>> {
        let state = self.executor.state::<Cipher>(id).await?;
        Ok(state.live().and_then(|cipher| cipher.organization))
    }
}

/// `POST /ciphers`.
async fn create(caller: Caller, State(app): State<WriteApi>, Body(request): Body<CipherRequest>) -> Answer<Response> {
    let sealed = request.checked("")?;
    create_sealed(&app, &caller, sealed, vec![]).await
}

/// `CipherCreateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    cipher: CipherRequest,
    /// A personal item has none.
    collection_ids: Option<Vec<CollectionId>>,
}

/// `POST /ciphers/create`.
async fn create_with_collections(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<CreateRequest>,
) -> Answer<Response> {
    let sealed = request.cipher.checked("Cipher.")?;
    create_sealed(&app, &caller, sealed, request.collection_ids.unwrap_or_default()).await
}

async fn create_sealed(
    app: &WriteApi,
    caller: &Caller,
    sealed: Sealed,
    collections: Vec<CollectionId>,
) -> Answer<Response> {
    sealed.check_for(app, caller.id).await?;
    if let Some(organization) = sealed.organization {
        return super::organization::create(app, caller, organization, sealed.new, collections).await;
    }
    app.may_keep_items(
        caller.id,
        "Due to an Enterprise Policy, you are restricted from saving items to your individual vault.",
    )
    .await?;
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
    if let Some(organization) = present.live().and_then(|cipher| cipher.organization) {
        return super::organization::update(&app, &caller, (organization, id.0), sealed).await;
    }
    present.of(caller.id).ok_or_else(Problem::not_found)?;
    let sealed = sealed.personal()?;
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
    if let Some(organization) = app.shared(id.0).await? {
        return super::organization::file(&app, &caller, (organization, id.0), folder, request.favorite).await;
    }
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
    if let Some(organization) = app.shared(cipher).await? {
        return super::organization::change(&app, &caller, (organization, cipher), Wish::Delete)
            .await
            .map(drop);
    }
    remove(&app, &caller, DeleteCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/delete`: to the trash.
async fn trash(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<()> {
    let (cipher, by) = (id.0, caller.id);
    if let Some(organization) = app.shared(cipher).await? {
        return super::organization::change(&app, &caller, (organization, cipher), Wish::Trash)
            .await
            .map(drop);
    }
    remove(&app, &caller, TrashCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/restore`.
async fn restore(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (cipher, by) = (id.0, caller.id);
    if let Some(organization) = app.shared(cipher).await? {
        return super::organization::change(&app, &caller, (organization, cipher), Wish::Restore).await;
    }
    change(&app, &caller, RestoreCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/archive`.
async fn archive(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (cipher, by) = (id.0, caller.id);
    if let Some(organization) = app.shared(cipher).await? {
        let since = Some(app.executor.now());
        return super::organization::archive(&app, &caller, (organization, cipher), since).await;
    }
    change(&app, &caller, ArchiveCipher { cipher, by }).await
}

/// `PUT /ciphers/{id}/unarchive`.
async fn unarchive(caller: Caller, State(app): State<WriteApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (cipher, by) = (id.0, caller.id);
    if let Some(organization) = app.shared(cipher).await? {
        return super::organization::archive(&app, &caller, (organization, cipher), None).await;
    }
    change(&app, &caller, UnarchiveCipher { cipher, by }).await
}
