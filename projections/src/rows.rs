//! Rows of one table while events are applied: loaded once, evolved in memory, written back once. The owner of the live
//! tables does it for one batch of events, a rebuild for as many as fit into memory.

use crate::{
    projector::ProjectorError,
    table::{Line, Table},
};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What is known of a row.
struct Slot<R> {
    /// What the table has, once the rows of those who are gone are swept.
    stored: Option<R>,
    now: Option<R>,
}

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self {
            stored: None,
            now: None,
        }
    }
}

/// The rows of a table that events touch.
pub(crate) struct Rows<T: Table> {
    slots: HashMap<Uuid, Slot<T::Row>>,
    /// Whose rows go. The table is swept when the rest is written: until then what is read from it is looked at.
    gone: HashSet<Uuid>,
    /// Nothing is in the table: what has no slot has no row.
    empty: bool,
    /// Bytes of what was loaded.
    loaded: usize,
}

impl<T: Table> Rows<T> {
    /// None yet. `empty`: and none in the table.
    pub fn new(empty: bool) -> Self {
        Self {
            slots: HashMap::new(),
            gone: HashSet::new(),
            empty,
            loaded: 0,
        }
    }

    /// Bytes of what was loaded, about.
    pub fn loaded(&self) -> usize {
        self.loaded
    }

    /// Loads what is stored under these keys and not known yet. A `fresh` one is known to have no row.
    pub async fn load(
        &mut self,
        connection: &mut PgConnection,
        touched: impl Iterator<Item = (Uuid, bool)> + Send,
    ) -> Result<(), ProjectorError> {
        if self.empty {
            return Ok(());
        }
        let mut seen = HashSet::new();
        let wanted: Vec<Uuid> = touched
            .filter(|(key, _)| !self.slots.contains_key(key) && seen.insert(*key))
            .filter(|(_, fresh)| !fresh)
            .map(|(key, _)| key)
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let (names, key) = (T::SHAPE.names(), T::SHAPE.key());
        let statement = format!("select {names} from {} where {key} = any($1)", T::SHAPE.name);
        let found = sqlx::query(AssertSqlSafe(statement)).bind(&wanted);
        let found = found.fetch_all(connection).await?;
        self.slots.extend(wanted.into_iter().map(|key| (key, Slot::default())));
        let mut line = Line::default();
        for row in &found {
            let (key, row) = T::read(row)?;
            T::write(key, &row, &mut line);
            self.loaded += line.take_length() + size_of::<Slot<T::Row>>();
            if !self.is_gone(&row) {
                let (stored, now) = (Some(row.clone()), Some(row));
                self.slots.insert(key, Slot { stored, now });
            }
        }
        Ok(())
    }

    /// The row as it is now.
    pub fn get(&self, key: Uuid) -> Option<&T::Row> {
        self.slots.get(&key)?.now.as_ref()
    }

    /// Replaces the row by what `evolve` makes of it.
    pub fn evolve(&mut self, key: Uuid, evolve: impl FnOnce(Option<T::Row>) -> Option<T::Row>) {
        let slot = self.slots.entry(key).or_default();
        slot.now = evolve(slot.now.take());
    }

    /// All rows of `owner` go, wherever they are.
    pub fn sweep(&mut self, owner: Uuid) {
        let theirs = |row: &T::Row| T::OWNERS.iter().any(|(_, of)| of(row) == Some(owner));
        for slot in self.slots.values_mut() {
            slot.stored.take_if(|row| theirs(row));
            slot.now.take_if(|row| theirs(row));
        }
        self.gone.insert(owner);
    }

    fn is_gone(&self, row: &T::Row) -> bool {
        !self.gone.is_empty()
            && T::OWNERS
                .iter()
                .any(|(_, of)| of(row).is_some_and(|owner| self.gone.contains(&owner)))
    }

    /// Writes what changed and forgets everything. Gives back the rows that were written, and `None` for those that are
    /// gone.
    pub async fn save(&mut self, connection: &mut PgConnection) -> Result<Vec<(Uuid, Option<T::Row>)>, ProjectorError> {
        let mut result = self.sweep_table(connection).await?;
        let slots = std::mem::take(&mut self.slots).into_iter();
        let mut changed: Vec<_> = slots.filter(|(_, slot)| slot.stored != slot.now).collect();
        // one order for all writers: no deadlock, and the same physical order in every run
        changed.sort_unstable_by_key(|(key, _)| *key);
        let (mut new, mut old, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (key, slot) in &changed {
            match (&slot.stored, &slot.now) {
                (_, None) => gone.push(*key),
                (None, Some(row)) => new.push((*key, row)),
                (Some(_), Some(row)) => old.push((*key, row)),
            }
        }
        let write = |(key, row): &(Uuid, &T::Row), line: &mut Line| T::write(*key, row, line);
        if !new.is_empty() {
            T::SHAPE.insert(connection, &new, write).await?;
        }
        if !old.is_empty() {
            T::SHAPE.upsert(connection, &old, write).await?;
        }
        if !gone.is_empty() {
            let statement = format!("delete from {} where {} = any($1)", T::SHAPE.name, T::SHAPE.key());
            let statement = sqlx::query(AssertSqlSafe(statement)).bind(gone);
            statement.execute(connection).await?;
        }
        (self.empty, self.loaded) = (false, 0);
        result.reserve(changed.len());
        result.extend(changed.into_iter().map(|(key, slot)| (key, slot.now)));
        Ok(result)
    }

    /// Deletes in the table what belongs to those who are gone, with one statement.
    async fn sweep_table(&mut self, connection: &mut PgConnection) -> Result<Vec<(Uuid, Option<T::Row>)>, sqlx::Error> {
        let gone: Vec<Uuid> = std::mem::take(&mut self.gone).into_iter().collect();
        if gone.is_empty() || self.empty {
            return Ok(vec![]);
        }
        let theirs: Vec<String> = T::OWNERS.iter().map(|(name, _)| format!("{name} = any($1)")).collect();
        let (table, theirs, key) = (T::SHAPE.name, theirs.join(" or "), T::SHAPE.key());
        let statement = format!("delete from {table} where {theirs} returning {key}");
        let keys = sqlx::query_scalar(AssertSqlSafe(statement)).bind(gone);
        let keys: Vec<Uuid> = keys.fetch_all(connection).await?;
        Ok(keys.into_iter().map(|key| (key, None)).collect())
    }
}
