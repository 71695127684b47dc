//! The process manager of mail: reads every event once and puts letters in the queue, with its checkpoint.

use super::letters::Letters;
use domain::{
    event::{Position, StoredEvent},
    fault::{Fault, FaultKind},
};
use mail::MailQueue;
use projections::feed::Subscription;
use sqlx::PgPool;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Its name in `ops.process`.
const NAME: &str = "mail";
/// Events read at once.
const BATCH: usize = 500;
/// How long it lets events gather: nobody waits for a letter that precisely.
const GATHER: Duration = Duration::from_millis(200);
/// How long it sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(250);

/// How long it waits after a failure, and at most after several.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Reads events and writes letters. Several processes may run it: a letter for an event is queued once, whoever does it.
pub struct Process {
    pub pool: PgPool,
    pub feed: Arc<dyn Subscription>,
    pub queue: MailQueue,
    pub letters: Letters,
}

impl Process {
    /// Runs for ever. What fails is tried again, in order: no letter is passed over.
    pub async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            if let Err(error) = self.work().await {
                tracing::warn!(
                    process = NAME,
                    error = format!("{error:#}"),
                    "stopped; tried again soon"
                );
            }
            // what went well for longer than any pause has nothing to do with what went wrong before
            if began.elapsed() > LAST_PAUSE {
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    async fn work(&self) -> anyhow::Result<()> {
        let mut wake = self.feed.wake();
        let mut position = self.begin().await?;
        loop {
            let batch = self.feed.next(position, BATCH).await?;
            if batch.next == position {
                let _ = tokio::time::timeout(IDLE, wake.changed()).await;
                continue;
            }
            for event in &batch.events {
                self.write(event).await?;
            }
            self.advance(batch.next).await?;
            position = batch.next;
            if batch.events.len() < BATCH {
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    async fn write(&self, event: &StoredEvent) -> anyhow::Result<()> {
        if let Some(mail) = self.letters.for_event(event).await? {
            match self.queue.enqueue(&mail).await {
                // somebody who was erased gets no letters
                Err(error) if error.kind() == FaultKind::NotFound => {}
                done => drop(done?),
            }
        }
        Ok(())
    }

    /// Where it is; at the first start ever, at the head: nobody gets letters about what is long past.
    pub async fn begin(&self) -> anyhow::Result<Position> {
        let head = self.feed.head().await?;
        // two processes may begin at the same time: whoever is the second finds what the first wrote
        sqlx::query("insert into ops.process (name, position) values ($1, $2) on conflict do nothing")
            .bind(NAME)
            .bind(head.0 as i64)
            .execute(&self.pool)
            .await?;
        let position: i64 = sqlx::query_scalar("select position from ops.process where name = $1")
            .bind(NAME)
            .fetch_one(&self.pool)
            .await?;
        Ok(Position(position as u64))
    }

    /// Moves the checkpoint. Lost in a crash, it makes letters be queued again, which changes nothing: no need to wait
    /// for the disk.
    async fn advance(&self, position: Position) -> sqlx::Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("set local synchronous_commit = off")
            .execute(&mut *tx)
            .await?;
        sqlx::query("update ops.process set position = greatest(position, $2) where name = $1")
            .bind(NAME)
            .bind(position.0 as i64)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }
}
