//! Saved folds of long streams: places to start reading from.
//!
//! A snapshot may be lost at any time and is never a source: who starts from one reads the event it names and all behind
//! it, and appends at the revision that was read. So nothing here has to be durable, and nothing here may hold up a
//! command: what cannot be reached is not there.

use async_trait::async_trait;
use bytes::Bytes;
use domain::event::{Revision, StreamName};
use uuid::Uuid;

/// A stream of so many events is long, and every so many events a snapshot of it is kept.
pub const SNAPSHOT_EVERY: u64 = 200;

/// A state as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Of which stream.
    pub stream: StreamName,
    /// The last event folded.
    pub revision: Revision,
    /// The id of that event: a stream that has another one there has another history (a restored backup).
    pub event: Uuid,
    /// The fold that made it: [`domain::event::Aggregate::FOLD`].
    pub fold: String,
    /// JSON, sealed for whom it is about.
    pub state: Bytes,
}

/// Why snapshots could not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("snapshots cannot be reached: {0}")]
pub struct SnapshotError(pub String);

/// Keeps at most one snapshot for each stream.
#[async_trait]
pub trait Snapshots: Send + Sync {
    /// Whether there probably is one, answered from memory: ordinary streams must not cost a question. Both answers may be
    /// wrong.
    fn likely(&self, stream: &StreamName) -> bool;

    /// Those there are of `streams`, in any order.
    ///
    /// # Errors
    /// [`SnapshotError`].
    async fn load(&self, streams: &[StreamName]) -> Result<Vec<Snapshot>, SnapshotError>;

    /// Keeps `snapshot`, unless the one that is there was made by the same fold and is less than [`SNAPSHOT_EVERY`] events
    /// older, or newer.
    ///
    /// # Errors
    /// [`SnapshotError`].
    async fn save(&self, snapshot: Snapshot) -> Result<(), SnapshotError>;

    /// Drops what was found to be of no use; another one that stands there by now stays.
    ///
    /// # Errors
    /// [`SnapshotError`].
    async fn delete(&self, snapshot: &Snapshot) -> Result<(), SnapshotError>;
}
