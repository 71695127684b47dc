//! The end of the store, over a store that counts how often it is read.

use super::{KEPT_BYTES, Tail};
use async_trait::async_trait;
use bytes::Bytes;
use domain::event::{Position, Revision, StoredEvent, StreamName};
use projections::feed::{Batch, FeedError, Subscription};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::watch;
use uuid::Uuid;

#[derive(Clone, Default)]
struct Store {
    events: Arc<Mutex<Vec<StoredEvent>>>,
    reads: Arc<AtomicUsize>,
}

impl Store {
    /// Appends events of `bytes` each, with gaps between their positions.
    fn append(&self, count: u64, bytes: usize) {
        let mut events = self.events.lock().unwrap();
        for _ in 0..count {
            let position = events.last().map_or(3, |event| event.position.0 + 7);
            events.push(StoredEvent {
                position: Position(position),
                stream: StreamName::new("folder", Uuid::from_u128(u128::from(position))),
                revision: Revision(0),
                id: Uuid::from_u128(u128::from(position)),
                type_name: "FolderRenamed".into(),
                schema: 1,
                recorded_at_micros: 0,
                data: Bytes::from(vec![b' '; bytes]),
                meta: Bytes::new(),
            });
        }
    }

    fn positions(&self) -> Vec<u64> {
        self.events
            .lock()
            .unwrap()
            .iter()
            .map(|event| event.position.0)
            .collect()
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Subscription for Store {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let events = self.events.lock().unwrap();
        let head = events.last().map_or(Position::START, |event| event.position);
        let found: Vec<_> = events
            .iter()
            .filter(|e| e.position > after)
            .take(max)
            .cloned()
            .collect();
        let next = found.last().map_or(after, |event| event.position);
        Ok(Batch {
            events: found,
            next,
            head,
        })
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        let events = self.events.lock().unwrap();
        let at = |event: &&StoredEvent| event.position == position && event.stream == *stream;
        Ok(events.iter().find(at).cloned())
    }

    async fn head(&self) -> Result<Position, FeedError> {
        Ok(Position(self.positions().last().copied().unwrap_or_default()))
    }

    fn wake(&self) -> watch::Receiver<Position> {
        watch::channel(Position::START).1
    }
}

/// Everything a follower sees that starts after `after`, in batches of `max`.
async fn follow(tail: &Tail, mut after: Position, max: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        let batch = tail.next(after, max).await.unwrap();
        assert!(batch.events.len() <= max, "no more than asked for");
        if batch.next == after {
            assert!(batch.events.is_empty());
            return seen;
        }
        seen.extend(batch.events.iter().map(|event| event.position.0));
        after = batch.next;
    }
}

#[tokio::test]
async fn several_followers_read_the_store_once() {
    let store = Store::default();
    store.append(100, 100);
    let tail = Tail::new(store.clone());
    let all = store.positions();
    assert_eq!(follow(&tail, Position::START, 30).await, all);
    let once = store.reads();
    // one more look for each of them: at the end there may be more by now
    for max in [7, 1_000] {
        let before = store.reads();
        assert_eq!(follow(&tail, Position::START, max).await, all);
        assert_eq!(store.reads(), before + 1);
    }
    store.append(5, 100);
    let end = Position(*all.last().unwrap());
    assert_eq!(follow(&tail, end, 2).await.len(), 5);
    assert!(store.reads() <= once + 4);
}

#[tokio::test]
async fn a_follower_that_is_far_behind_or_ahead_misses_nothing() {
    let store = Store::default();
    store.append(40, KEPT_BYTES / 10);
    let tail = Tail::new(store.clone());
    let all = store.positions();
    let middle = Position(all[20]);
    assert_eq!(follow(&tail, middle, 3).await, all[21..]);
    assert_eq!(follow(&tail, Position::START, 3).await, all, "older than what is kept");
    assert!(tail.kept().bytes <= KEPT_BYTES);
    let end = Position(*all.last().unwrap());
    let ahead = Tail::new(store.clone());
    assert_eq!(follow(&ahead, Position::START, 1).await, all);
    store.append(3, 10);
    assert_eq!(follow(&ahead, end, 10).await.len(), 3);
    assert_eq!(follow(&ahead, Position(all[39]), 10).await.len(), 3);
}

#[tokio::test]
async fn followers_and_a_writer_at_once_agree() {
    let store = Store::default();
    let tail = Arc::new(Tail::new(store.clone()));
    let follower = |max: usize| {
        let tail = Arc::clone(&tail);
        tokio::spawn(async move {
            let (mut after, mut seen) = (Position::START, Vec::new());
            while seen.len() < 500 {
                let batch = tail.next(after, max).await.unwrap();
                seen.extend(batch.events.iter().map(|event| event.position.0));
                after = batch.next;
                tokio::task::yield_now().await;
            }
            seen
        })
    };
    let followers = [follower(1), follower(13), follower(400)];
    for _ in 0..100 {
        store.append(5, 50_000);
        tokio::task::yield_now().await;
    }
    for follower in followers {
        assert_eq!(follower.await.unwrap(), store.positions());
    }
}
