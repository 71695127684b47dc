//! SIGKILL to the whole server while others append.

use super::store_on;
use commands::ports::Expected;
use domain::event::{Position, StreamName};
use eventstore_postgres::{PostgresStore, Settings};
use rand::Rng;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::cluster::{Cluster, Durability};
use tests::sample::{Sample, after, all_after, append_surely, seed, stream_surely};
use uuid::Uuid;

/// Appends to streams that others append to, until told to stop; what it was told is stored, and where.
async fn write(
    store: Arc<PostgresStore>,
    streams: Arc<Vec<StreamName>>,
    stop: Arc<AtomicBool>,
    seed: u64,
) -> HashMap<Uuid, Position> {
    let (mut sample, mut told) = (Sample::new(seed), HashMap::new());
    while !stop.load(Ordering::Relaxed) {
        let stream = &streams[sample.dice.random_range(0..streams.len())];
        let ask = if sample.dice.random_bool(0.3) {
            let own = sample.stream();
            vec![sample.append(&own, Expected::NoStream, 2)]
        } else {
            let len = stream_surely(&*store, stream).await.len() as u64;
            vec![sample.append(stream, after(len), 1)]
        };
        let ids: Vec<Uuid> = ask[0].events.iter().map(|e| e.id).collect();
        if let Ok(done) = append_surely(&*store, ask).await {
            let last = done[0].position.0;
            told.extend(ids.iter().rev().zip(0..).map(|(id, back)| (*id, Position(last - back))));
        }
    }
    told
}

/// Callers give up early, and ask again themselves.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_and_is_there_once() {
    survives_kill_9(Duration::from_millis(200)).await;
}

/// The store itself asks again until the database is back.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_long_enough_does_not_notice_kill_9() {
    survives_kill_9(Duration::from_secs(60)).await;
}

async fn survives_kill_9(patience: Duration) {
    let cluster = Arc::new(
        tokio::task::spawn_blocking(|| Cluster::start(Durability::Full))
            .await
            .unwrap(),
    );
    let database = cluster.database().await;
    let settings = Settings {
        patience,
        ..Settings::default()
    };
    let store = store_on(&database, settings).await;
    let seed = seed("kill -9");
    let mut sample = Sample::new(seed);
    let streams = Arc::new((0..12).map(|_| sample.stream()).collect::<Vec<_>>());
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=6)
        .map(|n| {
            tokio::spawn(write(
                store.clone(),
                streams.clone(),
                stop.clone(),
                seed.wrapping_add(n),
            ))
        })
        .collect();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(sample.dice.random_range(300..900))).await;
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || {
            cluster.kill();
            cluster.start_server();
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut told = HashMap::new();
    for writer in writers {
        told.extend(writer.await.unwrap());
    }
    let kept = all_after(&*store, Position::START, 1_000).await;
    println!("{} events acknowledged, {} stored", told.len(), kept.len());
    assert!(
        kept.iter().map(|e| e.position.0).eq(1..=kept.len() as u64),
        "positions have a gap"
    );
    let places: HashMap<Uuid, Position> = kept.iter().map(|e| (e.id, e.position)).collect();
    assert_eq!(places.len(), kept.len(), "an event is stored twice");
    assert_eq!(places, told, "acknowledged is not what is stored");
    let mut revisions: HashMap<&StreamName, u64> = HashMap::new();
    for event in &kept {
        let next = revisions.entry(&event.stream).or_default();
        assert_eq!(event.revision.0, *next, "a stream has a hole");
        *next += 1;
    }
    assert!(kept.is_sorted_by_key(|e| e.recorded_at_micros));
}
