//! Puts a body together from one snapshot of the database.

use super::{
    bodies::{Key, Source},
    pour::{Pour, Stop},
    shared::Shared,
};
use crate::{
    ReadApi,
    account::{domains, wire},
    unavailable,
    vault::{
        cipher::{Shape, render},
        folder::Folder,
    },
};
use domain::id::FolderId;
use futures::TryStreamExt;
use projections::sync::{account::AccountView, folder::FolderRow, read, revision::Revision};
use std::collections::HashSet;
use web::{ClientInfo, Problem};

/// What differs between bodies of one revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    /// The highest kind of item the client knows.
    kinds: i16,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// All a client keeps; equivalent domains only if wanted.
    Sync { without_domains: bool },
    /// The items alone, as a list.
    Items,
}

/// The client version that knows SSH keys (kind 5).
const KNOWS_SSH_KEYS: (u32, u32, u32) = (2024, 12, 0);
/// The client version that knows bank accounts, driving licences and passports (kinds 6 to 8).
const KNOWS_NEW_KINDS: (u32, u32, u32) = (2026, 2, 0);

impl Variant {
    /// All items.
    pub const ITEMS: Self = Self {
        kinds: i16::MAX,
        form: Form::Items,
    };

    pub fn of(client: &ClientInfo, without_domains: bool) -> Self {
        let kinds = match client.version_numbers() {
            Some(version) if version >= KNOWS_NEW_KINDS => 8,
            Some(version) if version >= KNOWS_SSH_KEYS => 5,
            _ => 4,
        };
        Self {
            kinds,
            form: Form::Sync { without_domains },
        }
    }
}

/// What a row becomes longer by, at most, when it is rendered.
pub(super) const AROUND: usize = 512;

impl Source for ReadApi {
    fn generation(&self) -> u64 {
        self.live.generation()
    }

    async fn pour(&self, (user, variant): Key, pour: &mut Pour) -> Result<Revision, Stop> {
        let mut snapshot = read::snapshot(&self.pool).await.map_err(unavailable)?;
        let revision = read::revision_of(&mut snapshot, user)
            .await
            .map_err(unavailable)?
            .ok_or_else(Problem::unauthorized)?;
        let folders = read::folders_of(&mut snapshot, user).await.map_err(unavailable)?;
        let shared = Shared::read(&mut snapshot, user).await.map_err(unavailable)?;
        let end = match variant.form {
            Form::Sync { without_domains } => {
                let account = read::account(&mut snapshot, user)
                    .await
                    .map_err(unavailable)?
                    .ok_or_else(Problem::unauthorized)?;
                let out = pour.out(0).await?;
                out.extend_from_slice(br#"{"object":"sync","profile":"#);
                json(out, &wire::profile(user, &account, &shared.memberships));
                put_folders(pour, &folders).await?;
                shared.put(pour).await?;
                put_rest(pour.out(0).await?, &account, without_domains);
                "]}"
            }
            Form::Items => {
                pour.out(0).await?.extend_from_slice(br#"{"object":"list","data":["#);
                r#"],"continuationToken":null}"#
            }
        };
        let own = put_items(&mut snapshot, (user, variant), &folders, pour).await?;
        shared
            .put_items(&mut snapshot, variant.kinds, &folders, !own, pour)
            .await?;
        pour.out(end.len()).await?.extend_from_slice(end.as_bytes());
        snapshot.rollback().await.map_err(unavailable)?;
        Ok(revision)
    }
}

/// The person's own items; whether there were any.
async fn put_items(
    snapshot: &mut read::Snapshot,
    (user, variant): Key,
    folders: &[(FolderId, FolderRow)],
    pour: &mut Pour,
) -> Result<bool, Stop> {
    let present: HashSet<FolderId> = folders.iter().map(|(id, _)| *id).collect();
    let mut rows = std::pin::pin!(read::ciphers_of(snapshot, user, variant.kinds));
    let mut first = true;
    while let Some(row) = rows.try_next().await.map_err(unavailable)? {
        let line = row.line().map_err(unavailable)?;
        let out = pour.out(line.content.len() + line.frame.len() + AROUND).await?;
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        let folder = line.folder.filter(|id| present.contains(id));
        render(out, &line, Shape::Details, folder);
    }
    Ok(!first)
}

/// What stands between folders and items, and grows with neither.
fn put_rest(out: &mut Vec<u8>, account: &AccountView, without_domains: bool) {
    out.extend_from_slice(br#","sends":[],"userDecryption":"#);
    json(out, &wire::user_decryption(account));
    out.extend_from_slice(br#","domains":"#);
    if without_domains {
        out.extend_from_slice(b"null");
    } else {
        json(out, &domains::render(account, false));
    }
    out.extend_from_slice(br#","ciphers":["#);
}

async fn put_folders(pour: &mut Pour, folders: &[(FolderId, FolderRow)]) -> Result<(), Stop> {
    pour.out(0).await?.extend_from_slice(br#","folders":["#);
    for (index, (id, row)) in folders.iter().enumerate() {
        let out = pour.out(row.name.len() + AROUND).await?;
        if index > 0 {
            out.push(b',');
        }
        json(out, &Folder::of(*id, row));
    }
    pour.out(1).await?.push(b']');
    Ok(())
}

pub(super) fn json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value).expect("answers hold nothing that JSON cannot");
}
