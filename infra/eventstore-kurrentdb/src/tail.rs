//! How far the store goes: known from our own appends, and looked up by reading on from where we stopped.

use crate::{reader::Reader, wire};
use commands::ports::ReadError;
use domain::event::Position;
use std::{
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
/// Between looks for connections that were made again.
const QUICKEN: Duration = Duration::from_secs(1);

/// The end of the store as far as it was seen.
pub(crate) struct Tail {
    seen: Mutex<Seen>,
    /// One looks at a time.
    looking: tokio::sync::Mutex<()>,
    wake: watch::Sender<Position>,
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
        })
    }

    /// Reads on to the end; the position of the last event of ours.
    pub(crate) async fn advance(&self, reader: &Reader) -> Result<Position, ReadError> {
        let _looking = self.looking.lock().await;
        let mut seen = *self.seen();
        loop {
            let page = reader.all(seen.looked_at, false, STRIDE).await?;
            let short = page.len() < STRIDE;
            for event in page {
                seen.looked_at = Some(event.position.commit);
                if let Some(ours) = wire::stored_event(event) {
                    seen.last = ours.position;
                }
            }
            *self.seen() = seen;
            self.raise(seen.last);
            if short {
                return Ok(self.known());
            }
        }
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
