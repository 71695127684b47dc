//! Many writers at once, and a reader that follows them.

use crate::sample::{Sample, after, append_surely, stream_surely};
use commands::ports::{AppendError, EventStore, Expected};
use domain::event::{Position, StoredEvent};
use rand::Rng;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use uuid::Uuid;

const WRITERS: usize = 16;
const APPENDS: usize = 40;

pub(super) async fn a_reader_sees_every_acknowledged_event_once_and_in_order(store: Arc<dyn EventStore>) {
    let start = store.head().await.unwrap();
    let (acknowledge, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (store, acknowledge) = (store.clone(), acknowledge.clone());
        writers.spawn(async move {
            let mut sample = Sample::default();
            let own = sample.stream();
            let mut len = 0;
            for _ in 0..APPENDS {
                let n = sample.dice.random_range(1..=3);
                let ask = sample.append(&own, after(len), n);
                let ids: Vec<Uuid> = ask.events.iter().map(|e| e.id).collect();
                let done = append_surely(&*store, vec![ask])
                    .await
                    .expect("nobody else writes to it");
                len += n as u64;
                acknowledge
                    .send((ids[n - 1], done[0].position))
                    .expect("the test waits");
            }
        });
    }
    drop(acknowledge);
    let reader = tokio::spawn(follow(store.clone(), start));
    let mut told: HashMap<Uuid, Position> = HashMap::new();
    while let Some((id, position)) = acknowledged.recv().await {
        told.insert(id, position);
    }
    while let Some(writer) = writers.join_next().await {
        writer.expect("no writer fails");
    }
    let last = told.values().max().copied().expect("something was written");
    let seen = tokio::time::timeout(Duration::from_secs(30), async {
        // the reader ends at a mark behind everything
        let mut sample = Sample::default();
        let mark = sample.stream();
        append_surely(&*store, vec![sample.append(&mark, Expected::NoStream, 1)])
            .await
            .expect("it is new");
        reader.await.expect("the reader does not fail")
    });
    let seen = seen.await.expect("the reader reaches the end");
    assert_eq!(told.len(), WRITERS * APPENDS);
    assert!(
        seen.is_sorted_by(|a, b| a.position < b.position),
        "once each and in order"
    );
    if store.caps().dense {
        assert!(
            seen.iter()
                .map(|e| e.position.0)
                .eq(start.0 + 1..start.0 + 1 + seen.len() as u64),
            "without gaps"
        );
    }
    let places: HashMap<Uuid, Position> = seen.iter().map(|e| (e.id, e.position)).collect();
    assert_eq!(places.len(), seen.len(), "an event came twice");
    assert!(last <= seen.last().expect("something was read").position);
    for (id, position) in told {
        assert_eq!(places.get(&id), Some(&position));
    }
}

/// Reads what comes, as a projector does, until an event of a stream with a single one that is the newest.
async fn follow(store: Arc<dyn EventStore>, start: Position) -> Vec<StoredEvent> {
    let (mut wake, mut after, mut seen) = (store.wake(), start, Vec::<StoredEvent>::new());
    let mut per_stream: BTreeMap<_, usize> = BTreeMap::new();
    let expected: usize = WRITERS * APPENDS;
    loop {
        let page = store.read_all(after, 37).await.unwrap();
        after = page.next;
        for event in page.events {
            *per_stream.entry(event.stream.clone()).or_default() += 1;
            seen.push(event);
        }
        let complete = seen.len() >= expected && per_stream.len() > WRITERS && page.next == page.head;
        if complete && seen.last().is_some_and(|e| per_stream[&e.stream] == 1) {
            return seen;
        }
        if page.next == page.head {
            let _ = tokio::time::timeout(Duration::from_millis(250), wake.changed()).await;
        }
    }
}

pub(super) async fn writers_of_shared_streams_lose_nothing(store: Arc<dyn EventStore>) {
    let mut sample = Sample::default();
    let shared: Arc<Vec<_>> = Arc::new((0..3).map(|_| sample.stream()).collect());
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let (store, shared) = (store.clone(), shared.clone());
        writers.spawn(async move {
            let (mut sample, mut stored) = (Sample::default(), Vec::new());
            while stored.len() < 15 {
                let stream = &shared[sample.dice.random_range(0..shared.len())];
                let len = stream_surely(&*store, stream).await.len() as u64;
                let ask = sample.append(stream, after(len), 1);
                let id = ask.events[0].id;
                match append_surely(&*store, vec![ask]).await {
                    Ok(_) => stored.push(id),
                    Err(AppendError::Conflict { current, .. }) => {
                        assert!(current.is_some_and(|r| r.0 >= len), "a conflict, but with whom?");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            stored
        });
    }
    let mut told = HashSet::new();
    while let Some(stored) = writers.join_next().await {
        told.extend(stored.expect("no writer fails"));
    }
    let mut kept = Vec::new();
    for stream in shared.iter() {
        let events = stream_surely(&*store, stream).await;
        assert!(events.iter().map(|e| e.revision.0).eq(0..events.len() as u64));
        kept.extend(events.into_iter().map(|e| e.id));
    }
    assert_eq!(kept.len(), told.len());
    assert!(kept.iter().all(|id| told.contains(id)));
}
