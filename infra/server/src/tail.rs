//! The end of the store, read and opened once for everything in this process that follows it.

use async_trait::async_trait;
use domain::event::{Position, StoredEvent, StreamName};
use projections::feed::{Batch, FeedError, Subscription};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// How many bytes of events are kept. Followers are some hundred milliseconds apart at most: one that is further behind
/// reads for itself until it has caught up.
const KEPT_BYTES: usize = 8 << 20;
/// What an event takes beside its data and metadata: bytes, roughly.
const EVENT_BYTES: usize = 256;
/// Events read at once.
const PAGE: usize = 2_000;

/// A feed that remembers what it read last.
pub struct Tail {
    feed: Box<dyn Subscription>,
    kept: Mutex<Kept>,
    /// Held by the one who reads on; others who are at the end wait for what it brings.
    reading: tokio::sync::Mutex<()>,
}

/// Every event after `from` and not after `to`.
struct Kept {
    events: VecDeque<StoredEvent>,
    bytes: usize,
    from: Position,
    to: Position,
    head: Position,
}

fn size(event: &StoredEvent) -> usize {
    event.data.len() + event.meta.len() + EVENT_BYTES
}

/// The first `max` events of a batch.
fn first(mut batch: Batch, max: usize) -> Batch {
    if batch.events.len() > max {
        batch.events.truncate(max);
        batch.next = batch.events.last().map_or(batch.next, |event| event.position);
    }
    batch
}

impl Kept {
    /// What is kept after `after`; `None` if some of that is not, or there is nothing yet.
    fn after(&self, after: Position, max: usize) -> Option<Batch> {
        if after < self.from || after >= self.to {
            return None;
        }
        let first = self.events.partition_point(|event| event.position <= after);
        let events: Vec<_> = self.events.iter().skip(first).take(max).cloned().collect();
        let all = first + events.len() == self.events.len();
        // behind the last event there may be positions that concern nobody
        let next = if all { self.to } else { events.last()?.position };
        Some(Batch {
            events,
            next,
            head: self.head,
        })
    }

    /// Nothing, at `position`.
    fn starting(position: Position) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            from: position,
            to: position,
            head: position,
        }
    }

    /// Adds what was read after `to`.
    fn extend(&mut self, batch: &Batch) {
        self.bytes += batch.events.iter().map(size).sum::<usize>();
        self.events.extend(batch.events.iter().cloned());
        (self.to, self.head) = (batch.next, batch.head);
        while self.bytes > KEPT_BYTES
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= size(&oldest);
            self.from = oldest.position;
        }
    }
}

impl Tail {
    /// The end of what `feed` reads, from wherever its first follower is.
    pub fn new(feed: impl Subscription + 'static) -> Self {
        Self {
            feed: Box::new(feed),
            kept: Mutex::new(Kept::starting(Position::START)),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Subscription for Tail {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        if let Some(batch) = self.kept().after(after, max) {
            return Ok(batch);
        }
        let alone = if after < self.kept().to {
            None
        } else {
            let alone = self.reading.lock().await;
            // others may have read on, and so much that some of it is gone again
            if let Some(batch) = self.kept().after(after, max) {
                return Ok(batch);
            }
            (after >= self.kept().to).then_some(alone)
        };
        if alone.is_none() {
            return self.feed.next(after, max).await;
        }
        let batch = self.feed.next(after, PAGE.max(max)).await?;
        let mut kept = self.kept();
        if after > kept.to {
            // the first who follows, or one that is ahead of all others: the end begins here
            *kept = Kept::starting(after);
        }
        kept.extend(&batch);
        Ok(first(batch, max))
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        self.feed.find(stream, position).await
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.feed.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.feed.wake()
    }
}

#[cfg(test)]
mod tests;
