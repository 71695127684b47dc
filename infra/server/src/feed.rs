//! Events for projectors: read from the store, personal data opened.

use async_trait::async_trait;
use bytes::Bytes;
use commands::ports::{EventStore, Seal};
use domain::event::{Position, StoredEvent, StreamName};
use eventstore_kurrentdb::is_bookkeeping;
use projections::feed::{Batch, FeedError, Subscription};
use std::sync::Arc;
use tokio::sync::watch;

/// The store as projectors see it.
pub struct Feed {
    store: Arc<dyn EventStore>,
    seal: Arc<dyn Seal>,
    /// Whether metadata is wanted: opening it costs, and most projectors do not look at it.
    metadata: bool,
}

impl Feed {
    /// Events with their metadata.
    pub fn with_metadata(store: Arc<dyn EventStore>, seal: Arc<dyn Seal>) -> Self {
        Self {
            store,
            seal,
            metadata: true,
        }
    }

    /// Events whose metadata is left empty.
    pub fn without_metadata(store: Arc<dyn EventStore>, seal: Arc<dyn Seal>) -> Self {
        Self {
            store,
            seal,
            metadata: false,
        }
    }
}

impl Feed {
    /// Personal data opened; metadata left out, if it is not wanted.
    async fn open(&self, mut events: Vec<StoredEvent>) -> Result<Vec<StoredEvent>, FeedError> {
        if !self.metadata {
            events.iter_mut().for_each(|event| event.meta = Bytes::new());
        }
        self.seal.open(events).await.map_err(feed_error)
    }
}

fn feed_error(e: impl std::fmt::Display) -> FeedError {
    FeedError(e.to_string())
}

#[async_trait]
impl Subscription for Feed {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        let mut page = self.store.read_all(after, max).await.map_err(feed_error)?;
        // what a store without groups keeps for itself
        page.events.retain(|event| !is_bookkeeping(&event.stream));
        let events = self.open(page.events).await?;
        Ok(Batch {
            events,
            next: page.next,
            head: page.head,
        })
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        let read = self
            .store
            .read_streams(&[(stream.clone(), 0)])
            .await
            .map_err(feed_error)?;
        let found = read.into_iter().flatten().find(|event| event.position == position);
        Ok(self.open(found.into_iter().collect()).await?.pop())
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.store.head().await.map_err(feed_error)
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.store.wake()
    }
}
