//! Where wrapped data keys are kept: a trait, for there are two answers.

mod memory;
mod postgres;

pub use memory::MemoryKeyTable;
pub use postgres::PostgresKeyTable;

use async_trait::async_trait;
use domain::id::SubjectId;

/// One data key of a subject.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Whose key.
    pub subject: SubjectId,
    /// Which one of that subject, from 1.
    pub key_no: i32,
    /// The key-encryption key it is wrapped under.
    pub kek_id: String,
    /// The wrapped key; `None` once it was destroyed.
    pub wrapped: Option<Vec<u8>>,
}

/// The keys cannot be reached now; safe to retry.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TableError(pub String);

/// Wrapped data keys. Rows are added, wrapped anew and blanked, never removed.
#[async_trait]
pub trait KeyTable: Send + Sync {
    /// All keys of `subjects`, destroyed ones too, in any order.
    ///
    /// # Errors
    /// [`TableError`].
    async fn load(&self, subjects: &[SubjectId]) -> Result<Vec<KeyRow>, TableError>;

    /// Adds those of `rows` whose subject and number are not there yet, durably, and gives all keys that the subjects of
    /// `rows` have then: the keys of whoever was first.
    ///
    /// # Errors
    /// [`TableError`]; it may or may not have added them.
    async fn create(&self, rows: Vec<KeyRow>) -> Result<Vec<KeyRow>, TableError>;

    /// Blanks every key of `subject`, durably; a subject without one gets a destroyed one, so that none is made later.
    ///
    /// # Errors
    /// [`TableError`]; it may or may not have blanked them.
    async fn destroy(&self, subject: SubjectId) -> Result<(), TableError>;

    /// At most `max` keys, not destroyed, that are wrapped under another key-encryption key than `kek_id`, in the order of
    /// subject and number, after `after`.
    ///
    /// # Errors
    /// [`TableError`].
    async fn under_others(
        &self,
        kek_id: &str,
        after: Option<(SubjectId, i32)>,
        max: usize,
    ) -> Result<Vec<KeyRow>, TableError>;

    /// Replaces a wrapping by another of the same key, unless the row has changed from `old` (or was destroyed) since.
    ///
    /// # Errors
    /// [`TableError`].
    async fn rewrap(&self, changes: Vec<Rewrap>) -> Result<u64, TableError>;
}

/// A key wrapped anew.
#[derive(Clone)]
pub struct Rewrap {
    /// The row as it was read.
    pub old: KeyRow,
    /// The key-encryption key it is wrapped under now.
    pub kek_id: String,
    /// The same data key under it.
    pub wrapped: Vec<u8>,
}
