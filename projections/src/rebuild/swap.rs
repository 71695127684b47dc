//! Putting a generation in the place of the live one.

use super::{
    RebuildError,
    build::{self, Build},
    lock,
};
use crate::{
    generation,
    projector::ProjectorError,
    runner::{self, RunError},
};
use domain::event::Position;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::time::Duration;

/// How long the swap waits for a lock before it lets others pass and tries again.
const LOCK: &str = "200ms";
/// How often it tries.
const TRIES: usize = 100;
/// How often it looks, 50 ms apart, whether an owner is as far as what is to take the place of its tables.
const WAITS: usize = 1_200;
/// Events applied at once while the live tables are locked.
const BATCH: usize = 2_000;

impl Build<'_> {
    /// Puts this generation in the place of the live one: both checkpoints are locked, what came meanwhile is applied, the
    /// views are pointed here. Readers see one or the other. The one that was live is retired.
    pub(super) async fn swap(&mut self) -> Result<(), RebuildError> {
        let (mut tries, mut waits) = (0, 0);
        while tries < TRIES && waits < WAITS {
            // an owner of this version remembers what it has shown: what goes in its place shows no more than that, or others are
            // told of a change that it does not know of yet
            let live = generation::live(&mut self.connection, self.projector.name()).await?;
            let owned = live.filter(|live| live.version == self.generation.version);
            let alone = owned.is_some() && lock::try_owner(&mut self.connection, self.projector.name()).await?;
            let limit = owned.filter(|_| !alone).map(|live| live.position);
            if limit.is_none_or(|limit| limit > self.generation.position) {
                self.catch_up(limit).await?;
            }
            let outcome = self.try_swap(limit.is_some()).await;
            if alone {
                lock::leave_owner(&mut self.connection, self.projector.name()).await?;
            }
            match outcome {
                Err(RebuildError::Busy) => {
                    waits += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
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
            tries += 1;
        }
        Err(RebuildError::Busy)
    }

    /// [`RebuildError::Busy`] if the live generation is `owned` and not as far as this one yet.
    async fn try_swap(&mut self, owned: bool) -> Result<(), RebuildError> {
        let mut tx = self.connection.begin().await?;
        tx.execute(AssertSqlSafe(format!("set local lock_timeout = '{LOCK}'")))
            .await?;
        let live: Option<(i64, i32)> = sqlx::query_as(
            "select position, version from projection.generation where projector = $1 and state = 'live' for update",
        )
        .bind(self.projector.name())
        .fetch_optional(&mut *tx)
        .await?;
        // remembered only once it is committed: a swap that was refused leaves nothing applied
        let mut generation = self.generation.clone();
        let limit = live.map_or(Position::START, |(position, _)| Position(position as u64));
        if owned && generation.position > limit {
            return Err(RebuildError::Busy);
        }
        while generation.position < limit {
            let position = generation.position;
            let batch = self.feed.next(position, BATCH).await?;
            let within = batch.events.partition_point(|event| event.position <= limit);
            let (events, next) = (&batch.events[..within], batch.next.min(limit));
            let (projector, blocked) = (self.projector, &self.blocked);
            build::apply(&mut tx, projector, &generation, blocked, events, next)
                .await
                .map_err(|fault| fault.refusal(position))?;
            generation.position = next;
        }
        let same_version = live.is_some_and(|(_, version)| version == generation.version);
        let statements = generation::swap(self.projector, &generation, same_version);
        tx.execute(AssertSqlSafe(statements)).await?;
        runner::to_disk(&mut tx).await?;
        tx.commit().await?;
        self.generation = generation::Generation {
            state: generation::LIVE.to_owned(),
            ..generation
        };
        Ok(())
    }
}
