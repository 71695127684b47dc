//! A projector in parts, by owner: each part has its own checkpoint, lock, epoch and tables, and what they hold together is what
//! one projector would.

use super::history::mixed;
use super::world::{World, until};
use async_trait::async_trait;
use domain::event::{Position, StoredEvent, StreamName};
use projections::ahead::Ahead;
use projections::audit::AuditProjector;
use projections::feed::{Batch, FeedError, Subscription};
use projections::generation;
use projections::projector::{Changes, Projector, ProjectorError};
use projections::rebuild::{self, Options};
use projections::runner::Runner;
use projections::sync::SyncProjector;
use sqlx::{AssertSqlSafe, PgConnection};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use uuid::Uuid;

const PARTS: u64 = 3;

/// The events of the owners that fall to one part. In the histories of these tests the upper half of an id is its owner.
struct Part {
    whole: Arc<dyn Subscription>,
    part: u64,
}

fn part_of(id: Uuid) -> u64 {
    (id.as_u128() >> 64) as u64 % PARTS
}

#[async_trait]
impl Subscription for Part {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        let mut batch = self.whole.next(after, max).await?;
        batch.events.retain(|event| part_of(event.stream.id) == self.part);
        Ok(batch)
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        self.whole.find(stream, position).await
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.whole.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.whole.wake()
    }
}

/// A projector under the name of a part. Its tables are read in their schema: a view would be one over all parts.
struct Named<P>(P, &'static str);

#[async_trait]
impl<P: Projector> Projector for Named<P> {
    fn name(&self) -> &'static str {
        self.1
    }

    fn version(&self) -> i32 {
        self.0.version()
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn schema(&self) -> &'static str {
        self.0.schema()
    }

    fn indexes(&self) -> &'static str {
        self.0.indexes()
    }

    fn wants(&self, category: &str) -> bool {
        self.0.wants(category)
    }

    fn wants_metadata(&self) -> bool {
        self.0.wants_metadata()
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError> {
        self.0.apply(connection, events).await
    }

    fn read_ahead(&self, feed: Arc<dyn Subscription>, after: Position, limit: Option<Position>) -> Box<dyn Ahead> {
        self.0.read_ahead(feed, after, limit)
    }
}

fn feed(world: &World, part: u64) -> Arc<dyn Subscription> {
    let whole = world.subscription();
    Arc::new(Part { whole, part })
}

fn run<P: Projector>(world: &World, projector: Named<P>, part: u64) -> AbortHandle {
    let runner = Runner::new(Arc::new(projector), world.pool.clone(), feed(world, part), None);
    tokio::spawn(runner.run()).abort_handle()
}

/// The rows of a table in the live tables of these projectors, and how many each has.
async fn rows(world: &World, names: &[&str], table: &str) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut each) = (Vec::new(), Vec::new());
    for name in names {
        let live = generation::live(&mut world.pool.acquire().await.unwrap(), name).await;
        let schema = live.unwrap().unwrap().schema();
        let statement = format!("select t::text from {schema}.{table} t");
        let found = sqlx::query_scalar(AssertSqlSafe(statement)).persistent(false);
        let found: Vec<String> = found.fetch_all(&world.pool).await.unwrap();
        each.push(found.len());
        all.extend(found);
    }
    all.sort();
    (all, each)
}

async fn equal_the_whole(world: &World, whole: &str, parts: &[&str], tables: &[(&str, &str)]) {
    for (table, _) in tables {
        let (one, _) = rows(world, &[whole], table).await;
        let (together, each) = rows(world, parts, table).await;
        assert_eq!(one, together, "{table}");
        assert!(
            one.is_empty() || each.iter().all(|count| *count < one.len()),
            "{table}: {each:?}"
        );
    }
}

async fn divided<P: Projector>(make: fn() -> P, parts: [&'static str; PARTS as usize]) {
    let world = World::new().await;
    let whole = world.run(make());
    let mut running: Vec<AbortHandle> = (0..)
        .zip(parts)
        .map(|(n, name)| run(&world, Named(make(), name), n))
        .collect();
    mixed(&world, 11, 600).await;
    for name in parts {
        world.caught_up(name).await;
    }

    // one part stands still: the others go on, and it goes on where it was
    running.remove(0).abort();
    let stood = world.position(parts[0]).await;
    mixed(&world, 12, 600).await;
    for name in &parts[1..] {
        world.caught_up(name).await;
    }
    assert_eq!(world.position(parts[0]).await, stood);
    running.push(run(&world, Named(make(), parts[0]), 0));
    for name in parts {
        world.caught_up(name).await;
    }
    let name = make().name();
    world.caught_up(name).await;
    equal_the_whole(&world, name, &parts, make().tables()).await;

    // one part is built again while the others are as they were
    let again = Named(make(), parts[1]);
    let options = Options {
        keep: false,
        ..Options::default()
    };
    rebuild::run(&again, &world.pool, &feed(&world, 1), options, &|_| {})
        .await
        .unwrap();
    mixed(&world, 13, 200).await;
    until("all parts pass the head", async || {
        let head = Some(world.head().await);
        let mut passed = world.position(name).await >= head;
        for part in parts {
            passed &= world.position(part).await >= head;
        }
        passed
    })
    .await;
    equal_the_whole(&world, name, &parts, make().tables()).await;
    drop(whole);
    running.iter().for_each(AbortHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_the_audit_log_make_the_whole() {
    divided(|| AuditProjector, ["audit-0", "audit-1", "audit-2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_personal_vaults_make_the_whole() {
    divided(SyncProjector::default, ["sync-0", "sync-1", "sync-2"]).await;
}
