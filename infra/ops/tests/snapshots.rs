//! Snapshots in a real table and in memory keep the same promises.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;

use cluster::Cluster;
use commands::ports::{SNAPSHOT_EVERY, Snapshot, Snapshots};
use domain::event::{Revision, StreamName};
use ops::{MemorySnapshots, PostgresSnapshots};
use std::sync::Arc;
use uuid::Uuid;

fn stream(number: u128) -> StreamName {
    StreamName::new("folder", Uuid::from_u128(number))
}

fn snapshot(number: u128, revision: u64, fold: &str) -> Snapshot {
    Snapshot {
        stream: stream(number),
        revision: Revision(revision),
        event: Uuid::from_u128(1_000_000 + u128::from(revision)),
        fold: fold.to_owned(),
        state: format!(r#"{{"Open":{revision}}}"#).into(),
    }
}

async fn kept(snapshots: &dyn Snapshots, number: u128) -> Option<Snapshot> {
    snapshots.load(&[stream(number)]).await.unwrap().pop()
}

async fn holds(snapshots: &dyn Snapshots) {
    assert!(!snapshots.likely(&stream(1)));
    assert_eq!(kept(snapshots, 1).await, None);
    snapshots.save(snapshot(1, 199, "a")).await.unwrap();
    assert!(snapshots.likely(&stream(1)));
    assert_eq!(kept(snapshots, 1).await, Some(snapshot(1, 199, "a")));

    // at most one in so many events, and never an older one; another fold always takes the place
    snapshots.save(snapshot(1, 198 + SNAPSHOT_EVERY, "a")).await.unwrap();
    snapshots.save(snapshot(1, 100, "a")).await.unwrap();
    assert_eq!(kept(snapshots, 1).await, Some(snapshot(1, 199, "a")));
    snapshots.save(snapshot(1, 199 + SNAPSHOT_EVERY, "a")).await.unwrap();
    assert_eq!(kept(snapshots, 1).await, Some(snapshot(1, 199 + SNAPSHOT_EVERY, "a")));
    snapshots.save(snapshot(1, 250, "b")).await.unwrap();
    assert_eq!(kept(snapshots, 1).await, Some(snapshot(1, 250, "b")));

    // several at once; who is not there is left out, and another category is another stream
    snapshots.save(snapshot(2, 300, "a")).await.unwrap();
    let other = StreamName::new("cipher", Uuid::from_u128(1));
    let mut found = snapshots.load(&[stream(2), other, stream(9), stream(1)]).await.unwrap();
    found.sort_by_key(|snapshot| snapshot.stream.clone());
    assert_eq!(found, [snapshot(1, 250, "b"), snapshot(2, 300, "a")]);

    // only what was found to be of no use goes
    snapshots.delete(&snapshot(1, 199, "b")).await.unwrap();
    snapshots.delete(&snapshot(1, 250, "a")).await.unwrap();
    assert_eq!(kept(snapshots, 1).await, Some(snapshot(1, 250, "b")));
    snapshots.delete(&snapshot(1, 250, "b")).await.unwrap();
    assert_eq!(kept(snapshots, 1).await, None);
    assert!(!snapshots.likely(&stream(1)));
    assert_eq!(kept(snapshots, 2).await, Some(snapshot(2, 300, "a")));
}

#[tokio::test]
async fn in_memory() {
    holds(&MemorySnapshots::default()).await;
}

#[tokio::test]
async fn in_a_table_and_the_next_process_knows_of_which_streams() {
    let cluster = Cluster::shared();
    let pool = cluster.database().await;
    ops::migrate(&pool).await.unwrap();
    let snapshots = PostgresSnapshots::open(pool.clone()).await.unwrap();
    holds(&snapshots).await;
    let next = PostgresSnapshots::open(pool.clone()).await.unwrap();
    assert!(next.likely(&stream(2)) && !next.likely(&stream(1)));
    let logged: String =
        sqlx::query_scalar("select relpersistence::text from pg_class where oid = 'ops.snapshot'::regclass")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(logged, "u", "the table is in nobody's way");
}

#[tokio::test]
async fn of_writers_at_once_the_newest_stays() {
    let cluster = Cluster::shared();
    let pool = cluster.database().await;
    ops::migrate(&pool).await.unwrap();
    let snapshots = Arc::new(PostgresSnapshots::open(pool).await.unwrap());
    let mut saves = tokio::task::JoinSet::new();
    for revision in (1..=16).map(|n| n * SNAPSHOT_EVERY).chain([3, 7]) {
        let snapshots = Arc::clone(&snapshots);
        saves.spawn(async move { snapshots.save(snapshot(1, revision, "a")).await });
    }
    while let Some(saved) = saves.join_next().await {
        saved.unwrap().unwrap();
    }
    let newest = snapshot(1, 16 * SNAPSHOT_EVERY, "a");
    assert_eq!(kept(&*snapshots, 1).await, Some(newest));
}
