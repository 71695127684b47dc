//! Import into an organization's vault.

use super::super::{
    cipher::request::CipherRequest,
    folder::sealed_name,
    import::{FolderRequest, MAX_CIPHERS, MAX_FOLDERS, Relation, checked_folders, filed},
};
use crate::{WriteApi, account::check::Checks, organization::collection::MAX_EXTERNAL_ID};
use axum::extract::State;
use commands::{
    ports::About,
    vault::shared::{ImportShared, ImportedCollection, ImportedItem},
};
use domain::{
    id::{CollectionId, OrganizationId},
    organization::access::Standing,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use web::{Answer, Body, Caller, Problem, Query, Routes};

/// The most pairs of item and collection.
const MAX_RELATIONS: usize = 80_000;
/// The most collections one import may bring: the largest organizations have some 12,000.
const MAX_COLLECTIONS: usize = 20_000;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/ciphers/import-organization", import)
        .with_body_limit(crate::WHOLE_VAULT)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportQuery {
    organization_id: Option<String>,
}

/// `ImportOrganizationCiphersRequestModel`. Folders are those of who imports.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportRequest {
    #[serde(default)]
    collections: Vec<CollectionRequest>,
    #[serde(default)]
    ciphers: Vec<CipherRequest>,
    #[serde(default)]
    collection_relationships: Vec<Relation>,
    #[serde(default)]
    folders: Vec<FolderRequest>,
    #[serde(default)]
    folder_relationships: Vec<Relation>,
}

/// `CollectionWithIdRequestModel`; who has rights in it is not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CollectionRequest {
    id: Option<CollectionId>,
    name: Option<String>,
    external_id: Option<String>,
}

/// `POST /ciphers/import-organization?organizationId=`: all of it or nothing. The organization is that of the address, whatever
/// items say.
async fn import(
    caller: Caller,
    State(app): State<WriteApi>,
    Query(query): Query<ImportQuery>,
    Body(request): Body<ImportRequest>,
) -> Answer<()> {
    let organization: Option<OrganizationId> = query.organization_id.and_then(|id| id.parse().ok());
    let organization = organization.ok_or_else(Problem::not_found)?;
    check_bounds(&request)?;
    let named: Vec<_> = request.collections.iter().filter_map(|one| one.id).collect();
    let by = app.standing(&caller, organization, About::Collections(&named)).await?;
    let command = checked(by, request)?;
    let done = app
        .executor
        .transact(&app.context_in(&caller, organization), &command)
        .await?;
    // new collections are among it
    app.settle(done.position).await
}

fn check_bounds(request: &ImportRequest) -> Answer<()> {
    if request.ciphers.len() > MAX_CIPHERS
        || request.collections.len() > MAX_COLLECTIONS
        || request.collection_relationships.len() > MAX_RELATIONS
        || request.folders.len() > MAX_FOLDERS
        || request.folder_relationships.len() > MAX_CIPHERS
    {
        return Err(Problem::bad_request("You cannot import this much data at once."));
    }
    Ok(())
}

fn checked(by: Standing, request: ImportRequest) -> Answer<ImportShared> {
    // indices that point nowhere are passed over
    let index = |number: i64| usize::try_from(number).ok();
    let mut within: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for relation in &request.collection_relationships {
        if let (Some(cipher), Some(collection)) = (index(relation.key), index(relation.value)) {
            within.entry(cipher).or_default().push(collection);
        }
    }
    let filed = filed(
        &request.folder_relationships,
        request.ciphers.len(),
        request.folders.len(),
    );
    let folders = checked_folders(request.folders)?;
    let mut collections = Vec::with_capacity(request.collections.len());
    for (index, collection) in request.collections.into_iter().enumerate() {
        let mut checks = Checks::new();
        let external_id = checks.text(
            &format!("Collections[{index}].ExternalId"),
            collection.external_id,
            MAX_EXTERNAL_ID,
        );
        checks.done()?;
        collections.push(ImportedCollection {
            existing: collection.id,
            name: sealed_name(collection.name, &format!("Collections[{index}].Name"))?,
            external_id,
        });
    }
    let mut ciphers = Vec::with_capacity(request.ciphers.len());
    for (index, cipher) in request.ciphers.into_iter().enumerate() {
        let sealed = cipher.checked(&format!("Ciphers[{index}]."))?;
        if sealed.organization.is_some_and(|named| named != by.organization) {
            return Err(Problem::bad_request(
                "Organization mismatch. Re-sync if you recently moved this item, then try again.",
            ));
        }
        ciphers.push(ImportedItem {
            new: sealed.new,
            collections: within.remove(&index).unwrap_or_default(),
            folder: filed.get(&index).copied(),
        });
    }
    Ok(ImportShared {
        by,
        collections,
        folders,
        ciphers,
    })
}
