//! Rows of one table while a batch is applied: loaded once, evolved in memory, written back once.

use crate::projector::ProjectorError;
use sqlx::PgConnection;
use std::{collections::HashMap, future::Future};
use uuid::Uuid;

/// A table whose rows depend on their own events only.
pub(crate) trait Table {
    /// One row.
    type Row: Clone + PartialEq + Send + Sync;

    /// The rows with these keys.
    fn load(
        connection: &mut PgConnection,
        keys: &[Uuid],
    ) -> impl Future<Output = Result<Vec<(Uuid, Self::Row)>, sqlx::Error>> + Send;

    /// Writes rows, new or not, with one statement.
    fn upsert(
        connection: &mut PgConnection,
        rows: &[(Uuid, &Self::Row)],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Deletes rows with one statement.
    fn delete(connection: &mut PgConnection, keys: &[Uuid]) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

struct Slot<R> {
    stored: Option<R>,
    now: Option<R>,
}

/// The rows of a table that a batch touches.
pub(crate) struct Rows<T: Table> {
    slots: HashMap<Uuid, Slot<T::Row>>,
}

impl<T: Table> Rows<T> {
    /// Loads what is stored under `wanted`. `fresh` keys are known to have no row.
    pub async fn load(
        connection: &mut PgConnection,
        wanted: Vec<Uuid>,
        fresh: impl IntoIterator<Item = Uuid>,
    ) -> Result<Self, ProjectorError> {
        let mut slots: HashMap<Uuid, Slot<T::Row>> = fresh
            .into_iter()
            .chain(wanted.iter().copied())
            .map(|key| {
                (
                    key,
                    Slot {
                        stored: None,
                        now: None,
                    },
                )
            })
            .collect();
        if !wanted.is_empty() {
            for (key, row) in T::load(connection, &wanted).await? {
                slots.insert(
                    key,
                    Slot {
                        now: Some(row.clone()),
                        stored: Some(row),
                    },
                );
            }
        }
        Ok(Self { slots })
    }

    /// The row as it is now.
    pub fn get(&self, key: Uuid) -> Option<&T::Row> {
        self.slots.get(&key)?.now.as_ref()
    }

    /// Replaces the row by what `evolve` makes of it.
    pub fn evolve(&mut self, key: Uuid, evolve: impl FnOnce(Option<T::Row>) -> Option<T::Row>) {
        let slot = self.slots.entry(key).or_insert(Slot {
            stored: None,
            now: None,
        });
        slot.now = evolve(slot.now.take());
    }

    /// Forgets every row that `gone` says, as a statement is about to delete it in the table.
    pub fn forget(&mut self, gone: impl Fn(&T::Row) -> bool) {
        self.slots
            .retain(|_, slot| !slot.now.as_ref().or(slot.stored.as_ref()).is_some_and(&gone));
    }

    /// Writes what changed. Gives back the rows that were written, and `None` for those that are gone.
    pub async fn save(&mut self, connection: &mut PgConnection) -> Result<Vec<(Uuid, Option<T::Row>)>, ProjectorError> {
        let mut changed: Vec<_> = self.slots.iter().filter(|(_, slot)| slot.stored != slot.now).collect();
        // one order for all writers: no deadlock, and the same physical order in every run
        changed.sort_unstable_by_key(|(key, _)| **key);
        let written: Vec<(Uuid, &T::Row)> = changed
            .iter()
            .filter_map(|(key, slot)| Some((**key, slot.now.as_ref()?)))
            .collect();
        let gone: Vec<Uuid> = changed
            .iter()
            .filter(|(_, slot)| slot.now.is_none())
            .map(|(key, _)| **key)
            .collect();
        if !written.is_empty() {
            T::upsert(connection, &written).await?;
        }
        if !gone.is_empty() {
            T::delete(connection, &gone).await?;
        }
        let result = changed.iter().map(|(key, slot)| (**key, slot.now.clone())).collect();
        for slot in self.slots.values_mut() {
            slot.stored = slot.now.clone();
        }
        Ok(result)
    }
}
