//! What is kept of a rebuild: the tables it replaced, to go back to. And what must not go on at once.

use super::history::{item, mixed, ms};
use super::world::{TABLES, World, person, until};
use super::wrapped::Wrapped;
use async_trait::async_trait;
use domain::event::{Position, StoredEvent, StreamName};
use domain::id::CipherId;
use domain::vault::cipher::Cipher;
use projections::feed::{Batch, FeedError, Subscription};
use projections::generation::{self, Generation};
use projections::projector::Projector;
use projections::rebuild::{self, Options};
use projections::sync::SyncProjector;
use std::sync::Arc;
use std::time::Duration;
use tests::sample::seed;
use tokio::sync::watch;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);

/// Keeps what it replaces.
fn keeping() -> Options {
    Options::default()
}

async fn generations(world: &World) -> Vec<Generation> {
    generation::all(&world.pool).await.unwrap()
}

/// The generation of that state, of which there is one.
async fn the(world: &World, state: &str) -> Generation {
    let mut all = generations(world).await;
    all.retain(|generation| generation.state == state);
    assert_eq!(all.len(), 1, "{state}: {all:?}");
    all.remove(0)
}

async fn add_items(world: &World, numbers: std::ops::Range<u128>) {
    for number in numbers {
        world
            .add::<Cipher>(CipherId(Uuid::from_u128(1 << 100 | number)), &item(person(1), ms(0)))
            .await;
    }
}

/// A history, tables kept up to date by an owner, and tables that a rebuild put in their place.
async fn rebuilt() -> World {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    mixed(&world, seed("a mixed history"), 200).await;
    world.sync().await;
    world.rebuild_with(&SyncProjector::default(), keeping()).await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_back_to_the_tables_of_before_and_misses_nothing() {
    let world = rebuilt().await;
    let projector = SyncProjector::default();
    let (new, old) = (the(&world, "live").await, the(&world, "retired").await);
    assert!(old.number < new.number);
    // while an owner goes on with the new ones, and writes
    let _running = world.run(SyncProjector::default());
    add_items(&world, 0..50).await;
    world.caught_up("sync").await;
    let kept = world.dump(&TABLES[..5]).await;
    let feed = world.subscription();
    let live = rebuild::rollback(&projector, &world.pool, &feed, &|_| {})
        .await
        .unwrap();
    assert_eq!((live.number, live.state.as_str()), (old.number, "live"));
    assert_eq!(the(&world, "live").await.number, old.number);
    assert_eq!(the(&world, "retired").await.number, new.number);
    assert_eq!(world.dump(&TABLES[..5]).await, kept);

    // the owner goes on with the old ones, and the way forward is open
    add_items(&world, 50..60).await;
    world.caught_up("sync").await;
    let kept = world.dump(&TABLES[..5]).await;
    assert_eq!(kept[1].1.len(), world.table("cipher").await.len());
    let live = rebuild::rollback(&projector, &world.pool, &feed, &|_| {})
        .await
        .unwrap();
    assert_eq!(live.number, new.number);
    assert_eq!(world.dump(&TABLES[..5]).await, kept);
    let compared = world.rebuild(&projector, false).await.unwrap().unwrap();
    assert!(compared.equal(), "{compared:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_fed_by_the_owner_of_what_is_live() {
    let world = rebuilt().await;
    add_items(&world, 0..10).await;
    let head = world.head().await;
    assert!(the(&world, "retired").await.position < head);
    let _running = world.run(SyncProjector::default());
    until("what is kept is fed", async || {
        the(&world, "retired").await.position == head
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_for_long_enough_is_dropped() {
    let world = rebuilt().await;
    let (projector, feed) = (SyncProjector::default(), world.subscription());
    let kept = the(&world, "retired").await;
    let look = async |grace| {
        rebuild::look_after_retired(&projector, &world.pool, &feed, grace)
            .await
            .unwrap();
    };
    look(HOUR).await;
    assert_eq!(the(&world, "retired").await.number, kept.number);
    look(Duration::ZERO).await;
    let all = generations(&world).await;
    assert_eq!((all.len(), all[0].state.as_str()), (1, "live"));
    let tables = "select count(*) from information_schema.tables where table_schema = $1";
    let tables = sqlx::query_scalar(tables).bind(kept.schema());
    let tables: i64 = tables.fetch_one(&world.pool).await.unwrap();
    assert_eq!(tables, 0);
    let refused = rebuild::rollback(&projector, &world.pool, &feed, &|_| {}).await;
    assert_eq!(refused.unwrap_err().to_string(), "no earlier tables of sync are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_one_generation_is_kept() {
    let world = rebuilt().await;
    let last = the(&world, "live").await;
    world.rebuild_with(&SyncProjector::default(), keeping()).await.unwrap();
    assert_eq!(the(&world, "retired").await.number, last.number);
    // a comparison leaves it alone
    world.rebuild(&SyncProjector::default(), false).await.unwrap();
    assert_eq!(the(&world, "retired").await.number, last.number);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_another_version_wait_for_the_program_that_wrote_them() {
    let world = rebuilt().await;
    let (newer, feed) = (Wrapped::named("sync", 7), world.subscription());
    let before = the(&world, "live").await;
    world.rebuild_with(&newer, keeping()).await.unwrap();
    add_items(&world, 0..10).await;
    rebuild::look_after_retired(&newer, &world.pool, &feed, HOUR)
        .await
        .unwrap();
    let kept = the(&world, "retired").await;
    assert_eq!(
        (kept.number, kept.position),
        (before.number, before.position),
        "not fed"
    );
    let refused = rebuild::rollback(&newer, &world.pool, &feed, &|_| {})
        .await
        .unwrap_err();
    let wrote = SyncProjector::default().version();
    assert_eq!(
        refused.to_string(),
        format!(
            "the kept tables of sync were written by version {wrote} of the projector and were not kept up to date by \
             this program, which has version 7; the program that has version {wrote} goes back to them when it starts"
        )
    );
    world.sync().await;
    let live = the(&world, "live").await;
    assert_eq!((live.number, live.position), (before.number, world.head().await));
}

/// A feed that gives nothing more, and does not return, behind a place.
struct Stuck {
    feed: Arc<dyn Subscription>,
    at: Position,
}

#[async_trait]
impl Subscription for Stuck {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        if after >= self.at {
            return std::future::pending().await;
        }
        self.feed.next(after, max).await
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        self.feed.find(stream, position).await
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.feed.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.feed.wake()
    }
}

/// A rebuild that is half way, in the background.
async fn stuck(world: &World, projector: impl Projector) -> tokio::task::AbortHandle {
    let name = projector.name();
    let feed: Arc<dyn Subscription> = Arc::new(Stuck {
        feed: world.subscription(),
        at: Position(100),
    });
    let pool = world.pool.clone();
    // every page is written at once
    let options = Options { memory: 1, ..keeping() };
    let work = async move { rebuild::run(&projector, &pool, &feed, options, &|_| {}).await };
    let handle = tokio::spawn(work).abort_handle();
    until("it is half way", async || {
        let all = generations(world).await;
        let mut ours = all.iter().filter(|g| g.projector == name && g.state == "building");
        ours.any(|generation| generation.position >= Position(100))
    })
    .await;
    handle
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_was_stopped_leaves_the_live_tables_and_the_next_one_clears_away() {
    let world = World::new().await;
    world.batches_of(10);
    mixed(&world, seed("a mixed history"), 300).await;
    world.sync().await;
    let (kept, before) = (world.dump(&TABLES[..5]).await, the(&world, "live").await);
    let handle = stuck(&world, SyncProjector::default()).await;
    let again = world.rebuild(&SyncProjector::default(), true).await.unwrap_err();
    assert_eq!(again.to_string(), "sync is being rebuilt already");
    handle.abort();
    let left = the(&world, "building").await;
    assert_eq!(world.dump(&TABLES[..5]).await, kept);
    assert_eq!(the(&world, "live").await, before);
    // as soon as the database has noticed that it is gone
    until("the next rebuild begins", async || {
        world.rebuild(&SyncProjector::default(), true).await.is_ok()
    })
    .await;
    let all = generations(&world).await;
    assert!(all.len() == 1 && all[0].number > left.number, "{all:?}");
    assert_eq!(world.dump(&TABLES[..5]).await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rebuilds_run_at_once_and_no_third() {
    let world = World::new().await;
    world.batches_of(10);
    add_items(&world, 0..100).await;
    let first = stuck(&world, Wrapped::named("one", 1)).await;
    let _second = stuck(&world, Wrapped::named("two", 1)).await;
    let refused = world.rebuild(&Wrapped::named("three", 1), false).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "2 rebuilds are running already; try again when one has ended"
    );
    first.abort();
    until("there is a place", async || {
        world.rebuild(&Wrapped::named("three", 1), true).await.is_ok()
    })
    .await;
}
