//! Bringing the tables of a generation that is not live up to date.
//!
//! The fast way takes page after page in memory and writes rows once for many pages. What cannot be taken so is taken
//! the careful way, as the owner of the live tables takes it: a small batch, and where that fails, one event after the
//! other, so that the one at fault is found and parked.

use super::{Progress, RebuildError};
use crate::{
    ahead::{self, Ahead},
    feed::Subscription,
    generation::Generation,
    park,
    projector::{Projector, ProjectorError},
    runner::RunError,
};
use domain::event::{DecodeError, Position, StoredEvent};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// [`super::Options::memory`], unless somebody says otherwise: as much as the pages that are read while it is written. Four
/// times as much took as much CPU for each event.
pub(super) const MEMORY: usize = 8 << 20;
/// Events applied at once the careful way.
const CAREFUL: usize = 2_000;
/// How often it is told how far it is.
const REPORT: Duration = Duration::from_millis(500);

/// Why events were not applied.
pub(super) enum Fault {
    /// One of them is at fault.
    Event(ProjectorError),
    /// It is not the events, or a newer program wrote them.
    Stop(ProjectorError),
    /// Somebody else moved the checkpoint, or the generation is not what it was.
    Fenced,
}

impl Fault {
    /// What a rebuild says of it in the batch after `after`.
    pub fn refusal(self, after: Position) -> RebuildError {
        match self {
            Self::Event(ProjectorError::Database(e)) | Self::Stop(ProjectorError::Database(e)) => e.into(),
            Self::Event(ProjectorError::Decode(error)) | Self::Stop(ProjectorError::Decode(error)) => {
                RebuildError::Event {
                    after,
                    error: error.to_string(),
                }
            }
            Self::Fenced => RunError::Fenced.into(),
        }
    }
}

impl From<ProjectorError> for Fault {
    fn from(error: ProjectorError) -> Self {
        match error {
            ProjectorError::Decode(DecodeError::Unknown { .. }) => Self::Stop(error),
            ProjectorError::Database(ref e) if ProjectorError::is_transient_database(e) => Self::Stop(error),
            _ => Self::Event(error),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        ProjectorError::Database(error).into()
    }
}

/// Told how far it is.
pub(super) type Report<'a> = &'a (dyn Fn(&Progress) + Send + Sync);

/// A generation that is not live, on a connection of its own.
pub(super) struct Build<'a> {
    pub projector: &'a dyn Projector,
    pub feed: Arc<dyn Subscription>,
    pub connection: PgConnection,
    pub generation: Generation,
    /// Streams of which an event is parked in this generation.
    pub blocked: HashSet<(String, Uuid)>,
    pub memory: usize,
    started: Instant,
    reported: Instant,
    events: u64,
    report: Report<'a>,
}

impl<'a> Build<'a> {
    /// Goes on with `generation` where its checkpoint is.
    pub async fn of(
        generation: Generation,
        (projector, feed): (&'a dyn Projector, &Arc<dyn Subscription>),
        mut connection: PgConnection,
        report: Report<'a>,
    ) -> Result<Self, sqlx::Error> {
        let blocked = park::blocked(&mut connection, &generation.projector, generation.number).await?;
        // rows and checkpoint are lost together in a crash of the database
        let settings = format!(
            "set synchronous_commit = off; set search_path = {}",
            generation.schema()
        );
        connection.execute(AssertSqlSafe(settings)).await?;
        let now = Instant::now();
        Ok(Self {
            projector,
            feed: Arc::clone(feed),
            connection,
            generation,
            blocked,
            memory: MEMORY,
            started: now,
            reported: now,
            events: 0,
            report,
        })
    }

    /// Applies events up to the head, or up to `limit` exactly.
    pub async fn catch_up(&mut self, limit: Option<Position>) -> Result<Position, RebuildError> {
        let mut head = self.generation.position;
        let feed = Arc::clone(&self.feed);
        let mut ahead = self.projector.read_ahead(feed, head, limit);
        // how far what is in memory is: what is in the tables may be behind
        let mut reached = head;
        while let Some(page) = ahead.page().await? {
            head = limit.unwrap_or(page.head);
            match self.take(&mut *ahead, &page.events).await {
                Ok(()) => reached = page.next,
                Err(Fault::Event(_)) => {
                    self.write(&mut *ahead, reached).await?;
                    self.carefully(&page.events, page.next).await?;
                    reached = page.next;
                }
                Err(fault) => {
                    self.write(&mut *ahead, reached).await?;
                    return Err(fault.refusal(reached));
                }
            }
            self.events += page.events.len() as u64;
            if ahead.weight() >= self.memory {
                self.write(&mut *ahead, reached).await?;
            }
            if self.reported.elapsed() >= REPORT {
                self.tell(reached, head);
            }
        }
        if reached != self.generation.position {
            self.write(&mut *ahead, reached).await?;
        }
        if self.events > 0 {
            self.tell(reached, head);
        }
        Ok(reached)
    }

    /// Takes a page in memory. What follows a parked event of its stream is parked with it.
    async fn take(&mut self, ahead: &mut dyn Ahead, events: &[StoredEvent]) -> Result<(), Fault> {
        let held = park::held(self.projector, &self.blocked, events);
        let places = held.iter().map(|event| event.position).collect();
        ahead.take(&mut self.connection, &places).await?;
        park::hold(&mut self.connection, &self.generation, &held).await?;
        Ok(())
    }

    /// Writes what is in memory. If the database does not take it, an event is at fault: they are read and applied again,
    /// carefully.
    async fn write(&mut self, ahead: &mut dyn Ahead, reached: Position) -> Result<(), RebuildError> {
        match self.try_write(ahead, reached).await {
            Ok(()) => Ok(()),
            Err(Fault::Event(error)) => {
                let projector = self.projector.name();
                tracing::warn!(projector, after = %self.generation.position, to = %reached, %error, "rows refused, looking for the event");
                while self.generation.position < reached {
                    let after = self.generation.position;
                    let batch = ahead::cut(self.feed.next(after, CAREFUL).await?, Some(reached));
                    self.carefully(&batch.events, batch.next).await?;
                }
                Ok(())
            }
            Err(fault) => Err(fault.refusal(self.generation.position)),
        }
    }

    async fn try_write(&mut self, ahead: &mut dyn Ahead, reached: Position) -> Result<(), Fault> {
        let mut tx = self.connection.begin().await?;
        ahead.save(&mut tx).await?;
        set_position(&mut tx, &self.generation, reached).await?;
        tx.commit().await?;
        self.generation.position = reached;
        Ok(())
    }

    /// Applies events in small batches; where one cannot be taken, one event at a time, and parks that one and what
    /// follows it in its stream, as the owner of the live generation does.
    async fn carefully(&mut self, events: &[StoredEvent], next: Position) -> Result<(), RebuildError> {
        for events in events.chunks(CAREFUL) {
            let last = events.last().map_or(next, |event| event.position);
            match self.commit(events, last).await {
                Ok(()) => {}
                Err(Fault::Event(_)) => {
                    for event in events {
                        match self.commit(std::slice::from_ref(event), event.position).await {
                            Err(Fault::Event(error)) => self.park(event, &error).await?,
                            done => done.map_err(|fault| fault.refusal(self.generation.position))?,
                        }
                    }
                }
                Err(fault) => return Err(fault.refusal(self.generation.position)),
            }
        }
        // places behind the last event that concern nobody
        let done = self.commit(&[], next).await;
        done.map_err(|fault| fault.refusal(self.generation.position))
    }

    async fn commit(&mut self, events: &[StoredEvent], next: Position) -> Result<(), Fault> {
        let mut tx = self.connection.begin().await?;
        apply(&mut tx, self.projector, &self.generation, &self.blocked, events, next).await?;
        tx.commit().await?;
        self.generation.position = next;
        Ok(())
    }

    async fn park(&mut self, event: &StoredEvent, error: &ProjectorError) -> Result<(), RebuildError> {
        tracing::error!(projector = self.projector.name(), position = %event.position, stream.name = %event.stream, %error, "event parked by a rebuild");
        let mut tx = self.connection.begin().await?;
        let (name, number) = (self.projector.name(), self.generation.number);
        park::park(&mut tx, name, number, event, &error.to_string(), 1).await?;
        set_position(&mut tx, &self.generation, event.position)
            .await
            .map_err(|fault| fault.refusal(self.generation.position))?;
        tx.commit().await?;
        self.blocked.insert(park::stream_of(event));
        self.generation.position = event.position;
        Ok(())
    }

    fn tell(&mut self, position: Position, head: Position) {
        self.reported = Instant::now();
        (self.report)(&Progress {
            events: self.events,
            position,
            head,
            elapsed: self.started.elapsed(),
        });
    }
}

/// Applies events to a generation that is not live, and says that it is at `next`.
pub(super) async fn apply(
    tx: &mut PgConnection,
    projector: &dyn Projector,
    generation: &Generation,
    blocked: &HashSet<(String, Uuid)>,
    events: &[StoredEvent],
    next: Position,
) -> Result<(), Fault> {
    let (wanted, held) = park::divide(projector, blocked, events);
    projector.apply(tx, &wanted).await?;
    park::hold(tx, generation, &held).await?;
    set_position(tx, generation, next).await
}

/// Moves the checkpoint, if it is where it was and the generation is what it was.
async fn set_position(tx: &mut PgConnection, generation: &Generation, next: Position) -> Result<(), Fault> {
    let moved = sqlx::query(
        "update projection.generation set position = $1
         where projector = $2 and generation = $3 and position = $4 and state = $5",
    )
    .bind(next.0 as i64)
    .bind(&generation.projector)
    .bind(generation.number)
    .bind(generation.position.0 as i64)
    .bind(&generation.state)
    .execute(tx)
    .await?;
    if moved.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Fault::Fenced)
    }
}
