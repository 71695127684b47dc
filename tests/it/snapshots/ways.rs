//! How often a store is asked, and for how much.

use super::world::{ANN, FOLDER, Watched, World, create, long_folder, name, rename};
use commands::execute::Executor;
use domain::event::{Aggregate, Revision};
use domain::vault::folder::Folder;
use eventstore_postgres::{PostgresStore, Settings};
use ops::PostgresSnapshots;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tests::cluster::{TestDatabase, database};

async fn in_postgres(database: &TestDatabase) -> World {
    eventstore_postgres::migrate(&database.pool).await.unwrap();
    ops::migrate(&database.pool).await.unwrap();
    let store = PostgresStore::connect(&database.pool, Settings::default())
        .await
        .unwrap();
    World::new(Arc::new(store), snapshots(database).await)
}

async fn snapshots(database: &TestDatabase) -> Arc<PostgresSnapshots> {
    Arc::new(PostgresSnapshots::open(database.pool.clone()).await.unwrap())
}

async fn is_named(executor: &Executor, number: u64) {
    let named = Folder::Live {
        owner: ANN,
        name: name(number),
    };
    assert_eq!(executor.state::<Folder>(FOLDER).await.unwrap(), named);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_thousand_edits_cost_a_snapshot_and_the_events_behind_it() {
    let database = database().await;
    let world = in_postgres(&database).await;
    long_folder(&world, 1_130).await;
    world.snapshot_at(&Folder::stream(FOLDER), 999).await;
    let watched = Watched::new(snapshots(&database).await, false);
    let restarted = world.started_with(Arc::clone(&watched) as _);
    world.store.take();
    is_named(&restarted, 1_129).await;
    assert_eq!((watched.loads(), world.store.take()), (1, vec![(999, 131)]));
    rename(&restarted, 2_000).await;
    is_named(&restarted, 2_000).await;
    assert_eq!(watched.loads(), 1, "the baseline is where it starts from then");
}

#[tokio::test]
async fn an_ordinary_stream_asks_for_no_snapshot() {
    let world = World::in_memory();
    long_folder(&world, 199).await;
    let watched = Watched::new(Arc::clone(&world.snapshots), false);
    let restarted = world.started_with(Arc::clone(&watched) as _);
    world.store.take();
    is_named(&restarted, 198).await;
    assert_eq!((watched.loads(), world.store.take()), (0, vec![(0, 199)]));
    assert_eq!(watched.saves.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_process_that_does_not_know_of_the_snapshot_finds_it_after_the_first_page() {
    let world = World::in_memory();
    long_folder(&world, 1_001).await;
    world.snapshot_at(&Folder::stream(FOLDER), 999).await;
    let watched = Watched::new(Arc::clone(&world.snapshots), true);
    let other = world.started_with(Arc::clone(&watched) as _);
    world.store.take();
    is_named(&other, 1_000).await;
    assert_eq!((watched.loads(), world.store.take()), (1, vec![(0, 200), (999, 2)]));
}

#[tokio::test]
async fn two_writers_make_one_snapshot_for_two_hundred_events() {
    let world = World::in_memory();
    let watched = Watched::new(Arc::clone(&world.snapshots), false);
    let [one, other] = [(); 2].map(|()| world.started_with(Arc::clone(&watched) as _));
    create(&one).await;
    let write = |executor: Executor, first: u64| async move {
        for number in 0..500 {
            rename(&executor, first + number).await;
        }
    };
    tokio::join!(write(one.clone(), 1_000), write(other, 2_000));
    let stream = Folder::stream(FOLDER);
    let kept = world.snapshot_at(&stream, 999).await;
    assert_eq!(watched.saves.load(Ordering::SeqCst), 5, "of 1,001 events");
    let there = world.store.store.read_stream(&stream, 999, 2).await.unwrap();
    assert_eq!((there[0].id, there[1].revision), (kept.event, Revision(1_000)));
    let all = one.state::<Folder>(FOLDER).await.unwrap();
    assert_eq!(world.started().state::<Folder>(FOLDER).await.unwrap(), all);
}
