//! Reading and decoding ahead of a rebuild: while rows are written, the next pages are on their way.

use crate::{
    feed::{Batch, FeedError, Subscription},
    projector::ProjectorError,
    work::{self, Work},
};
use async_trait::async_trait;
use domain::event::{DecodeError, Position, Recorded};
use sqlx::PgConnection;
use std::{collections::HashSet, sync::Arc};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};

/// What a page shall hold: bytes of events. The next page is made larger or smaller by what the last one held.
const PAGE: usize = 2 << 20;
/// The most and the fewest events of a page, and how many the first one has.
const MOST: usize = 20_000;
const FEWEST: usize = 100;
pub(crate) const FIRST: usize = 1_000;
/// Pages that are decoded or being decoded and wait to be taken; one more is being read.
const QUEUE: usize = 4;
/// What an event costs in memory beside its bytes.
const BESIDE: usize = 512;

/// Events from a place on, read and decoded ahead, and the rows they make. Nothing is in the tables until `save`.
#[async_trait]
pub trait Ahead: Send {
    /// The next page; `None` at the head of the feed, or at the limit.
    ///
    /// # Errors
    /// [`FeedError`]; then there is no next one.
    async fn page(&mut self) -> Result<Option<Batch>, FeedError>;

    /// Applies the last page in memory, all but the events at the places in `held`.
    ///
    /// # Errors
    /// [`ProjectorError`]; nothing of the page is in memory then.
    async fn take(&mut self, connection: &mut PgConnection, held: &HashSet<Position>) -> Result<(), ProjectorError>;

    /// Writes all that is in memory and forgets it.
    ///
    /// # Errors
    /// [`ProjectorError`]; it is forgotten all the same, and the transaction must be rolled back.
    async fn save(&mut self, connection: &mut PgConnection) -> Result<(), ProjectorError>;

    /// Bytes in memory, at most.
    fn weight(&self) -> usize;
}

/// A page as it was read, and what its events say.
struct Page<E> {
    batch: Batch,
    events: Result<Vec<Recorded<E>>, DecodeError>,
}

/// The one implementation: a task that reads, threads that decode, and a projector's rows.
pub(crate) struct Reading<W: Work> {
    pages: mpsc::Receiver<Result<JoinHandle<Page<W::Event>>, FeedError>>,
    reader: AbortHandle,
    last: Option<Result<Vec<Recorded<W::Event>>, DecodeError>>,
    /// Of the last page.
    bytes: usize,
    work: W,
    taken: usize,
}

impl<W: Work> Reading<W> {
    /// Starts to read what lies after `after`, up to `limit`. Tables are empty where nothing lies before.
    pub fn start(feed: Arc<dyn Subscription>, after: Position, limit: Option<Position>) -> Self {
        let (to, pages) = mpsc::channel(QUEUE);
        Self {
            pages,
            reader: tokio::spawn(read::<W>(feed, after, limit, to)).abort_handle(),
            last: None,
            bytes: 0,
            work: W::new(after == Position::START),
            taken: 0,
        }
    }
}

impl<W: Work> Drop for Reading<W> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

#[async_trait]
impl<W: Work> Ahead for Reading<W> {
    async fn page(&mut self) -> Result<Option<Batch>, FeedError> {
        let Some(decoding) = self.pages.recv().await else {
            return Ok(None);
        };
        let Page { batch, events } = decoding?.await.map_err(|e| FeedError(e.to_string()))?;
        self.last = Some(events);
        self.bytes = weight(&batch);
        Ok(Some(batch))
    }

    async fn take(&mut self, connection: &mut PgConnection, held: &HashSet<Position>) -> Result<(), ProjectorError> {
        let Some(events) = self.last.take() else { return Ok(()) };
        let mut events = events?;
        if !held.is_empty() {
            events.retain(|event| !held.contains(&event.position));
        }
        self.work.take(connection, events).await?;
        self.taken += self.bytes;
        Ok(())
    }

    async fn save(&mut self, connection: &mut PgConnection) -> Result<(), ProjectorError> {
        let mut work = std::mem::replace(&mut self.work, W::new(false));
        self.taken = 0;
        work.save(connection).await?;
        Ok(())
    }

    fn weight(&self) -> usize {
        self.taken + self.work.loaded()
    }
}

/// Bytes of a page.
fn weight(batch: &Batch) -> usize {
    let bytes = batch
        .events
        .iter()
        .map(|event| event.data.len() + event.meta.len() + BESIDE);
    bytes.sum()
}

async fn read<W: Work>(
    feed: Arc<dyn Subscription>,
    mut after: Position,
    limit: Option<Position>,
    to: mpsc::Sender<Result<JoinHandle<Page<W::Event>>, FeedError>>,
) {
    let mut size = FIRST;
    while limit != Some(after) {
        let batch = match feed.next(after, size).await {
            Ok(batch) => cut(batch, limit),
            Err(e) => {
                let _ = to.send(Err(e)).await; // nobody waits for it if nobody is there
                return;
            }
        };
        if batch.next == after {
            return;
        }
        after = batch.next;
        size = next_size(size, &batch);
        let decoding = tokio::task::spawn_blocking(move || Page {
            events: work::decode::<W>(&batch.events),
            batch,
        });
        if to.send(Ok(decoding)).await.is_err() {
            return;
        }
    }
}

/// How many events the next page shall have: as many as fill it, by the size of those of the last, but not twice as many
/// as that one was allowed.
pub(crate) fn next_size(size: usize, last: &Batch) -> usize {
    let each = weight(last) / last.events.len().max(1);
    (PAGE / each.max(1)).min(size * 2).clamp(FEWEST, MOST)
}

/// The events of a batch that lie at or before `limit`.
pub(crate) fn cut(mut batch: Batch, limit: Option<Position>) -> Batch {
    if let Some(limit) = limit
        && batch.next > limit
    {
        batch.events.retain(|event| event.position <= limit);
        batch.next = limit;
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::event::{Revision, StoredEvent, StreamName};
    use uuid::Uuid;

    fn page(events: usize, bytes: usize) -> Batch {
        let event = StoredEvent {
            position: Position(1),
            stream: StreamName::new("folder", Uuid::nil()),
            revision: Revision(0),
            id: Uuid::nil(),
            type_name: "FolderCreated".into(),
            schema: 1,
            recorded_at_micros: 0,
            data: Bytes::from(vec![b' '; bytes - BESIDE]),
            meta: Bytes::new(),
        };
        Batch {
            events: vec![event; events],
            ..Batch::default()
        }
    }

    #[test]
    fn pages_grow_to_what_they_shall_hold_and_shrink_at_once() {
        assert_eq!(next_size(FIRST, &page(1_000, 1_024)), 2_000);
        assert_eq!(next_size(2_000, &page(2_000, 1_024)), 2_048);
        assert_eq!(next_size(4_000, &page(50, 64 << 10)), FEWEST);
        assert_eq!(next_size(MOST, &page(10, BESIDE)), PAGE / BESIDE);
        assert_eq!(next_size(100, &Batch::default()), 200, "nothing that concerns anybody");
    }
}
