//! Several processes with one database.

use super::store_on;
use async_trait::async_trait;
use commands::ports::{AppendError, Appended, Caps, EventStore, Page, ReadError, StreamAppend};
use domain::event::{Position, StoredEvent, StreamName};
use eventstore_postgres::{PostgresStore, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::cluster::database;
use tests::sample::{Sample, after, append};
use tokio::sync::watch;

/// Stores of several processes on one database: each call goes to the next of them.
struct TakingTurns {
    stores: Vec<Arc<PostgresStore>>,
    calls: AtomicUsize,
}

impl TakingTurns {
    fn next(&self) -> &PostgresStore {
        &self.stores[self.calls.fetch_add(1, Ordering::Relaxed) % self.stores.len()]
    }
}

#[async_trait]
impl EventStore for TakingTurns {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.next().append(group).await
    }
    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.next().append_unless(fence, group).await
    }
    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.next().read_stream(stream, from, max).await
    }
    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        self.next().read_streams(streams).await
    }
    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        self.next().read_all(after, max).await
    }
    async fn head(&self) -> Result<Position, ReadError> {
        self.next().head().await
    }
    fn wake(&self) -> watch::Receiver<Position> {
        self.stores[0].wake()
    }
    fn caps(&self) -> Caps {
        self.stores[0].caps()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_on_one_database_hold_the_contract_together() {
    let database = database().await;
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(store_on(&database, Settings::default()).await);
    }
    let together = Arc::new(TakingTurns {
        stores,
        calls: AtomicUsize::new(0),
    });
    tests::contract::holds(|| async { together.clone() as Arc<dyn EventStore> }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_order_and_wake_each_other() {
    let database = database().await;
    let [one, other] = [
        store_on(&database, Settings::default()).await,
        store_on(&database, Settings::default()).await,
    ];
    let mut sample = Sample::default();
    let stream = sample.stream();
    for len in 0..20 {
        let (writer, reader) = if len % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let mut wake = reader.wake();
        let done = append(&**writer, sample.append(&stream, after(len), 1)).await.unwrap();
        assert_eq!(done.position, Position(len + 1));
        let woken = tokio::time::timeout(Duration::from_secs(30), wake.wait_for(|head| *head >= done.position)).await;
        assert!(woken.is_ok_and(|w| w.is_ok()), "the other process was not woken");
        assert_eq!(reader.read_stream(&stream, len, 1).await.unwrap().len(), 1);
    }
}
