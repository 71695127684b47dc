//! When a person's own vault or an organization last changed.

use super::cipher::Holder;
use domain::{event::Position, time::Timestamp};
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What a batch says of one person's revision.
#[derive(Debug, Clone, Copy)]
struct Change {
    position: Position,
    /// The date folded over the changes of the batch, from nothing.
    at: Timestamp,
    count: i64,
}

/// The changes a batch makes, by person or organization.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    changes: BTreeMap<Holder, Change>,
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

impl Revision {
    /// The later of two: of what is synced together.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        Self {
            position: self.position.max(other.position),
            at: self.at.max(other.at),
        }
    }
}

impl Revisions {
    /// A change to what `owner`, or everybody in it, syncs.
    pub fn note(&mut self, owner: Holder, position: Position, at: Timestamp) {
        self.changes
            .entry(owner)
            .and_modify(|change| {
                change.position = position;
                change.at = change.at.next(at);
                change.count += 1;
            })
            .or_insert(Change { position, at, count: 1 });
    }

    /// Nothing is kept of a person or an organization that is gone.
    pub fn sweep(&mut self, owner: Holder) {
        self.changes.remove(&owner);
        self.gone.push(owner.id());
    }

    /// Writes the changes; where each is now.
    pub async fn save(&mut self, connection: &mut PgConnection) -> Result<Vec<(Holder, Revision)>, sqlx::Error> {
        let (changes, gone) = (std::mem::take(&mut self.changes), std::mem::take(&mut self.gone));
        if !gone.is_empty() {
            let statement = sqlx::query("delete from revision where owner_id = any($1)").bind(gone);
            statement.execute(&mut *connection).await?;
        }
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let rows = sqlx::query(include_str!("../../queries/sync/revision_upsert.sql"))
            .bind(changes.keys().map(|owner| owner.id()).collect::<Vec<_>>())
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
        let owners: HashMap<Uuid, Holder> = changes.keys().map(|owner| (owner.id(), *owner)).collect();
        rows.iter()
            .map(|row| {
                let position = Position(row.try_get::<i64, _>(1)? as u64);
                let owner = owners.get(&row.try_get(0)?).copied();
                Ok((
                    owner.ok_or(sqlx::Error::RowNotFound)?,
                    Revision {
                        position,
                        at: Timestamp(row.try_get(2)?),
                    },
                ))
            })
            .collect()
    }
}
