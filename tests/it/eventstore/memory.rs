use commands::ports::{Clock, EventStore, Expected};
use domain::event::Position;
use domain::time::Timestamp;
use eventstore_memory::MemoryStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tests::sample::{Sample, append};

/// A clock that stands still unless it is set.
pub struct SetClock(AtomicI64);

impl SetClock {
    /// In the year 2026.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_000_000_000)))
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_memory_hold_the_contract() {
    tests::contract::holds(|| async { Arc::new(MemoryStore::new(SetClock::new())) as Arc<dyn EventStore> }).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_set_back_history() {
    let clock = SetClock::new();
    let store = MemoryStore::new(clock.clone());
    let (mut sample, now) = (Sample::new(1), clock.now().0);
    for set_to in [now, now - 60_000, now + 1] {
        clock.0.store(set_to, Ordering::Relaxed);
        let stream = sample.stream();
        append(&store, sample.append(&stream, Expected::NoStream, 1))
            .await
            .unwrap();
    }
    let page = store.read_all(Position::START, 10).await.unwrap();
    let times: Vec<_> = page.events.iter().map(|e| e.recorded_at_micros).collect();
    assert_eq!(times, [now * 1_000, now * 1_000, (now + 1) * 1_000]);
}
