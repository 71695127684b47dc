//! Puts a body together from one snapshot of the database.

use crate::{
    ReadApi,
    account::{domains, wire},
    unavailable,
    vault::{
        cipher::{Shape, render},
        folder::Folder,
    },
};
use domain::id::{FolderId, UserId};
use futures::TryStreamExt;
use projections::sync::{folder::FolderRow, read, revision::Revision};
use std::collections::HashSet;
use web::{Answer, ClientInfo, Problem};

/// What differs between bodies of one revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    /// The highest kind of item the client knows.
    pub kinds: i16,
    /// Whether equivalent domains are left out.
    pub without_domains: bool,
}

/// The client version that knows SSH keys (kind 5).
const KNOWS_SSH_KEYS: (u32, u32, u32) = (2024, 12, 0);
/// The client version that knows bank accounts, driving licences and passports (kinds 6 to 8).
const KNOWS_NEW_KINDS: (u32, u32, u32) = (2026, 2, 0);

impl Variant {
    pub fn of(client: &ClientInfo, without_domains: bool) -> Self {
        let kinds = match client.version_numbers() {
            Some(version) if version >= KNOWS_NEW_KINDS => 8,
            Some(version) if version >= KNOWS_SSH_KEYS => 5,
            _ => 4,
        };
        Self { kinds, without_domains }
    }
}

/// The body for `user`, and the revision it shows.
pub(super) async fn assemble(api: &ReadApi, user: UserId, variant: Variant) -> Answer<(Vec<u8>, Revision)> {
    let mut snapshot = read::snapshot(&api.pool).await.map_err(unavailable)?;
    let revision = read::revision_of(&mut snapshot, user)
        .await
        .map_err(unavailable)?
        .ok_or_else(Problem::unauthorized)?;
    let account = read::account(&mut snapshot, user)
        .await
        .map_err(unavailable)?
        .ok_or_else(Problem::unauthorized)?;
    let folders = read::folders_of(&mut snapshot, user).await.map_err(unavailable)?;

    let mut out = Vec::with_capacity(16 * 1024);
    out.extend_from_slice(br#"{"object":"sync","profile":"#);
    json(&mut out, &wire::profile(user, &account));
    put_folders(&mut out, &folders);
    out.extend_from_slice(br#","collections":[],"policies":[],"policiesNew":[],"sends":[],"userDecryption":"#);
    json(&mut out, &wire::user_decryption(&account));
    out.extend_from_slice(br#","domains":"#);
    if variant.without_domains {
        out.extend_from_slice(b"null");
    } else {
        json(&mut out, &domains::render(&account, false));
    }
    out.extend_from_slice(br#","ciphers":["#);
    let present: HashSet<FolderId> = folders.iter().map(|(id, _)| *id).collect();
    {
        let mut rows = std::pin::pin!(read::ciphers_of(&mut snapshot, user, variant.kinds));
        let mut first = true;
        while let Some(row) = rows.try_next().await.map_err(unavailable)? {
            let line = row.line().map_err(unavailable)?;
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            let folder = line.folder.filter(|id| present.contains(id));
            render(&mut out, &line, Shape::Details, folder);
        }
    }
    out.extend_from_slice(b"]}");
    snapshot.rollback().await.map_err(unavailable)?;
    out.shrink_to_fit();
    Ok((out, revision))
}

fn put_folders(out: &mut Vec<u8>, folders: &[(FolderId, FolderRow)]) {
    out.extend_from_slice(br#","folders":["#);
    for (index, (id, row)) in folders.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json(out, &Folder::of(*id, row));
    }
    out.push(b']');
}

fn json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value).expect("answers hold nothing that JSON cannot");
}
