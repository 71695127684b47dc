//! Bodies in memory, within a budget of bytes: those kept for the next who asks, and those on their way.

use super::{
    assemble::Variant,
    body::Body,
    pour::{Asker, Made, Piece, Pour, Stop},
    room::{Place, Room},
};
use domain::id::UserId;
use lru::LruCache;
use projections::sync::revision::Revision;
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tracing::Instrument;
use web::{Answer, Problem};

/// How many bodies are put together at once: each holds a connection.
const AT_ONCE: usize = 4;
/// How many more may flow to their clients meanwhile, at a pace that is not ours: so many, and of the connections to the
/// database one in so many, for each holds one.
const FLOWING: usize = 4;
const ONE_IN: usize = 6;
/// How long a body that has no room and may not flow waits for either.
const WAIT: Duration = Duration::from_secs(10);
/// How often it looks for room: kept bodies make room when nobody reads them any more, of which nobody tells.
const LOOK: Duration = Duration::from_millis(100);

/// The slowest pace at which a body may flow: 30 s for nothing, and 4 s for each piece, which is 2 Mbit/s.
pub(super) struct Pace {
    pub patience: Duration,
    pub each: Duration,
}

/// Whose body, and for what kind of client.
pub(super) type Key = (UserId, Variant);

/// What bodies are made of.
pub(super) trait Source: Clone + Send + 'static {
    /// The generation of read models that is read from.
    fn generation(&self) -> u64;

    /// Puts the body of `key` together; the revision it shows.
    fn pour(&self, key: Key, pour: &mut Pour) -> impl Future<Output = Result<Revision, Stop>> + Send;
}

/// A body for who asked.
pub(super) enum Found {
    /// In memory.
    Whole(Arc<Body>),
    /// Being made.
    Flowing(mpsc::UnboundedReceiver<Piece>),
}

/// Bodies by person and kind of client, the latest revision of each.
///
/// The budget counts bytes that are in memory, whether they are kept, on their way, or compressed copies. Not counted are
/// the few pieces being written and the two on their way of each body that flows.
pub struct Bodies {
    kept: Mutex<LruCache<Key, Arc<Body>>>,
    room: Room,
    /// Bodies that are being put together: others who want one wait for it.
    making: Mutex<HashMap<Key, watch::Receiver<()>>>,
    turns: Arc<Semaphore>,
    flowing: Arc<Semaphore>,
    wait: Duration,
    pub(super) pace: Pace,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bodies {
    /// Room for `budget` bytes, made over a pool of `connections`.
    pub fn new(budget: usize, connections: usize) -> Self {
        Self {
            kept: Mutex::new(LruCache::unbounded()),
            room: Room::new(budget),
            making: Mutex::new(HashMap::new()),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            flowing: Arc::new(Semaphore::new((connections / ONE_IN).clamp(1, FLOWING))),
            wait: WAIT,
            pace: Pace {
                patience: Duration::from_secs(30),
                each: Duration::from_secs(4),
            },
        }
    }

    /// The body of `key`, at `revision` or later. `may_flow`: the client can tell a body that broke off from a whole one.
    pub(super) async fn get(
        self: &Arc<Self>,
        source: &impl Source,
        key: Key,
        revision: Revision,
        may_flow: bool,
    ) -> Answer<Found> {
        loop {
            let generation = source.generation();
            if let Some(body) = self.find(key, revision, generation) {
                return Ok(Found::Whole(body));
            }
            match self.begin(key) {
                Begun::Wait(mut made) => {
                    let _ = made.changed().await;
                }
                Begun::Make(making) => return self.make(source, making, generation, may_flow).await,
            }
        }
    }

    /// What is kept of `key`. If it is too old, so it is for all who come.
    fn find(&self, key: Key, revision: Revision, generation: u64) -> Option<Arc<Body>> {
        let mut kept = lock(&self.kept);
        let body = kept.get(&key)?;
        if body.shows(revision, generation) {
            return Some(Arc::clone(body));
        }
        kept.pop(&key);
        None
    }

    fn begin(self: &Arc<Self>, key: Key) -> Begun {
        let mut making = lock(&self.making);
        if let Some(made) = making.get(&key) {
            return Begun::Wait(made.clone());
        }
        let (done, made) = watch::channel(());
        making.insert(key, made);
        Begun::Make(Making {
            bodies: Arc::clone(self),
            key,
            _done: done,
        })
    }

    async fn make(
        self: &Arc<Self>,
        source: &impl Source,
        mut making: Making,
        generation: u64,
        may_flow: bool,
    ) -> Answer<Found> {
        let (key, asked) = (making.key, tokio::time::Instant::now());
        let mut leave = None;
        loop {
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let (answer, made) = oneshot::channel();
            let asker = Asker {
                answer,
                _turn: turn.map_err(|_| Problem::unavailable())?,
                leave,
                may_flow,
                making,
            };
            let (mut pour, source) = (Pour::new(Arc::clone(self), asker), source.clone());
            let work = async move {
                let outcome = source.pour(key, &mut pour).await;
                pour.end(key, generation, outcome).await;
            };
            tokio::spawn(work.in_current_span());
            match made.await {
                Ok(Made::Whole(body)) => return Ok(Found::Whole(body)),
                Ok(Made::Flowing(pieces)) => return Ok(Found::Flowing(pieces)),
                Ok(Made::Failed(problem)) => return Err(problem),
                Ok(Made::Crowded(back, bytes)) => {
                    let granted = tokio::time::timeout_at(asked + self.wait, self.granted(bytes)).await;
                    leave = granted.map_err(|_| Problem::unavailable())?;
                    making = back;
                }
                Err(_) => return Err(Problem::internal()), // it panicked, which was logged
            }
        }
    }

    /// Waits until there is room for a piece more than `bytes`, or else leave to flow.
    async fn granted(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let mut leave = std::pin::pin!(Arc::clone(&self.flowing).acquire_owned());
        loop {
            tokio::select! {
                leave = &mut leave => return leave.ok(),
                () = tokio::time::sleep(LOOK) => {
                    let bytes = bytes + super::pour::CHUNK;
                    if bytes <= self.largest() && self.place(bytes).is_some() {
                        return None;
                    }
                }
            }
        }
    }

    /// The most one body may take.
    pub(super) fn largest(&self) -> usize {
        self.room.bytes() / 2
    }

    /// Leave to let one more body flow.
    pub(super) fn leave_to_flow(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.flowing).try_acquire_owned().ok()
    }

    /// A place for `bytes`. What was not asked for for longest makes room, unless somebody is being sent it: then nothing
    /// would be won by letting go of it.
    pub(super) fn place(&self, bytes: usize) -> Option<Place> {
        loop {
            if let Some(place) = self.room.take(bytes) {
                return Some(place);
            }
            let mut kept = lock(&self.kept);
            let idle = kept.iter().rev().find(|(_, body)| Arc::strong_count(body) == 1);
            let key = idle.map(|(key, _)| *key)?;
            kept.pop(&key);
        }
    }

    /// Keeps a body, all bytes of which have a place.
    pub(super) fn keep(&self, key: Key, body: Arc<Body>) {
        lock(&self.kept).put(key, body);
    }
}

enum Begun {
    Wait(watch::Receiver<()>),
    Make(Making),
}

/// Held while a body is put together; when it is dropped, whatever came of it, those who wait look again.
pub(super) struct Making {
    bodies: Arc<Bodies>,
    key: Key,
    _done: watch::Sender<()>,
}

impl Drop for Making {
    fn drop(&mut self) {
        lock(&self.bodies.making).remove(&self.key);
    }
}

#[cfg(test)]
mod tests;
