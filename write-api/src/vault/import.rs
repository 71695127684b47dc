//! Import into a personal vault.

use super::{cipher::request::CipherRequest, folder::sealed_name};
use crate::WriteApi;
use axum::extract::State;
use commands::vault::import::{ImportVault, ImportedFolder};
use domain::id::FolderId;
use serde::Deserialize;
use std::collections::HashMap;
use web::{Answer, Body, Caller, Problem, Routes};

/// The most items, and the most of them that are filed, of one import.
pub(super) const MAX_CIPHERS: usize = 40_000;
/// The most folders or collections.
pub(super) const MAX_FOLDERS: usize = 10_000;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/ciphers/import", import)
        .with_body_limit(crate::WHOLE_VAULT)
}

/// `ImportCiphersRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportRequest {
    #[serde(default)]
    ciphers: Vec<CipherRequest>,
    #[serde(default)]
    folders: Vec<FolderRequest>,
    #[serde(default)]
    folder_relationships: Vec<Relation>,
}

/// `FolderWithIdRequestModel`.
#[derive(Debug, Deserialize)]
pub(super) struct FolderRequest {
    id: Option<FolderId>,
    name: Option<String>,
}

/// Item and folder, by index.
#[derive(Debug, Deserialize)]
pub(super) struct Relation {
    pub key: i64,
    pub value: i64,
}

/// `POST /ciphers/import`: all of it or nothing.
async fn import(caller: Caller, State(app): State<WriteApi>, Body(request): Body<ImportRequest>) -> Answer<()> {
    let command = checked(&caller, request)?;
    app.may_keep_items(
        caller.id,
        "You cannot import items into your personal vault because you are a member of an organization which forbids it.",
    )
    .await?;
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    app.acknowledge(caller.id, done.position).await;
    Ok(())
}

/// By the index of an item that of its folder. Indices that point nowhere are passed over, and the last relation of an item counts.
pub(super) fn filed(relations: &[Relation], ciphers: usize, folders: usize) -> HashMap<usize, usize> {
    let index = |number: i64, count| usize::try_from(number).ok().filter(|index| *index < count);
    let pair = |relation: &Relation| Some((index(relation.key, ciphers)?, index(relation.value, folders)?));
    relations.iter().filter_map(pair).collect()
}

pub(super) fn checked_folders(folders: Vec<FolderRequest>) -> Answer<Vec<ImportedFolder>> {
    let checked = |(index, folder): (usize, FolderRequest)| {
        let name = sealed_name(folder.name, &format!("Folders[{index}].Name"))?;
        Ok(ImportedFolder {
            existing: folder.id,
            name,
        })
    };
    folders.into_iter().enumerate().map(checked).collect()
}

fn checked(caller: &Caller, request: ImportRequest) -> Answer<ImportVault> {
    if request.ciphers.len() > MAX_CIPHERS
        || request.folder_relationships.len() > MAX_CIPHERS
        || request.folders.len() > MAX_FOLDERS
    {
        return Err(Problem::bad_request("You cannot import this much data at once."));
    }
    let filed = filed(
        &request.folder_relationships,
        request.ciphers.len(),
        request.folders.len(),
    );
    let folders = checked_folders(request.folders)?;
    let ciphers = request
        .ciphers
        .into_iter()
        .enumerate()
        .map(|(index, cipher)| {
            Ok((
                cipher.checked(&format!("Ciphers[{index}]."))?.personal()?.new,
                filed.get(&index).copied(),
            ))
        })
        .collect::<Answer<_>>()?;
    Ok(ImportVault {
        by: caller.id,
        folders,
        ciphers,
    })
}
