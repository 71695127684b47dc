//! Bodies kept in memory, within a budget.

use super::{
    assemble::{Variant, assemble},
    compress::Encoding,
};
use crate::ReadApi;
use axum::body::Bytes;
use domain::id::UserId;
use lru::LruCache;
use projections::sync::revision::Revision;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::{Semaphore, watch};
use web::{Answer, Problem};

/// How many bodies are put together at once: each holds a connection and its own memory.
const AT_ONCE: usize = 4;
/// Bodies smaller than this are not worth compressing: bytes.
const MIN_COMPRESSED: usize = 1_400;

/// One body.
pub(super) struct Body {
    revision: Revision,
    generation: u64,
    plain: Bytes,
    asked: AtomicU32,
    gzip: OnceLock<Option<Bytes>>,
    brotli: OnceLock<Option<Bytes>>,
}

impl Body {
    /// The body in `encoding` if that copy was made, else as it is. The second request has the copy made.
    pub fn in_encoding(self: &Arc<Self>, encoding: Option<Encoding>) -> (Bytes, Option<Encoding>) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let Some(encoding) = encoding.filter(|_| self.plain.len() >= MIN_COMPRESSED) else {
            return (self.plain.clone(), None);
        };
        let copy = match encoding {
            Encoding::Gzip => &self.gzip,
            Encoding::Brotli => &self.brotli,
        };
        match copy.get() {
            Some(Some(bytes)) => (bytes.clone(), Some(encoding)),
            Some(None) => (self.plain.clone(), None),
            None => {
                if asked == 1 {
                    self.compress(encoding);
                }
                (self.plain.clone(), None)
            }
        }
    }

    fn compress(self: &Arc<Self>, encoding: Encoding) {
        let body = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let bytes = encoding.compress(&body.plain).map(Bytes::from);
            let copy = match encoding {
                Encoding::Gzip => &body.gzip,
                Encoding::Brotli => &body.brotli,
            };
            let _ = copy.set(bytes);
        });
    }

    fn shows(&self, revision: Revision, generation: u64) -> bool {
        self.generation == generation && self.revision.position >= revision.position
    }
}

type Key = (UserId, Variant);

struct Kept {
    bodies: LruCache<Key, Arc<Body>>,
    bytes: usize,
}

/// Bodies by person and kind of client, the latest revision of each, within a budget of bytes.
pub struct Bodies {
    kept: Mutex<Kept>,
    budget: usize,
    /// Bodies that are being put together: others who want one wait for it.
    making: Mutex<HashMap<Key, watch::Receiver<()>>>,
    at_once: Semaphore,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bodies {
    /// Room for `budget` bytes of bodies, not counting their compressed copies, which are smaller.
    pub fn new(budget: usize) -> Self {
        Self {
            kept: Mutex::new(Kept {
                bodies: LruCache::unbounded(),
                bytes: 0,
            }),
            budget,
            making: Mutex::new(HashMap::new()),
            at_once: Semaphore::new(AT_ONCE),
        }
    }

    /// The body for `user`, at `revision` or later.
    pub(super) async fn get(
        &self,
        api: &ReadApi,
        user: UserId,
        revision: Revision,
        variant: Variant,
    ) -> Answer<Arc<Body>> {
        let key = (user, variant);
        loop {
            let generation = api.live.generation();
            if let Some(body) = lock(&self.kept).bodies.get(&key)
                && body.shows(revision, generation)
            {
                return Ok(Arc::clone(body));
            }
            let making = self.begin(key);
            match making {
                Begun::Wait(mut made) => {
                    let _ = made.changed().await;
                }
                Begun::Make(_done) => {
                    let _permit = self.at_once.acquire().await.map_err(|_| Problem::unavailable())?;
                    let (plain, revision) = assemble(api, user, variant).await?;
                    let body = Arc::new(Body {
                        revision,
                        generation,
                        plain: plain.into(),
                        asked: AtomicU32::new(0),
                        gzip: OnceLock::new(),
                        brotli: OnceLock::new(),
                    });
                    self.keep(key, Arc::clone(&body));
                    return Ok(body);
                }
            }
        }
    }

    fn begin(&self, key: Key) -> Begun<'_> {
        let mut making = lock(&self.making);
        if let Some(made) = making.get(&key) {
            return Begun::Wait(made.clone());
        }
        let (done, made) = watch::channel(());
        making.insert(key, made);
        Begun::Make(Making {
            bodies: self,
            key,
            _done: done,
        })
    }

    fn keep(&self, key: Key, body: Arc<Body>) {
        let size = body.plain.len();
        if size > self.budget / 2 {
            return;
        }
        let mut kept = lock(&self.kept);
        kept.bytes += size;
        if let Some(before) = kept.bodies.put(key, body) {
            kept.bytes -= before.plain.len();
        }
        while kept.bytes > self.budget {
            let Some((_, oldest)) = kept.bodies.pop_lru() else {
                break;
            };
            kept.bytes -= oldest.plain.len();
        }
    }
}

enum Begun<'b> {
    Wait(watch::Receiver<()>),
    Make(Making<'b>),
}

/// Held while a body is put together; when it is dropped, whatever came of it, those who wait look again.
struct Making<'b> {
    bodies: &'b Bodies,
    key: Key,
    _done: watch::Sender<()>,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        lock(&self.bodies.making).remove(&self.key);
    }
}
