//! What can be set, with the values that were measured to be good.

use std::time::Duration;

/// Bounds and patience of a [`crate::PostgresStore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most appends that wait; one more is answered `Busy`.
    pub queue_groups: usize,
    /// The most bytes (data and metadata) of waiting appends; beyond it `Busy`.
    pub queue_bytes: usize,
    /// The most appends stored in one transaction.
    pub batch_groups: usize,
    /// The most events stored in one transaction; a larger append goes alone.
    pub batch_events: usize,
    /// The most bytes stored in one transaction; a larger append goes alone.
    pub batch_bytes: usize,
    /// The most bytes of one append; beyond it `TooLarge`.
    pub max_append_bytes: usize,
    /// How long an append is tried again, from when it was asked for, while the database does not answer.
    pub patience: Duration,
    /// How long one transaction may take before its connection counts as lost.
    pub call_timeout: Duration,
    /// How long an append waits for appends of other processes.
    pub lock_timeout: Duration,
    /// Connections for reading; one more stores, one listens, one notifies.
    pub readers: u32,
    /// Tell other processes of appends, and listen to theirs. One process alone needs neither.
    pub notify: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_groups: 4_096,
            queue_bytes: 128 << 20,
            batch_groups: 500,
            batch_events: 2_000,
            batch_bytes: 1 << 20,
            max_append_bytes: 32 << 20,
            patience: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            readers: 6,
            notify: true,
        }
    }
}
