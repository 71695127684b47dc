//! Callers that ask again with the same events, on a line that loses, doubles and delays.

use super::memory::SetClock;
use commands::ports::{AppendError, EventStore, Expected};
use domain::event::Position;
use eventstore_memory::MemoryStore;
use rand::Rng;
use std::collections::HashSet;
use std::sync::Arc;
use tests::faulty_store::FaultyStore;
use tests::sample::{Sample, after, all_after, append_surely, seed, stream_surely};
use uuid::Uuid;

const CLIENTS: u64 = 6;
const CHANGES: usize = 25;

/// Changes streams that others change too, as commands do: read, decide, append at the revision seen. Returns the ids of
/// what it was told is stored.
async fn change(store: Arc<FaultyStore>, streams: Arc<Vec<domain::event::StreamName>>, seed: u64) -> Vec<Uuid> {
    let (mut sample, mut stored) = (Sample::new(seed), Vec::new());
    let mut changes = 0;
    while changes < CHANGES {
        let stream = &streams[sample.dice.random_range(0..streams.len())];
        let len = stream_surely(&*store, stream).await.len() as u64;
        let n = sample.dice.random_range(1..=3);
        let mut group = vec![sample.append(stream, after(len), n)];
        if sample.dice.random_bool(0.5) {
            let record = sample.stream();
            group.push(sample.append(&record, Expected::Any, 1));
        }
        let ids: Vec<Uuid> = group.iter().flat_map(|ask| &ask.events).map(|e| e.id).collect();
        match append_surely(&*store, group).await {
            Ok(_) => {
                stored.extend(ids);
                changes += 1;
            }
            Err(AppendError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    stored
}

/// Whatever the line does, each change that was acknowledged is there once, and no other is.
pub async fn who_asks_again_is_stored_once(inner: Arc<dyn EventStore>, seed: u64) {
    let mut sample = Sample::new(seed);
    let start = inner.head().await.unwrap();
    let streams = Arc::new((0..4).map(|_| sample.stream()).collect::<Vec<_>>());
    let store = Arc::new(FaultyStore::new(inner.clone(), seed));
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|n| tokio::spawn(change(store.clone(), streams.clone(), seed.wrapping_add(n))))
        .collect();
    let mut told = HashSet::new();
    for client in clients {
        told.extend(client.await.unwrap());
    }
    assert!(store.faults() > 100, "nothing went wrong, so nothing was shown");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await; // for appends that are late
    let kept: Vec<Uuid> = all_after(&*store, start, 50).await.iter().map(|e| e.id).collect();
    assert_eq!(
        kept.iter().collect::<HashSet<_>>().len(),
        kept.len(),
        "an event is stored twice"
    );
    assert_eq!(kept.into_iter().collect::<HashSet<_>>(), told);
    for stream in streams.iter() {
        let events = stream_surely(&*inner, stream).await;
        assert!(events.iter().map(|e| e.revision.0).eq(0..events.len() as u64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_on_a_bad_line_is_stored_once() {
    for _ in 0..4 {
        let store = Arc::new(MemoryStore::new(SetClock::new()));
        who_asks_again_is_stored_once(store, seed("bad line")).await;
    }
}

#[tokio::test]
async fn a_reader_misses_nothing_though_pages_are_cut_and_hints_are_lost() {
    let inner = Arc::new(MemoryStore::new(SetClock::new()));
    let seed = seed("cut pages");
    let (mut sample, store) = (Sample::new(seed), FaultyStore::new(inner.clone(), seed));
    let stream = sample.stream();
    let ask = sample.append(&stream, Expected::NoStream, 300);
    inner.append(vec![ask.clone()]).await.unwrap();
    let read = all_after(&store, Position::START, 5).await;
    assert!(read.iter().map(|e| e.id).eq(ask.events.iter().map(|e| e.id)));
    assert!(store.faults() > 0);
}
