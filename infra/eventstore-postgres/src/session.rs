//! The appender's own connection: one prepared statement, one transaction per call.

use crate::batch::{Columns, Outcome, Row};
use crate::fault::Failure;
use crate::queue::Group;
use commands::ports::Appended;
use domain::event::{Position, Revision};
use sqlx::{ConnectOptions, Connection, PgConnection, Row as _, postgres::PgConnectOptions};
use std::{collections::HashMap, time::Duration};
use uuid::Uuid;

/// A statement alone is a transaction: the lock on `es.log_head` is held for this one call and its commit.
const APPEND: &str = "select ord, status, last_revision, last_position \
                      from es.append_fenced($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// A connection that only appends.
pub(crate) struct Session {
    connection: PgConnection,
}

impl Session {
    /// Connects, and returns the head as it is now.
    ///
    /// A commit is acknowledged when it is durable: where the server's default is otherwise, it is not here. Checks look
    /// at what is committed, which takes READ COMMITTED.
    pub async fn open(options: &PgConnectOptions, lock_timeout: Duration) -> Result<(Self, Position), sqlx::Error> {
        let options = options
            .clone()
            .application_name("annalock append")
            .disable_statement_logging();
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query(
            "select set_config('lock_timeout', $1, false), \
                    set_config('statement_timeout', '0', false), \
                    set_config('default_transaction_isolation', 'read committed', false), \
                    set_config('synchronous_commit', case current_setting('synchronous_commit') \
                      when 'off' then 'on' else current_setting('synchronous_commit') end, false)",
        )
        .bind(format!("{}ms", lock_timeout.as_millis()))
        .execute(&mut connection)
        .await?;
        let head: i64 = sqlx::query_scalar("select position from es.log_head")
            .fetch_one(&mut connection)
            .await?;
        Ok((Self { connection }, Position(head.cast_unsigned())))
    }

    /// Appends a batch; one outcome for each row, in order.
    pub async fn append(&mut self, groups: &[Group], rows: &[Row]) -> Result<Vec<Outcome>, Failure> {
        let c = Columns::new(groups, rows);
        let told = sqlx::query(APPEND)
            .bind(c.category)
            .bind(c.stream)
            .bind(c.expected)
            .bind(c.count)
            .bind(c.group)
            .bind(c.fence_category)
            .bind(c.fence)
            .bind(c.id)
            .bind(c.type_name)
            .bind(c.schema)
            .bind(c.data)
            .bind(c.meta)
            .bind(c.data_digest)
            .bind(c.meta_digest)
            .fetch_all(&mut self.connection)
            .await?;
        let mut outcomes = vec![None; rows.len()];
        for row in &told {
            let ord = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or_default();
            if let Some(outcome) = outcomes.get_mut(ord.wrapping_sub(1)) {
                *outcome = Some(Outcome {
                    status: row.try_get(1)?,
                    last_revision: row.try_get(2)?,
                    last_position: row.try_get(3)?,
                });
            }
        }
        let complete: Option<Vec<Outcome>> = outcomes.into_iter().collect();
        complete.ok_or_else(|| Failure::Refused("es.append_fenced did not answer for every stream".to_owned()))
    }

    /// Which of `groups` (by index) an earlier try of this process stored after `known`. For appends the function itself
    /// does not recognise; without this a lost answer would store them twice.
    ///
    /// The lock is taken first, so that an earlier try still running on the server has ended before the look.
    pub async fn find(&mut self, groups: &[Group], known: Position) -> Result<HashMap<usize, Vec<Appended>>, Failure> {
        let last_ids = |g: &Group| {
            g.members
                .iter()
                .filter_map(|m| m.events.last())
                .map(|e| e.event.id)
                .collect::<Vec<_>>()
        };
        let sought: Vec<Uuid> = groups
            .iter()
            .filter(|g| !g.is_recognised())
            .flat_map(last_ids)
            .collect();
        if sought.is_empty() {
            return Ok(HashMap::new());
        }
        let mut transaction = self.connection.begin().await?;
        sqlx::query("select from es.log_head for update")
            .execute(&mut *transaction)
            .await?;
        let rows =
            sqlx::query("select event_id, revision, position from es.event where position > $1 and event_id = any($2)")
                .bind(known.0.cast_signed())
                .bind(sought)
                .fetch_all(&mut *transaction)
                .await?;
        transaction.commit().await?;
        let mut stored: HashMap<Uuid, Appended> = HashMap::with_capacity(rows.len());
        for row in rows {
            let revision = Revision(row.try_get::<i64, _>(1)?.cast_unsigned());
            let position = Position(row.try_get::<i64, _>(2)?.cast_unsigned());
            stored.insert(
                row.try_get(0)?,
                Appended {
                    revision,
                    position,
                    repeated: true,
                },
            );
        }
        let of_group = |g: &Group| {
            last_ids(g)
                .iter()
                .map(|id| stored.get(id).copied())
                .collect::<Option<Vec<_>>>()
        };
        let unrecognised = groups.iter().enumerate().filter(|(_, g)| !g.is_recognised());
        Ok(unrecognised.filter_map(|(i, g)| Some((i, of_group(g)?))).collect())
    }
}
