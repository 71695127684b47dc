//! What processes that do not own the projector ask before they read.

use async_trait::async_trait;
use commands::ports::{EventStore, shared_state::LastPosition};
use domain::{event::Position, id::UserId};
use read_api::Elsewhere;
use std::sync::Arc;
use web::{Answer, Problem};

/// Other processes, by what they left in Redis, else by the head of the event store, which is always enough.
pub struct OtherProcesses {
    /// Where writers leave how far they are, if there is such a place.
    pub positions: Option<Arc<dyn LastPosition>>,
    /// Where events are kept.
    pub store: Arc<dyn EventStore>,
}

#[async_trait]
impl Elsewhere for OtherProcesses {
    async fn acknowledged(&self, user: UserId) -> Answer<Position> {
        if let Some(positions) = &self.positions
            && let Ok(position) = positions.get(user).await
        {
            return Ok(position.unwrap_or_default());
        }
        self.store.head().await.map_err(|error| {
            tracing::warn!(%error, "the head of the event store is not known");
            Problem::unavailable()
        })
    }
}
