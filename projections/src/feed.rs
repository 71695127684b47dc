//! Where projectors get events from.

use async_trait::async_trait;
use domain::event::{Position, StoredEvent, StreamName};
use tokio::sync::watch;

/// A stretch of the whole store, personal data opened.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// In position order.
    pub events: Vec<StoredEvent>,
    /// Read on from here.
    pub next: Position,
    /// The last position known when the batch was read.
    pub head: Position,
}

/// Why no events could be had; safe to retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("events cannot be read: {0}")]
pub struct FeedError(pub String);

/// All events, in position order, personal data opened. Catching up and keeping up are the same call.
#[async_trait]
pub trait Subscription: Send + Sync {
    /// At most `max` events after `after`; none at the head.
    ///
    /// # Errors
    /// [`FeedError`]; safe to retry.
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError>;

    /// The event of `stream` that lies at `position`. Positions have no neighbours to count to: see
    /// [`commands::ports::Caps`].
    ///
    /// # Errors
    /// [`FeedError`]; safe to retry.
    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError>;

    /// The last position.
    ///
    /// # Errors
    /// [`FeedError`]; safe to retry.
    async fn head(&self) -> Result<Position, FeedError>;

    /// Changes when there may be more. A hint: subscribers look every 250 ms anyway.
    fn wake(&self) -> watch::Receiver<Position>;
}
