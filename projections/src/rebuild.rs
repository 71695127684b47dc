//! Building a projector's tables again beside the live ones, and either putting them in their place or comparing them.

use crate::{
    feed::{Batch, FeedError, Subscription},
    generation::{self, Generation},
    park,
    projector::{Projector, ProjectorError},
    runner::RunError,
};
use domain::event::{DecodeError, Position, StoredEvent};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Events read and applied at once.
const BATCH: usize = 20_000;
/// How long the swap waits for a lock before it lets others pass and tries again.
const SWAP_LOCK: &str = "200ms";
/// How often it tries.
const SWAP_TRIES: usize = 100;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Events applied.
    pub events: u64,
    /// Where it is.
    pub position: Position,
    /// Where it must get to.
    pub head: Position,
    /// How long it took so far.
    pub elapsed: Duration,
}

impl Progress {
    /// Events for each second.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// 0 to 100.
    pub fn percent(&self) -> f64 {
        if self.head.0 == 0 {
            100.0
        } else {
            (100.0 * self.position.0 as f64 / self.head.0 as f64).min(100.0)
        }
    }

    /// How much longer at this pace.
    pub fn remaining(&self) -> Duration {
        let done = self.percent().max(1e-6);
        self.elapsed.mul_f64((100.0 - done) / done)
    }
}

/// What to do with what was built.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Put it in the place of the live generation; else it is only compared and dropped.
    pub swap: bool,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// At which position both were compared.
    pub position: Position,
    /// Table by table: name, rows, and the key of the first row that differs.
    pub tables: Vec<(String, u64, Option<String>)>,
}

impl Comparison {
    /// Whether no row differs.
    pub fn equal(&self) -> bool {
        self.tables.iter().all(|(_, _, difference)| difference.is_none())
    }
}

/// Why a rebuild failed. What was built is dropped; the live tables are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// As for a runner.
    #[error(transparent)]
    Run(#[from] RunError),
    /// An event cannot be taken.
    #[error("the event after position {after} cannot be taken: {error}")]
    Event {
        /// Where the batch began.
        after: Position,
        /// What went wrong.
        error: String,
    },
    /// The live tables could not be locked for the swap.
    #[error("the live tables are too busy to be replaced")]
    Busy,
    /// Somebody is at it.
    #[error("{0} is being rebuilt already")]
    Running(String),
    /// There is nothing to compare with.
    #[error("there is no live generation")]
    NoLive,
}

impl From<sqlx::Error> for RebuildError {
    fn from(e: sqlx::Error) -> Self {
        Self::Run(e.into())
    }
}

impl From<FeedError> for RebuildError {
    fn from(e: FeedError) -> Self {
        Self::Run(e.into())
    }
}

/// A generation being built, on a connection of its own.
struct Build<'a> {
    projector: &'a dyn Projector,
    feed: &'a dyn Subscription,
    connection: PgConnection,
    generation: Generation,
    /// Streams of which an event is parked in this generation.
    blocked: HashSet<(String, Uuid)>,
    started: Instant,
    events: u64,
    report: &'a (dyn Fn(&Progress) + Send + Sync),
}

impl Build<'_> {
    /// Applies events up to the head, or up to `limit` exactly.
    async fn catch_up(&mut self, limit: Option<Position>) -> Result<Position, RebuildError> {
        loop {
            let after = self.generation.position;
            let batch = cut(self.feed.next(after, BATCH).await?, limit);
            if batch.next == after {
                return Ok(after);
            }
            self.take(&batch).await?;
            let head = limit.unwrap_or(batch.head);
            let (events, position, elapsed) = (self.events, self.generation.position, self.started.elapsed());
            (self.report)(&Progress {
                events,
                position,
                head,
                elapsed,
            });
        }
    }

    /// Applies a batch. Where an event of it cannot be taken, one event at a time, and parks that one and what follows
    /// it in its stream, as the owner of the live generation does.
    async fn take(&mut self, batch: &Batch) -> Result<(), RebuildError> {
        match self.commit(&batch.events, batch.next).await {
            Ok(()) => Ok(()),
            Err(error) if is_of_an_event(&error) => {
                for event in &batch.events {
                    match self.commit(std::slice::from_ref(event), event.position).await {
                        Err(error) if is_of_an_event(&error) => self.park(event, &error).await?,
                        done => done.map_err(|error| refusal(error, self.generation.position))?,
                    }
                }
                Ok(self
                    .commit(&[], batch.next)
                    .await
                    .map_err(|error| refusal(error, self.generation.position))?)
            }
            Err(error) => Err(refusal(error, self.generation.position)),
        }
    }

    async fn commit(&mut self, events: &[StoredEvent], next: Position) -> Result<(), ProjectorError> {
        let mut tx = self.connection.begin().await?;
        apply(&mut tx, self.projector, &self.generation, &self.blocked, events, next).await?;
        tx.commit().await?;
        self.events += events.len() as u64;
        self.generation.position = next;
        Ok(())
    }

    async fn park(&mut self, event: &StoredEvent, error: &ProjectorError) -> Result<(), RebuildError> {
        tracing::error!(projector = self.projector.name(), position = %event.position, stream.name = %event.stream, %error, "event parked by a rebuild");
        let mut tx = self.connection.begin().await?;
        let (name, number) = (self.projector.name(), self.generation.number);
        park::park(&mut tx, name, number, event, &error.to_string(), 1).await?;
        set_position(&mut tx, &self.generation, event.position).await?;
        tx.commit().await?;
        self.blocked.insert(park::stream_of(event));
        self.generation.position = event.position;
        Ok(())
    }

    /// Puts what was built in the place of the live generation: both checkpoints are locked, what came meanwhile is
    /// applied, the views are pointed here. Readers see one or the other.
    async fn swap(&mut self) -> Result<(), RebuildError> {
        for _ in 0..SWAP_TRIES {
            self.catch_up(None).await?;
            match self.try_swap().await {
                Err(RebuildError::Run(RunError::Database(sqlx::Error::Database(e))))
                    if e.code().as_deref() == Some("55P03") =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                // caught up with outside the lock, where it can be parked
                Err(RebuildError::Run(RunError::Database(e))) if !ProjectorError::is_transient_database(&e) => {}
                Err(RebuildError::Event { .. }) => {}
                other => return other,
            }
        }
        Err(RebuildError::Busy)
    }

    async fn try_swap(&mut self) -> Result<(), RebuildError> {
        let mut tx = self.connection.begin().await?;
        tx.execute(AssertSqlSafe(format!("set local lock_timeout = '{SWAP_LOCK}'")))
            .await?;
        let live: Option<(i64, i32)> = sqlx::query_as(
            "select position, version from projection.generation where projector = $1 and state = 'live' for update",
        )
        .bind(self.projector.name())
        .fetch_optional(&mut *tx)
        .await?;
        // remembered only once it is committed: a swap that was refused leaves nothing applied
        let mut position = self.generation.position;
        while live.is_some_and(|(live, _)| position.0 < live as u64) {
            let batch = self.feed.next(position, BATCH).await?;
            let (projector, generation) = (self.projector, &self.generation);
            apply(&mut tx, projector, generation, &self.blocked, &batch.events, batch.next)
                .await
                .map_err(|error| refusal(error, position))?;
            position = batch.next;
        }
        let same_version = live.is_some_and(|(_, version)| version == self.generation.version);
        tx.execute(AssertSqlSafe(generation::swap(
            self.projector,
            &self.generation,
            same_version,
        )))
        .await?;
        tx.commit().await?;
        self.generation.position = position;
        Ok(())
    }
}

/// The events of a batch that lie at or before `limit`.
fn cut(mut batch: Batch, limit: Option<Position>) -> Batch {
    if let Some(limit) = limit
        && batch.next > limit
    {
        batch.events.retain(|event| event.position <= limit);
        batch.next = limit;
    }
    batch
}

/// Applies events to a generation that is being built, and says that it is at `next`.
async fn apply(
    tx: &mut PgConnection,
    projector: &dyn Projector,
    generation: &Generation,
    blocked: &HashSet<(String, Uuid)>,
    events: &[StoredEvent],
    next: Position,
) -> Result<(), ProjectorError> {
    let (wanted, held) = park::divide(projector, blocked, events);
    projector.apply(tx, &wanted).await?;
    park::hold(tx, generation, &held).await?;
    set_position(tx, generation, next).await?;
    Ok(())
}

/// What a rebuild says of an error in the batch after `after`.
fn refusal(error: ProjectorError, after: Position) -> RebuildError {
    match error {
        ProjectorError::Database(e) => e.into(),
        ProjectorError::Decode(error) => RebuildError::Event {
            after,
            error: error.to_string(),
        },
    }
}

/// Whether the fault is in an event that this program knows: not in the database, and not that it is too new.
fn is_of_an_event(error: &ProjectorError) -> bool {
    match error {
        ProjectorError::Decode(e) => !matches!(e, DecodeError::Unknown { .. }),
        ProjectorError::Database(e) => !ProjectorError::is_transient_database(e),
    }
}

async fn set_position(tx: &mut PgConnection, generation: &Generation, next: Position) -> Result<(), sqlx::Error> {
    sqlx::query("update projection.generation set position = $1 where projector = $2 and generation = $3")
        .bind(next.0 as i64)
        .bind(&generation.projector)
        .bind(generation.number)
        .execute(tx)
        .await?;
    Ok(())
}

/// Builds `projector`'s tables from the first event on while the live ones go on serving.
///
/// # Errors
/// [`RebuildError`]; what was built is dropped then.
pub async fn run(
    projector: &dyn Projector,
    pool: &PgPool,
    feed: &dyn Subscription,
    options: Options,
    report: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Option<Comparison>, RebuildError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    // held by the connection, so that it goes with a builder that dies
    let alone: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('annalock:rebuild:' || $1, 0))")
        .bind(projector.name())
        .fetch_one(&mut connection)
        .await?;
    if !alone {
        return Err(RebuildError::Running(projector.name().to_owned()));
    }
    // what a builder that died left behind
    for left in generation::all(pool)
        .await?
        .iter()
        .filter(|g| g.projector == projector.name() && g.state != "live")
    {
        generation::drop(&mut connection, left).await?;
    }
    let generation = generation::create(&mut connection, projector).await?;
    let settings = format!(
        "set synchronous_commit = off; set search_path = {}",
        generation.schema()
    );
    connection.execute(AssertSqlSafe(settings)).await?;
    let mut build = Build {
        projector,
        feed,
        connection,
        generation,
        blocked: HashSet::new(),
        started: Instant::now(),
        events: 0,
        report,
    };
    let result = finish(&mut build, pool, options).await;
    // whatever is not live now has served its time: the old generation, or the one that was only compared
    for generation in generation::all(pool).await? {
        let ours = generation.number == build.generation.number;
        let retired = generation.projector == projector.name() && generation.state == "retired";
        if retired || (ours && generation.state == "building") {
            generation::drop(&mut build.connection, &generation).await?;
        }
    }
    // a closed connection would keep it until the server notices: the next rebuild shall find it free
    build.connection.execute("select pg_advisory_unlock_all()").await?;
    build.connection.close().await?;
    result
}

async fn finish(build: &mut Build<'_>, pool: &PgPool, options: Options) -> Result<Option<Comparison>, RebuildError> {
    // what is only compared never gets ahead of the live tables: their owner may be away
    let limit = if options.swap {
        None
    } else {
        Some(live_position(pool, build.projector).await?)
    };
    build.catch_up(limit).await?;
    generation::index(&mut build.connection, build.projector, &build.generation).await?;
    if options.swap {
        build.swap().await?;
        return Ok(None);
    }
    compare(build, pool).await.map(Some)
}

async fn live_position(pool: &PgPool, projector: &dyn Projector) -> Result<Position, RebuildError> {
    let mut connection = pool.acquire().await?;
    let live = generation::live(&mut connection, projector.name()).await?;
    Ok(live.ok_or(RebuildError::NoLive)?.position)
}

/// Compares the tables at one position: that of a snapshot of the live ones.
async fn compare(build: &mut Build<'_>, pool: &PgPool) -> Result<Comparison, RebuildError> {
    let mut live = PgConnection::connect_with(&pool.connect_options()).await?;
    live.execute("begin isolation level repeatable read read only").await?;
    let generation = generation::live(&mut live, build.projector.name())
        .await?
        .ok_or(RebuildError::NoLive)?;
    build.catch_up(Some(generation.position)).await?;
    let mut tables = Vec::new();
    for (table, key) in build.projector.tables() {
        let ours = rows(&mut build.connection, &build.generation.schema(), table, key).await?;
        let theirs = rows(&mut live, &generation.schema(), table, key).await?;
        tables.push(((*table).to_owned(), ours.len() as u64, first_difference(&ours, &theirs)));
    }
    live.execute("rollback").await?;
    Ok(Comparison {
        position: generation.position,
        tables,
    })
}

/// Key and digest of each row of a table, in order of the key.
async fn rows(
    connection: &mut PgConnection,
    schema: &str,
    table: &str,
    key: &str,
) -> Result<Vec<(String, [u8; 32])>, sqlx::Error> {
    let statement = format!("select ({key})::text, t::text from {schema}.{table} t order by {key}");
    sqlx::query(AssertSqlSafe(statement))
        .persistent(false)
        .fetch(connection)
        .and_then(|row| async move {
            Ok((
                row.try_get(0)?,
                Sha256::digest(row.try_get::<&str, _>(1)?.as_bytes()).into(),
            ))
        })
        .try_collect()
        .await
}

/// The key of the first row that is in one list only or not the same in both. Both are in the database's order of keys,
/// which is not that of their texts.
fn first_difference(ours: &[(String, [u8; 32])], theirs: &[(String, [u8; 32])]) -> Option<String> {
    let same = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    match (ours.get(same), theirs.get(same)) {
        (None, None) => None,
        (Some((key, _)), None) | (None, Some((key, _))) => Some(key.clone()),
        (Some((key, _)), Some((other, _))) => {
            // a key that comes later in the other list is not missing there: what stands before it there is too much
            let later = theirs[same..].iter().any(|(their, _)| their == key);
            Some(if later { other } else { key }.clone())
        }
    }
}
