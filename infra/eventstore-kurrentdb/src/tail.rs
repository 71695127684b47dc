//! How far the store goes: known from our own appends, and looked up by reading on from where we stopped.

use crate::{reader::Reader, wire};
use commands::ports::ReadError;
use domain::{
    account::fence::Fence,
    event::{Aggregate, Position, StreamName},
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How many events are looked at in one go.
const STRIDE: usize = 512;
/// Between looks while events arrive, and the most it doubles to while none do.
const BUSY: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_millis(100);
/// Between looks while the server cannot be reached.
const UNREACHABLE: Duration = Duration::from_secs(1);
/// How old a look may be that a fence is judged by.
pub(crate) const FRESH: Duration = Duration::from_secs(2);
/// Between looks for connections that were made again.
const QUICKEN: Duration = Duration::from_secs(1);

/// The end of the store as far as it was seen.
pub(crate) struct Tail {
    seen: Mutex<Seen>,
    /// One looks at a time.
    looking: tokio::sync::Mutex<()>,
    wake: watch::Sender<Position>,
    fences: Mutex<Fences>,
}

/// Fences that were closed since this process started, and when the look began that knows of all before it. Those closed
/// earlier are not needed: sessions that are checked here carry a stamp that is good by read models newer than that.
#[derive(Default)]
struct Fences {
    closed: HashSet<StreamName>,
    looked: Option<Instant>,
}

#[derive(Default, Clone, Copy)]
struct Seen {
    /// The last event of ours.
    last: Position,
    /// Everything up to here was looked at, the server's own events too. They keep coming while we are idle.
    looked_at: Option<u64>,
}

impl Tail {
    /// Finds the end by reading backwards to the last event of ours.
    pub(crate) async fn find(reader: &Reader) -> Result<Self, ReadError> {
        let mut seen = Seen::default();
        let mut from = None;
        'back: loop {
            let page = reader.all(from, true, STRIDE).await?;
            let short = page.len() < STRIDE;
            for event in page {
                from = Some(event.position.commit);
                seen.looked_at = seen.looked_at.or(from);
                if let Some(ours) = wire::stored_event(event) {
                    seen.last = ours.position;
                    break 'back;
                }
            }
            if short {
                break;
            }
        }
        Ok(Self {
            seen: Mutex::new(seen),
            looking: tokio::sync::Mutex::default(),
            wake: watch::Sender::new(seen.last),
            fences: Mutex::default(),
        })
    }

    /// Reads on to the end; the position of the last event of ours.
    pub(crate) async fn advance(&self, reader: &Reader) -> Result<Position, ReadError> {
        let _looking = self.looking.lock().await;
        let mut seen = *self.seen();
        let began = Instant::now();
        loop {
            let page = reader.all(seen.looked_at, false, STRIDE).await?;
            let short = page.len() < STRIDE;
            for event in page {
                seen.looked_at = Some(event.position.commit);
                if let Some(ours) = wire::stored_event(event) {
                    seen.last = ours.position;
                    self.note(&ours.stream);
                }
            }
            *self.seen() = seen;
            self.raise(seen.last);
            if short {
                self.fences().looked = Some(began);
                return Ok(self.known());
            }
        }
    }

    /// Whether `fence` was closed, by what was known [`FRESH`] ago at the latest. Costs a question only while nobody listens to
    /// this store, or it does not answer: else it is looked at all the time.
    pub(crate) async fn is_closed(&self, fence: &StreamName, reader: &Reader) -> Result<bool, ReadError> {
        let is_fresh = |looked: Option<Instant>| looked.is_some_and(|looked| looked.elapsed() < FRESH);
        let known = {
            let fences = self.fences();
            (fences.closed.contains(fence), is_fresh(fences.looked))
        };
        match known {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => {
                self.advance(reader).await?;
                Ok(self.fences().closed.contains(fence))
            }
        }
    }

    /// An event was appended to `stream`.
    pub(crate) fn note(&self, stream: &StreamName) {
        if stream.category == Fence::CATEGORY {
            self.fences().closed.insert(stream.clone());
        }
    }

    fn fences(&self) -> MutexGuard<'_, Fences> {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to read on after `after`: further on if nothing of ours lies between.
    pub(crate) fn read_from(&self, after: Position) -> Option<u64> {
        let seen = *self.seen();
        let known = seen.looked_at.filter(|_| after == seen.last);
        known.or((after != Position::START).then_some(after.0))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event is known to lie at `position`.
    pub(crate) fn raise(&self, position: Position) {
        self.wake.send_if_modified(|known| {
            let further = position > *known;
            if further {
                *known = position;
            }
            further
        });
    }

    /// The last position known.
    pub(crate) fn known(&self) -> Position {
        *self.wake.borrow()
    }

    pub(crate) fn wake(&self) -> watch::Receiver<Position> {
        self.wake.subscribe()
    }

    /// Looks for events of others as long as somebody listens, and after the connections. Ends with its task.
    pub(crate) async fn watch(self: Arc<Self>, reader: Reader) {
        let mut pause = BUSY;
        let mut reachable = true;
        let mut quickened = Instant::now();
        loop {
            tokio::time::sleep(pause).await;
            if quickened.elapsed() >= QUICKEN {
                reader.link.send_at_once();
                quickened = Instant::now();
            }
            if self.wake.receiver_count() == 0 {
                pause = IDLE;
                continue;
            }
            let before = self.known();
            let looked = self.advance(&reader).await;
            if looked.is_err() == reachable {
                reachable = looked.is_ok();
                tracing::info!(reachable, "KurrentDB's tail");
            }
            pause = match looked {
                Err(_) => UNREACHABLE,
                Ok(now) if now > before => BUSY,
                Ok(_) => (pause * 2).min(IDLE),
            };
        }
    }
}
