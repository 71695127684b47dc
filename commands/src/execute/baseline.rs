//! Folded states kept as a place to start reading from. Never trusted: the append states the expected revision, and where
//! nothing is appended the events after them are read.

use domain::{event::Revision, time::Timestamp};
use lru::LruCache;
use std::{
    any::Any,
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

/// How many locks share the states.
const SHARDS: usize = 16;

/// A state and how far it is folded.
#[derive(Clone)]
pub(super) struct Baseline {
    pub state: Arc<dyn Any + Send + Sync>,
    pub revision: Revision,
    pub at: Timestamp,
}

type Key = (&'static str, Uuid);

/// A bounded number of [`Baseline`]s, least recently used thrown away first.
pub(super) struct Baselines {
    shards: Vec<Mutex<LruCache<Key, Baseline>>>,
    hasher: RandomState,
}

impl Baselines {
    pub fn new(capacity: usize) -> Self {
        let each = NonZeroUsize::new(capacity / SHARDS).unwrap_or(NonZeroUsize::MIN);
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(LruCache::new(each))).collect(),
            hasher: RandomState::new(),
        }
    }

    fn shard(&self, key: &Key) -> &Mutex<LruCache<Key, Baseline>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    pub fn get(&self, category: &'static str, id: Uuid) -> Option<Baseline> {
        let key = (category, id);
        self.shard(&key)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned()
    }

    /// Keeps `baseline` unless a newer one is kept already.
    pub fn put(&self, category: &'static str, id: Uuid, baseline: Baseline) {
        let key = (category, id);
        let mut shard = self.shard(&key).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.peek(&key).is_none_or(|kept| kept.revision < baseline.revision) {
            shard.put(key, baseline);
        }
    }
}
