//! Building a projector's tables again beside the live ones, and either putting them in their place or comparing them.

mod back;
mod build;
mod compare;
mod lock;
mod swap;

pub use back::{look_after_retired, replace, rollback};

use crate::{
    feed::{FeedError, Subscription},
    generation::{self, Generation},
    projector::Projector,
    runner::RunError,
};
use build::{Build, Report};
use domain::event::Position;
use sqlx::{PgConnection, PgPool};
use std::{sync::Arc, time::Duration};

/// How many rebuilds may run at once, of all projectors and processes: each takes a core and much of the disk.
const AT_ONCE: i32 = 2;

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
    /// Keep the generation that was live, so that [`rollback`] can go back to it.
    pub keep: bool,
    /// How much may be in memory before it is written: bytes of events taken and rows loaded, more than the rows can
    /// have. Beside it there are the pages read ahead, of 2 MiB.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            swap: true,
            keep: true,
            memory: build::MEMORY,
        }
    }
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
    /// Others are at it.
    #[error("{AT_ONCE} rebuilds are running already; try again when one has ended")]
    TooMany,
    /// There is nothing to compare with.
    #[error("there is no live generation")]
    NoLive,
    /// There is nothing to go back to.
    #[error("no earlier tables of {0} are kept")]
    NothingKept(String),
    /// What is kept is not for this program.
    #[error(
        "the kept tables of {projector} were written by version {kept} of the projector and were not kept up to date by \
         this program, which has version {ours}; the program that has version {kept} goes back to them when it starts"
    )]
    OtherVersion {
        /// Which projector.
        projector: String,
        /// The version of what is kept.
        kept: i32,
        /// That of this program.
        ours: i32,
    },
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

/// Builds `projector`'s tables from the first event on while the live ones go on serving.
///
/// # Errors
/// [`RebuildError`]; what was built is dropped then.
pub async fn run(
    projector: &dyn Projector,
    pool: &PgPool,
    feed: &Arc<dyn Subscription>,
    options: Options,
    report: Report<'_>,
) -> Result<Option<Comparison>, RebuildError> {
    let mut connection = lock::enter(pool, projector.name()).await?;
    // what a builder that died left behind
    drop_all(&mut connection, pool, |left| {
        left.projector == projector.name() && left.state == generation::BUILDING
    })
    .await?;
    let generation = generation::create(&mut connection, projector).await?;
    let number = generation.number;
    let mut build = Build::of(generation, (projector, feed), connection, report).await?;
    build.memory = options.memory;
    let result = finish(&mut build, pool, options).await;
    let cleaned = drop_all(&mut build.connection, pool, |left| {
        left.number == number && left.state == generation::BUILDING
    })
    .await;
    let closed = lock::close(build.connection).await;
    if options.swap && result.is_ok() {
        back::drop_retired(pool, projector.name(), usize::from(options.keep)).await?;
    }
    let result = result?;
    cleaned.and(closed)?;
    Ok(result)
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
    compare::compare(build, pool).await.map(Some)
}

async fn drop_all(
    connection: &mut PgConnection,
    pool: &PgPool,
    which: impl Fn(&Generation) -> bool,
) -> Result<(), sqlx::Error> {
    for generation in generation::all(pool)
        .await?
        .iter()
        .filter(|generation| which(generation))
    {
        generation::drop(connection, generation).await?;
    }
    Ok(())
}

async fn live_position(pool: &PgPool, projector: &dyn Projector) -> Result<Position, RebuildError> {
    let mut connection = pool.acquire().await?;
    let live = generation::live(&mut connection, projector.name()).await?;
    Ok(live.ok_or(RebuildError::NoLive)?.position)
}
