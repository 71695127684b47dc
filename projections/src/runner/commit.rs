//! What the work of a runner is committed with: the checkpoint, the disk, the statistics of the database, and what may go wrong.

use super::RunError;
use crate::{generation::Generation, projector::ProjectorError};
use domain::event::{DecodeError, Position, StoredEvent};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool};

/// Has the commit of a transaction wait for the disk, and what was committed before it with it.
pub(crate) async fn to_disk(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    tx.execute("set local synchronous_commit = on").await.map(drop)
}

/// Lets the database look at the tables of a generation. On a connection of its own: nobody waits for it.
pub(super) async fn look(pool: PgPool, generation: Generation, tables: &'static [(&'static str, &'static str)]) {
    for (table, _) in tables {
        let statement = format!("analyze {}.{table}", generation.schema());
        if let Err(error) = pool.execute(AssertSqlSafe(statement)).await {
            // it may be gone for another one
            tracing::debug!(%error, table, "statistics were not taken");
            return;
        }
    }
}

/// Whether other processes of this program are connected. Each has a name of its own, `annalock-…`; who has none is alone.
pub(super) async fn others_are_there(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select current_setting('application_name') like 'annalock-%' and exists (
             select from pg_stat_activity where datname = current_database()
             and application_name like 'annalock-%' and application_name <> current_setting('application_name'))",
    )
    .fetch_one(connection)
    .await
}

/// Moves the checkpoint; refuses if another owner moved it or the generation is no longer live.
pub(super) async fn advance(
    tx: &mut PgConnection,
    generation: &Generation,
    epoch: i64,
    next: Position,
) -> Result<(), ApplyError> {
    let moved = sqlx::query(
        "update projection.generation set position = $1
         where projector = $2 and generation = $3 and epoch = $4 and position = $5 and state = 'live'",
    )
    .bind(next.0 as i64)
    .bind(&generation.projector)
    .bind(generation.number)
    .bind(epoch)
    .bind(generation.position.0 as i64)
    .execute(tx)
    .await
    .map_err(ApplyError::database)?;
    if moved.rows_affected() == 1 {
        Ok(())
    } else {
        Err(ApplyError::Stop(RunError::Fenced))
    }
}

/// Why a batch was not applied.
pub(super) enum ApplyError {
    /// The owner must stop.
    Stop(RunError),
    /// It may be the events.
    Events(ProjectorError),
}

impl ApplyError {
    pub fn database(e: sqlx::Error) -> Self {
        Self::of(ProjectorError::Database(e), &[])
    }

    pub fn of(error: ProjectorError, events: &[StoredEvent]) -> Self {
        match error {
            ProjectorError::Decode(source @ DecodeError::Unknown { .. }) => {
                let position = events.last().map_or(Position::START, |event| event.position);
                Self::Stop(RunError::Unknown { position, source })
            }
            ProjectorError::Database(e) if ProjectorError::is_transient_database(&e) => Self::Stop(e.into()),
            other => Self::Events(other),
        }
    }

    pub fn into_run(self) -> RunError {
        match self {
            Self::Stop(e) => e,
            Self::Events(ProjectorError::Database(e)) => e.into(),
            Self::Events(ProjectorError::Decode(source)) => RunError::Unknown {
                position: Position::START,
                source,
            },
        }
    }
}
