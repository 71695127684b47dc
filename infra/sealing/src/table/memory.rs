//! Keys in memory, for tests and tools that keep nothing.

use super::{KeyRow, KeyTable, Rewrap, TableError};
use async_trait::async_trait;
use domain::id::SubjectId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Rows = BTreeMap<(SubjectId, i32), KeyRow>;

/// [`KeyTable`] that is gone with the process.
#[derive(Default)]
pub struct MemoryKeyTable(Mutex<Rows>);

impl MemoryKeyTable {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(rows: &Rows, subject: SubjectId) -> impl Iterator<Item = KeyRow> + '_ {
    rows.range((subject, i32::MIN)..=(subject, i32::MAX))
        .map(|(_, row)| row.clone())
}

#[async_trait]
impl KeyTable for MemoryKeyTable {
    async fn load(&self, subjects: &[SubjectId]) -> Result<Vec<KeyRow>, TableError> {
        let rows = self.rows();
        Ok(subjects.iter().flat_map(|subject| of(&rows, *subject)).collect())
    }

    async fn create(&self, new: Vec<KeyRow>) -> Result<Vec<KeyRow>, TableError> {
        let mut rows = self.rows();
        let subjects: BTreeSet<SubjectId> = new.iter().map(|row| row.subject).collect();
        for row in new {
            rows.entry((row.subject, row.key_no)).or_insert(row);
        }
        Ok(subjects.into_iter().flat_map(|subject| of(&rows, subject)).collect())
    }

    async fn destroy(&self, subject: SubjectId) -> Result<(), TableError> {
        let mut rows = self.rows();
        let none = KeyRow {
            subject,
            key_no: 1,
            kek_id: String::new(),
            wrapped: None,
        };
        rows.entry((subject, 1)).or_insert(none);
        for (_, row) in rows.range_mut((subject, i32::MIN)..=(subject, i32::MAX)) {
            row.wrapped = None;
        }
        Ok(())
    }

    async fn under_others(
        &self,
        kek_id: &str,
        after: Option<(SubjectId, i32)>,
        max: usize,
    ) -> Result<Vec<KeyRow>, TableError> {
        let rows = self.rows();
        let wanted = rows.iter().filter(|(key, row)| {
            after.is_none_or(|after| **key > after) && row.wrapped.is_some() && row.kek_id != kek_id
        });
        Ok(wanted.take(max).map(|(_, row)| row.clone()).collect())
    }

    async fn rewrap(&self, changes: Vec<Rewrap>) -> Result<u64, TableError> {
        let mut rows = self.rows();
        let mut done = 0;
        for Rewrap { old, kek_id, wrapped } in changes {
            if let Some(row) = rows.get_mut(&(old.subject, old.key_no)).filter(|row| **row == old) {
                row.kek_id = kek_id;
                row.wrapped = Some(wrapped);
                done += 1;
            }
        }
        Ok(done)
    }
}
