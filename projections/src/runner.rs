//! Keeps the live generation of a projector up to date, as its only owner.

mod commit;

pub(crate) use commit::to_disk;

use crate::{
    feed::{FeedError, Subscription},
    generation::{self, Generation},
    live::{LEASE, Live},
    park,
    projector::{Projector, ProjectorError},
    retired,
};
use commit::{ApplyError, advance, look, others_are_there};
use domain::event::{DecodeError, Position, StoredEvent};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// The most events applied in one transaction.
const BATCH: usize = 2_000;
/// How long a projector that nobody waits for lets events gather before it takes them: fewer, larger transactions.
const GATHER: Duration = Duration::from_millis(100);
/// How long a subscriber sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(250);
/// How long a process follows the owner before it tries to be the owner itself.
const FOLLOW: Duration = Duration::from_millis(500);
/// How often a batch is tried before the event at fault is looked for and parked.
const TRIES: i32 = 3;

/// After so many events the database looks at the tables, so that it plans by what is in them: a minute after they were empty they may
/// be large, and it looks by itself no more often. Then after four times as many, and so on.
const FIRST_LOOK: usize = 1_000;

/// How long a runner rests after it gave up; twice as long each time that it got nowhere.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why a runner stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The database refused or is gone.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// No events can be had.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// An event of a newer program: never skipped.
    #[error("the event at position {position} was written by a newer program: {source}")]
    Unknown {
        /// Where it lies.
        position: Position,
        /// What it is.
        source: DecodeError,
    },
    /// Another process took over.
    #[error("another process owns the projector now")]
    Fenced,
}

/// One projector, run by this process whenever no other one does.
pub struct Runner {
    projector: Arc<dyn Projector>,
    pool: PgPool,
    feed: Arc<dyn Subscription>,
    /// Told how far the read models are; only for the sync-critical projector.
    live: Option<Arc<Live>>,
    /// How long a generation is kept that another one took the place of.
    grace: Duration,
}

/// The owner's connection and what it owns.
struct Owned {
    connection: PgConnection,
    generation: Generation,
    epoch: i64,
    blocked: HashSet<(String, Uuid)>,
    /// Events taken, and when the database is to look at the tables.
    taken: usize,
    look_at: usize,
}

impl Runner {
    /// A runner of `projector` over `feed`.
    pub fn new(
        projector: Arc<dyn Projector>,
        pool: PgPool,
        feed: Arc<dyn Subscription>,
        live: Option<Arc<Live>>,
    ) -> Self {
        Self {
            projector,
            pool,
            feed,
            live,
            grace: retired::GRACE,
        }
    }

    /// How long a generation is kept, and kept up to date, that another one took the place of.
    pub fn keep_retired_for(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Runs for ever: owns the projector when it can, follows the owner otherwise. Ends when dropped: what was not
    /// committed is done again by the next owner.
    pub async fn run(self) {
        let name = self.projector.name();
        let (mut pause, mut followed) = (FIRST_PAUSE, false);
        loop {
            match self.own(followed).await {
                Ok(Some(mut owned)) => {
                    followed = false;
                    let began = owned.generation.position;
                    tracing::info!(projector = name, generation = owned.generation.number, position = %owned.generation.position, "projector owned");
                    let keeper = self.keeper();
                    let error = self.work(&mut owned).await;
                    drop(keeper);
                    if owned.generation.position > began {
                        pause = FIRST_PAUSE;
                    }
                    // nobody takes this process for the owner any more when another one may be it
                    if let Some(live) = &self.live {
                        live.set_owner(false);
                        // a database that crashed may have gone back: until somebody has asked it, nothing is known to be reached
                        if matches!(error, RunError::Database(_) | RunError::Feed(_)) {
                            live.found_at(Position::START);
                        }
                    }
                    // free at once for this process or another; if the connection is gone, so is the lock before long
                    let _ = owned.connection.execute("select pg_advisory_unlock_all()").await;
                    let _ = owned.connection.close().await;
                    match error {
                        RunError::Unknown { .. } => tracing::error!(projector = name, %error, "projector holds"),
                        _ => tracing::warn!(projector = name, %error, "projector given up"),
                    }
                }
                Ok(None) => {
                    followed = true;
                    match self.follow().await {
                        // it must not stand still between two looks: who reads here waits for what it sees
                        Ok(()) => {
                            pause = FIRST_PAUSE;
                            continue;
                        }
                        Err(error) => tracing::warn!(projector = name, %error, "cannot follow the projector's owner"),
                    }
                }
                Err(error) => tracing::warn!(projector = name, %error, "projector cannot be owned"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes the lock, makes the generation if there is none of this version, and raises the epoch. `None` if another
    /// process holds the lock. Where this process `followed` another one, or there are others, one of them may take itself for the
    /// owner for a little longer, though the database ended its connections.
    async fn own(&self, followed: bool) -> Result<Option<Owned>, RunError> {
        let options = self.pool.connect_options();
        let mut connection = PgConnection::connect_with(&options).await?;
        let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('annalock:' || $1, 0))")
            .bind(self.projector.name())
            .fetch_one(&mut connection)
            .await?;
        if !locked {
            return Ok(None);
        }
        if followed || others_are_there(&mut connection).await? {
            tokio::time::sleep(LEASE).await;
        }
        let generation = self.generation(&mut connection).await?;
        let asked = Instant::now();
        let (epoch, position): (i64, i64) = sqlx::query_as(
            "update projection.generation set epoch = epoch + 1 where projector = $1 and generation = $2
             returning epoch, position",
        )
        .bind(&generation.projector)
        .bind(generation.number)
        .fetch_one(&mut connection)
        .await?;
        let generation = Generation {
            position: Position(position as u64),
            ..generation
        };
        let blocked = park::blocked(&mut connection, &generation.projector, generation.number).await?;
        // rows and checkpoint are lost together in a crash of the database, and made again from the events; where they are about
        // rights, the commit waits for the disk: see `to_disk`
        let settings = format!(
            "set synchronous_commit = off; set search_path = {}",
            generation.schema()
        );
        connection.execute(AssertSqlSafe(settings)).await?;
        if let Some(live) = &self.live {
            // what another owner acknowledged: who reads here waits for it
            let head = self.feed.head().await?;
            live.acknowledge(head);
            live.show(head);
            live.set_owner(true);
            live.confirm(asked);
            live.set_generation(generation.number);
            live.found_at(generation.position);
        }
        Ok(Some(Owned {
            connection,
            generation,
            epoch,
            blocked,
            taken: 0,
            look_at: FIRST_LOOK,
        }))
    }

    fn confirm(&self, asked: Instant) {
        if let Some(live) = &self.live {
            live.confirm(asked);
        }
    }

    /// Looks after what is retired while this process owns the projector.
    fn keeper(&self) -> retired::Keeper {
        let (projector, pool, feed) = (Arc::clone(&self.projector), self.pool.clone(), Arc::clone(&self.feed));
        retired::Keeper::start(projector, pool, feed, self.grace)
    }

    /// The live generation, if this version wrote it; else one of this version, which [`crate::rebuild`] puts in its
    /// place.
    async fn generation(&self, connection: &mut PgConnection) -> Result<Generation, RunError> {
        let projector = &*self.projector;
        match generation::live(connection, projector.name()).await? {
            Some(live) if live.version == projector.version() => Ok(live),
            _ => {
                let keep = !self.grace.is_zero();
                crate::rebuild::replace(projector, &self.pool, &self.feed, keep)
                    .await
                    .map_err(|e| match e {
                        crate::rebuild::RebuildError::Run(e) => e,
                        other => RunError::Feed(FeedError(other.to_string())),
                    })?;
                generation::live(connection, projector.name())
                    .await?
                    .ok_or(RunError::Fenced)
            }
        }
    }

    async fn work(&self, owned: &mut Owned) -> RunError {
        let mut wake = self.feed.wake();
        loop {
            let after = owned.generation.position;
            let batch = match self.feed.next(after, BATCH).await {
                Ok(batch) => batch,
                Err(e) => return e.into(),
            };
            metrics::gauge!("annalock_projector_lag_events", "projector" => self.projector.name())
                .set(batch.head.0.saturating_sub(batch.next.0) as f64);
            if batch.next == after {
                let _ = tokio::time::timeout(IDLE, wake.changed()).await;
                if let Err(e) = self.still_live(owned).await {
                    return e;
                }
                if let Err(e) = self.retry_parked(owned).await {
                    return e;
                }
                continue;
            }
            if let Err(e) = self.take(owned, &batch.events, batch.next).await {
                return e;
            }
            owned.taken += batch.events.len();
            if owned.taken >= owned.look_at {
                owned.look_at = owned.look_at.max(owned.taken).saturating_mul(4);
                let (pool, generation) = (self.pool.clone(), owned.generation.clone());
                tokio::spawn(look(pool, generation, self.projector.tables()));
            }
            if batch.next >= batch.head {
                match &self.live {
                    Some(live) => live.gathered().await,
                    None => tokio::time::sleep(GATHER).await,
                }
            }
        }
    }

    /// Notices, while idle, that a rebuild put another generation in place.
    async fn still_live(&self, owned: &mut Owned) -> Result<(), RunError> {
        let asked = Instant::now();
        let epoch: Option<i64> = sqlx::query_scalar(
            "select epoch from projection.generation where projector = $1 and generation = $2 and state = 'live'",
        )
        .bind(&owned.generation.projector)
        .bind(owned.generation.number)
        .fetch_optional(&mut owned.connection)
        .await?;
        if epoch == Some(owned.epoch) {
            self.confirm(asked);
            Ok(())
        } else {
            Err(RunError::Fenced)
        }
    }

    /// Applies a batch; tries again, and at last looks for the event at fault and parks it. What lies before an event of
    /// a newer program is applied all the same.
    async fn take(&self, owned: &mut Owned, events: &[StoredEvent], next: Position) -> Result<(), RunError> {
        let mut tries = 0;
        let error = loop {
            match self.apply(owned, events, next).await {
                Ok(()) => return Ok(()),
                Err(ApplyError::Stop(RunError::Unknown { .. })) if events.len() > 1 => break None,
                Err(ApplyError::Stop(e)) => return Err(e),
                Err(ApplyError::Events(error)) => {
                    tries += 1;
                    if tries == TRIES || matches!(error, ProjectorError::Decode(_)) {
                        break Some(error);
                    }
                    tokio::time::sleep(Duration::from_millis(20) * 2_u32.pow(tries as u32)).await;
                }
            }
        };
        if let ([event], Some(error)) = (events, error) {
            return self.park(owned, event, next, &error, tries).await;
        }
        for event in events {
            Box::pin(self.take(owned, std::slice::from_ref(event), event.position)).await?;
        }
        // positions behind the last event that concern nobody
        self.apply(owned, &[], next).await.map_err(ApplyError::into_run)
    }

    async fn apply(&self, owned: &mut Owned, events: &[StoredEvent], next: Position) -> Result<(), ApplyError> {
        let (projector, asked) = (&*self.projector, Instant::now());
        let held = !park::held(projector, &owned.blocked, events).is_empty();
        if held {
            // an operator may have given up on what they are held for
            let Generation { projector, number, .. } = &owned.generation;
            let blocked = park::blocked(&mut owned.connection, projector, *number).await;
            owned.blocked = blocked.map_err(ApplyError::database)?;
        }
        let (events, held) = park::divide(projector, &owned.blocked, events);
        let mut tx = owned.connection.begin().await.map_err(ApplyError::database)?;
        let changes = projector
            .apply(&mut tx, &events)
            .await
            .map_err(|error| ApplyError::of(error, &events))?;
        park::hold(&mut tx, &owned.generation, &held)
            .await
            .map_err(ApplyError::database)?;
        advance(&mut tx, &owned.generation, owned.epoch, next).await?;
        let parks = held
            .iter()
            .any(|event| projector.is_about_rights(&event.stream.category));
        if changes.rights || parks {
            to_disk(&mut tx).await.map_err(ApplyError::database)?;
        }
        projector.changing(&changes);
        if let Some(live) = self.live.as_ref().filter(|_| parks) {
            live.parking();
        }
        tx.commit().await.map_err(ApplyError::database)?;
        owned.generation.position = next;
        if let Some(live) = self.live.as_ref().filter(|_| parks) {
            live.parked();
        }
        projector.published(changes, next);
        if let Some(live) = &self.live {
            live.set_position(next);
        }
        self.confirm(asked);
        Ok(())
    }

    async fn park(
        &self,
        owned: &mut Owned,
        event: &StoredEvent,
        next: Position,
        error: &ProjectorError,
        tries: i32,
    ) -> Result<(), RunError> {
        let name = self.projector.name();
        tracing::error!(projector = name, position = %event.position, stream.name = %event.stream, %error, "event parked");
        metrics::counter!("annalock_projector_parked_total", "projector" => name).increment(1);
        let mut tx = owned.connection.begin().await?;
        park::park(&mut tx, name, owned.generation.number, event, &error.to_string(), tries).await?;
        advance(&mut tx, &owned.generation, owned.epoch, next)
            .await
            .map_err(ApplyError::into_run)?;
        // what is parked may be about rights: who it is about is not let in
        to_disk(&mut tx).await?;
        if let Some(live) = &self.live {
            live.parking();
        }
        tx.commit().await?;
        owned
            .blocked
            .insert((event.stream.category.to_string(), event.stream.id));
        owned.generation.position = next;
        if let Some(live) = &self.live {
            live.parked();
            live.set_position(next);
        }
        Ok(())
    }

    /// Tries parked events again that an operator wants tried, each stream in its order. Done while idle.
    async fn retry_parked(&self, owned: &mut Owned) -> Result<(), RunError> {
        if owned.blocked.is_empty() {
            return Ok(());
        }
        let (name, number) = (self.projector.name(), owned.generation.number);
        let mut failed = HashSet::new();
        for (stream, position) in park::wanted(&mut owned.connection, name, number).await? {
            let key = (stream.category.to_string(), stream.id);
            if failed.contains(&key) {
                continue;
            }
            let Some(event) = self.feed.find(&stream, position).await? else {
                continue;
            };
            let mut tx = owned.connection.begin().await?;
            match self.projector.apply(&mut tx, std::slice::from_ref(&event)).await {
                Ok(changes) => {
                    park::unpark(&mut tx, name, number, position).await?;
                    advance(&mut tx, &owned.generation, owned.epoch, owned.generation.position)
                        .await
                        .map_err(ApplyError::into_run)?;
                    if changes.rights {
                        to_disk(&mut tx).await?;
                    }
                    self.projector.changing(&changes);
                    tx.commit().await?;
                    self.projector.published(changes, owned.generation.position);
                    if let Some(live) = &self.live {
                        live.came_late();
                    }
                }
                Err(error) => {
                    tx.rollback().await?;
                    park::settle(&mut owned.connection, name, number, position, &error.to_string()).await?;
                    failed.insert(key);
                }
            }
        }
        owned.blocked = park::blocked(&mut owned.connection, name, number).await?;
        Ok(())
    }

    /// Another process owns the projector: learns from the database how far it is, until the owner is gone.
    async fn follow(&self) -> Result<(), RunError> {
        let Some(live) = &self.live else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Ok(());
        };
        let began = Instant::now();
        while began.elapsed() < FOLLOW {
            let mut connection = self.pool.acquire().await?;
            if let Some((generation, parked)) = generation::followed(&mut connection, self.projector.name()).await? {
                live.set_generation(generation.number);
                live.follow_parked(parked);
                live.found_at(generation.position);
            }
            drop(connection);
            tokio::time::sleep(live.look_every()).await;
        }
        Ok(())
    }
}
