//! What can be told to go wrong, and what was seen.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

/// Switches of a double. Each count is used up by the requests that come next.
#[derive(Debug, Default)]
pub struct Faults {
    lost_acks: AtomicU32,
    timed_out: AtomicU32,
    refused: AtomicU32,
    not_leader: AtomicU32,
    failed_reads: AtomicU32,
    delay_ms: AtomicU64,
    no_position: AtomicBool,
    appends: AtomicU64,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Faults {
    /// The next `n` appends are stored, and then answered as if the connection broke.
    pub fn lose_acks(&self, n: u32) {
        self.lost_acks.store(n, SeqCst);
    }

    /// The next `n` appends are stored, and then answered by `Aborted`, as when replication takes too long.
    pub fn time_out(&self, n: u32) {
        self.timed_out.store(n, SeqCst);
    }

    /// The next `n` appends are not stored: the server is too busy.
    pub fn refuse(&self, n: u32) {
        self.refused.store(n, SeqCst);
    }

    /// The next `n` appends are not stored: the node says that it is not the leader, and names the leader.
    pub fn not_leader(&self, n: u32) {
        self.not_leader.store(n, SeqCst);
    }

    /// The next `n` reads fail.
    pub fn fail_reads(&self, n: u32) {
        self.failed_reads.store(n, SeqCst);
    }

    /// Every append takes this much longer.
    pub fn delay(&self, by: Duration) {
        self.delay_ms.store(by.as_millis() as u64, SeqCst);
    }

    /// Appends that were done before are answered without a position, as when the index does not have it.
    pub fn hide_positions_of_repeats(&self, hide: bool) {
        self.no_position.store(hide, SeqCst);
    }

    /// How many appends were asked for.
    pub fn appends(&self) -> u64 {
        self.appends.load(SeqCst)
    }

    /// The most appends there ever were at one time.
    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(SeqCst)
    }

    pub(crate) fn takes_lost_ack(&self) -> bool {
        take(&self.lost_acks)
    }

    pub(crate) fn takes_time_out(&self) -> bool {
        take(&self.timed_out)
    }

    pub(crate) fn takes_refusal(&self) -> bool {
        take(&self.refused)
    }

    pub(crate) fn takes_not_leader(&self) -> bool {
        take(&self.not_leader)
    }

    pub(crate) fn takes_failed_read(&self) -> bool {
        take(&self.failed_reads)
    }

    pub(crate) fn hides_position(&self) -> bool {
        self.no_position.load(SeqCst)
    }

    pub(crate) fn delay_of_appends(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(SeqCst))
    }

    /// Counts an append until the answer is dropped.
    pub(crate) fn append_begins(&self) -> InFlight<'_> {
        self.appends.fetch_add(1, SeqCst);
        let now = self.in_flight.fetch_add(1, SeqCst) + 1;
        self.most_in_flight.fetch_max(now, SeqCst);
        InFlight(self)
    }
}

pub(crate) struct InFlight<'a>(&'a Faults);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

fn take(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok()
}
