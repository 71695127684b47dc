//! When a person's own vault last changed.

use domain::{event::Position, id::UserId, time::Timestamp};
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a batch says of one person's revision.
#[derive(Debug, Clone, Copy)]
struct Change {
    position: Position,
    /// The date folded over the changes of the batch, from nothing.
    at: Timestamp,
    count: i64,
}

/// The changes a batch makes, by person.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    changes: BTreeMap<UserId, Change>,
    /// Whose rows go, before the changes are written.
    gone: Vec<Uuid>,
}

/// Where a person's vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The position of the last change.
    pub position: Position,
    /// Its date: later than that of the change before, even if both happened in one millisecond.
    pub at: Timestamp,
}

impl Revisions {
    /// A change to what `user` syncs.
    pub fn note(&mut self, user: UserId, position: Position, at: Timestamp) {
        self.changes
            .entry(user)
            .and_modify(|change| {
                change.position = position;
                change.at = change.at.next(at);
                change.count += 1;
            })
            .or_insert(Change { position, at, count: 1 });
    }

    /// Nothing is kept of a person who is gone.
    pub fn sweep(&mut self, user: UserId) {
        self.changes.remove(&user);
        self.gone.push(user.0);
    }

    /// Writes the changes; where each person's vault is now.
    pub async fn save(&mut self, connection: &mut PgConnection) -> Result<Vec<(UserId, Revision)>, sqlx::Error> {
        let (changes, gone) = (std::mem::take(&mut self.changes), std::mem::take(&mut self.gone));
        if !gone.is_empty() {
            let statement = sqlx::query("delete from revision where user_id = any($1)").bind(gone);
            statement.execute(&mut *connection).await?;
        }
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let rows = sqlx::query(include_str!("../../queries/sync/revision_upsert.sql"))
            .bind(changes.keys().map(|user| user.0).collect::<Vec<_>>())
            .bind(
                changes
                    .values()
                    .map(|change| change.position.0 as i64)
                    .collect::<Vec<_>>(),
            )
            .bind(changes.values().map(|change| change.at.0).collect::<Vec<_>>())
            .bind(changes.values().map(|change| change.count).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        rows.iter()
            .map(|row| {
                let position = Position(row.try_get::<i64, _>(1)? as u64);
                Ok((
                    UserId(row.try_get(0)?),
                    Revision {
                        position,
                        at: Timestamp(row.try_get(2)?),
                    },
                ))
            })
            .collect()
    }
}
