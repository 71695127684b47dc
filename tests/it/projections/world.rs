//! A database, an event store, and a feed between them that hands out as many events at once as a test wants.

use async_trait::async_trait;
use bytes::Bytes;
use commands::ports::{Clock, EventStore, Expected, StreamAppend};
use domain::event::{Aggregate, DomainEvent, NewEvent, Position, StoredEvent, StreamName};
use domain::id::{CommandId, UserId};
use domain::meta::{Actor, Meta, Origin};
use domain::time::Timestamp;
use eventstore_memory::MemoryStore;
use projections::feed::{Batch, FeedError, Subscription};
use projections::generation;
use projections::projector::Projector;
use projections::rebuild::{self, Comparison, Options, RebuildError};
use projections::runner::Runner;
use projections::sync::SyncProjector;
use sqlx::{AssertSqlSafe, PgPool};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::cluster::database;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use uuid::Uuid;

/// The most that anything here may take.
pub const LONG: Duration = Duration::from_secs(120);
/// The tables of the sync projector, and the one of the audit log.
pub const TABLES: [&str; 6] = ["account", "cipher", "folder", "device", "revision", "audit_record"];
/// When the first event happens.
pub const NOON: Timestamp = Timestamp(1_795_000_000_000);

/// `NOON`, whatever happens.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOON
    }
}

/// The store as projectors see it; nothing in it is sealed.
pub struct Feed {
    store: Arc<MemoryStore>,
    most: AtomicUsize,
}

#[async_trait]
impl Subscription for Feed {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        let most = max.min(self.most.load(Ordering::Relaxed));
        let page = self.store.read_all(after, most).await;
        let page = page.map_err(|e| FeedError(e.to_string()))?;
        Ok(Batch {
            events: page.events,
            next: page.next,
            head: page.head,
        })
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        let read = self.store.read_streams(&[(stream.clone(), 0)]).await;
        let mut events = read.map_err(|e| FeedError(e.to_string()))?.into_iter().flatten();
        Ok(events.find(|event| event.position == position))
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.store.head().await.map_err(|e| FeedError(e.to_string()))
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.store.wake()
    }
}

/// A runner in the background; ends when dropped.
pub struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Everything a projector meets.
pub struct World {
    pub pool: PgPool,
    store: Arc<MemoryStore>,
    pub feed: Arc<Feed>,
}

impl World {
    /// No events, no tables but those projectors keep about themselves.
    pub async fn new() -> Self {
        let pool = database().await.pool;
        generation::migrate(&pool).await.unwrap();
        let store = Arc::new(MemoryStore::new(Arc::new(StoppedClock)));
        let feed = Feed {
            store: Arc::clone(&store),
            most: AtomicUsize::new(usize::MAX),
        };
        Self {
            pool,
            store,
            feed: Arc::new(feed),
        }
    }

    /// The feed, as projectors take it.
    pub fn subscription(&self) -> Arc<dyn Subscription> {
        Arc::clone(&self.feed) as _
    }

    /// From now on the feed gives no more than `most` events at once.
    pub fn batches_of(&self, most: usize) {
        self.feed.most.store(most, Ordering::Relaxed);
    }

    /// Adds an event, done by `system`.
    pub async fn add<A: Aggregate>(&self, id: impl Into<Uuid>, event: &A::Event) -> Position {
        self.add_by::<A>(id, event, &meta(Actor::System)).await
    }

    /// Adds an event with metadata.
    pub async fn add_by<A: Aggregate>(&self, id: impl Into<Uuid>, event: &A::Event, meta: &Meta) -> Position {
        let (type_name, schema, data) = event.encode();
        self.add_raw(A::CATEGORY, id.into(), (type_name, schema), data, meta)
            .await
    }

    /// Adds an event whatever its bytes.
    pub async fn add_raw(
        &self,
        category: &'static str,
        id: Uuid,
        (type_name, schema): (&'static str, u16),
        data: impl Into<Bytes>,
        meta: &Meta,
    ) -> Position {
        let event = NewEvent {
            id: Uuid::new_v4(),
            type_name: type_name.into(),
            schema,
            data: data.into(),
            meta: serde_json::to_vec(meta).unwrap().into(),
        };
        let append = StreamAppend {
            stream: StreamName::new(category, id),
            expected: Expected::Any,
            events: vec![event],
        };
        self.store.append(vec![append]).await.unwrap()[0].position
    }

    /// The last event.
    pub async fn head(&self) -> Position {
        self.store.head().await.unwrap()
    }

    /// Runs a projector in the background.
    pub fn run(&self, projector: impl Projector) -> Running {
        let runner = Runner::new(Arc::new(projector), self.pool.clone(), self.subscription(), None);
        Running(tokio::spawn(runner.run()).abort_handle())
    }

    /// Where the live generation of a projector is; `None` if there is none.
    pub async fn position(&self, projector: &str) -> Option<Position> {
        let mut connection = self.pool.acquire().await.unwrap();
        let live = generation::live(&mut connection, projector).await.unwrap();
        live.map(|generation| generation.position)
    }

    /// Waits until a projector has an owner and has passed all there is.
    pub async fn caught_up(&self, projector: &str) {
        let head = self.head().await;
        let passed = "select exists (select 1 from projection.generation
                      where projector = $1 and state = 'live' and epoch > 0 and position >= $2)";
        until(&format!("{projector} gets to {head}"), async || {
            let passed = sqlx::query_scalar(passed).bind(projector).bind(head.0 as i64);
            passed.fetch_one(&self.pool).await.unwrap()
        })
        .await;
    }

    /// Makes an empty live generation, so that what follows goes through the owner and not through a rebuild.
    pub async fn start_empty(&self, projector: impl Projector) {
        let name = projector.name();
        let _running = self.run(projector);
        let owned = "select exists (select 1 from projection.generation where projector = $1 and epoch > 0)";
        until("it is owned", async || {
            sqlx::query_scalar::<_, bool>(owned)
                .bind(name)
                .fetch_one(&self.pool)
                .await
                .unwrap()
        })
        .await;
    }

    /// Takes all events into the tables of the sync projector.
    pub async fn sync(&self) {
        let _running = self.run(SyncProjector::default());
        self.caught_up("sync").await;
    }

    /// Builds a projector's tables anew.
    pub async fn rebuild(&self, projector: &dyn Projector, swap: bool) -> Result<Option<Comparison>, RebuildError> {
        let options = Options {
            swap,
            keep: false,
            ..Options::default()
        };
        self.rebuild_with(projector, options).await
    }

    /// Builds a projector's tables anew, in a certain way.
    pub async fn rebuild_with(
        &self,
        projector: &dyn Projector,
        options: Options,
    ) -> Result<Option<Comparison>, RebuildError> {
        rebuild::run(projector, &self.pool, &self.subscription(), options, &|_| {}).await
    }

    /// Every row of a table as text, in order.
    pub async fn table(&self, table: &str) -> Vec<String> {
        let statement = format!("select t::text from read.{table} t order by 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(statement)).persistent(false);
        rows.fetch_all(&self.pool).await.unwrap()
    }

    /// Every row of every table that there is.
    pub async fn dump(&self, tables: &[&'static str]) -> Vec<(&'static str, Vec<String>)> {
        let mut all = Vec::new();
        for table in tables {
            all.push((*table, self.table(table).await));
        }
        all
    }

    /// Runs a statement; how many rows it concerned.
    pub async fn execute(&self, statement: String) -> u64 {
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&self.pool).await;
        done.unwrap().rows_affected()
    }
}

/// Metadata of something `actor` did.
pub fn meta(actor: Actor) -> Meta {
    Meta {
        actor,
        origin: Origin::Server,
        device: None,
        device_type: None,
        client: None,
        client_version: None,
        ip: None,
        command: CommandId(Uuid::from_u128(1)),
        correlation: Uuid::from_u128(2),
        causation: None,
        organizations: Vec::new(),
    }
}

/// A person of this number.
pub fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(number << 64))
}

/// Asks until the answer is yes.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asked = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, asked).await.is_ok(), "{what}: not in time");
}
