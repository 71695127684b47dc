//! Events for projectors: read from the store, personal data opened.

use async_trait::async_trait;
use commands::ports::{EventStore, Seal};
use domain::event::Position;
use eventstore_kurrentdb::is_bookkeeping;
use projections::feed::{Batch, FeedError, Subscription};
use std::sync::Arc;
use tokio::sync::watch;

/// The store as projectors see it.
pub struct Feed {
    store: Arc<dyn EventStore>,
    seal: Arc<dyn Seal>,
}

impl Feed {
    /// The events of `store`, opened by `seal`.
    pub fn new(store: Arc<dyn EventStore>, seal: Arc<dyn Seal>) -> Self {
        Self { store, seal }
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
        let events = self.seal.open(page.events).await.map_err(feed_error)?;
        Ok(Batch {
            events,
            next: page.next,
            head: page.head,
        })
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.store.head().await.map_err(feed_error)
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.store.wake()
    }
}
