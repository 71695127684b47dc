//! Rows as the projector wrote them lately.

use super::{Live, lock};
use crate::sync::{cipher::CipherRow, folder::FolderRow};
use lru::LruCache;
use std::sync::Mutex;
use uuid::Uuid;

/// Rows of one kind; `None` for one that is gone.
pub(super) type Rows<R> = Mutex<LruCache<Uuid, Option<R>>>;

impl Live {
    /// An item as the projector wrote it lately; `Some(None)` if it is gone.
    pub fn cipher(&self, id: Uuid) -> Option<Option<CipherRow>> {
        if !self.is_owner() {
            return None;
        }
        lock(&self.ciphers).get(&id).cloned()
    }

    /// A folder as the projector wrote it lately; `Some(None)` if it is gone.
    pub fn folder(&self, id: Uuid) -> Option<Option<FolderRow>> {
        if !self.is_owner() {
            return None;
        }
        lock(&self.folders).get(&id).cloned()
    }
}

/// What was written before a change that is being committed.
pub(super) fn forget<R>(rows: &Rows<R>, changed: &[(Uuid, Option<R>)]) {
    let mut rows = lock(rows);
    for (key, _) in changed {
        rows.pop(key);
    }
}

pub(super) fn remember<R>(rows: &Rows<R>, changed: Vec<(Uuid, Option<R>)>) {
    let mut rows = lock(rows);
    for (key, row) in changed {
        rows.put(key, row);
    }
}
