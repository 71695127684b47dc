//! Opened keys, so that the table is asked once per subject and not once per event.

use crate::data_key::DataKey;
use domain::id::SubjectId;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All keys of one subject, by number: `None` where it was destroyed.
#[derive(Default)]
pub struct SubjectKeys(pub Vec<(i32, Option<DataKey>)>);

impl SubjectKeys {
    /// The key with this number: `None` if there is no such row, `Some(None)` if it was destroyed. A key is on disk before
    /// anything is sealed with it, so a number that a subject with keys has not is a sign of damage.
    pub fn get(&self, key_no: i32) -> Option<Option<&DataKey>> {
        self.0.iter().find(|(no, _)| *no == key_no).map(|(_, key)| key.as_ref())
    }

    /// The key to seal with, the one with the highest number, in the same terms.
    pub fn newest(&self) -> Option<(i32, Option<&DataKey>)> {
        self.0
            .iter()
            .max_by_key(|(no, _)| *no)
            .map(|(no, key)| (*no, key.as_ref()))
    }
}

/// The keys of the subjects used last.
pub struct Cache(Mutex<Inner>);

struct Inner {
    keys: LruCache<SubjectId, Arc<SubjectKeys>>,
    /// How often something was dropped on purpose.
    forgotten: u64,
}

/// What the cache had forgotten when keys began to be loaded: if it forgets more before they are there, they are not kept.
#[derive(Clone, Copy)]
pub struct Since(u64);

impl Cache {
    /// For at most `subjects`.
    pub fn new(subjects: NonZeroUsize) -> Self {
        Self(Mutex::new(Inner {
            keys: LruCache::new(subjects),
            forgotten: 0,
        }))
    }

    /// The keys of each of `subjects`, in their order, as far as they are known here.
    pub fn get(&self, subjects: impl Iterator<Item = SubjectId>) -> (Vec<Option<Arc<SubjectKeys>>>, Since) {
        let mut inner = self.inner();
        let found = subjects.map(|subject| inner.keys.get(&subject).cloned()).collect();
        (found, Since(inner.forgotten))
    }

    /// Keeps keys that were loaded.
    pub fn put<'a>(&self, loaded: impl Iterator<Item = (&'a SubjectId, &'a Arc<SubjectKeys>)>, since: Since) {
        let mut inner = self.inner();
        if inner.forgotten == since.0 {
            for (subject, keys) in loaded {
                inner.keys.put(*subject, Arc::clone(keys));
            }
        }
    }

    /// Drops the keys of `subject`; who is loading them just now will not put them back.
    pub fn forget(&self, subject: SubjectId) {
        let mut inner = self.inner();
        inner.keys.pop(&subject);
        inner.forgotten += 1;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
