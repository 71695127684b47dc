//! What a projector is.

use crate::{ahead::Ahead, feed::Subscription};
use async_trait::async_trait;
use domain::event::{DecodeError, Position, StoredEvent};
use sqlx::PgConnection;
use std::sync::Arc;

/// Why a projector could not take events.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The database refused or is gone.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// An event cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl ProjectorError {
    /// Whether another try on another connection may help: the fault is not in the events.
    pub fn is_transient_database(error: &sqlx::Error) -> bool {
        // connection exceptions, transaction rollback, insufficient resources, operator intervention, system error
        const CLASSES: [&str; 6] = ["08", "40", "53", "55", "57", "58"];
        match error {
            sqlx::Error::Database(e) => e
                .code()
                .is_none_or(|code| CLASSES.iter().any(|class| code.starts_with(class))),
            sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => false,
            _ => true,
        }
    }
}

/// Turns events into rows. Its writes, the checkpoint and nothing else are one transaction.
///
/// It uses no clock, no randomness, no other projector's table, and its rows do not depend on how events are cut into
/// batches: a rebuild from the start gives the same rows, which `rebuild --verify` proves.
#[async_trait]
pub trait Projector: Send + Sync + 'static {
    /// Key of its checkpoint: `sync`, `audit`.
    fn name(&self) -> &'static str;

    /// Raised with every change of what its rows say: another version is a rebuild.
    fn version(&self) -> i32;

    /// Its tables: `(name, primary key columns)`, in an order that a person would read.
    fn tables(&self) -> &'static [(&'static str, &'static str)];

    /// SQL that makes the tables, with unqualified names.
    fn schema(&self) -> &'static str;

    /// SQL that makes the secondary indexes, with unqualified names; run after the load of a rebuild.
    fn indexes(&self) -> &'static str;

    /// Whether events of a category concern it.
    fn wants(&self, category: &str) -> bool;

    /// Whether it looks at metadata: opening that costs.
    fn wants_metadata(&self) -> bool;

    /// Applies events, in order, through `connection`, whose search path is the generation to write to.
    ///
    /// # Errors
    /// [`ProjectorError`]; nothing of the batch counts then.
    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError>;

    /// Begins to read what lies after `after`, up to `limit`, for a rebuild, which takes many pages before it writes
    /// rows. Where nothing lies before `after`, the tables are empty. Must be called within a runtime.
    fn read_ahead(&self, feed: Arc<dyn Subscription>, after: Position, limit: Option<Position>) -> Box<dyn Ahead>;

    /// Whether events of this category may be about who may do what: where one is held back, what is remembered of that is void.
    fn is_about_rights(&self, _category: &str) -> bool {
        true
    }

    /// Called before the transaction with `changes` is committed in the live generation: others may see it before
    /// [`Projector::published`] is called. Where it is not, for the commit failed, this process owns the projector no more.
    fn changing(&self, _changes: &Changes) {}

    /// Called after the transaction with `changes` is committed in the live generation, before anybody is told that
    /// `position` is reached.
    fn published(&self, _changes: Changes, _position: Position) {}
}

/// What a batch changed, for those who keep copies in memory.
#[derive(Debug, Default)]
pub struct Changes {
    /// Accounts and items as they are now.
    pub sync: crate::sync::SyncChanges,
    /// Somebody may do less from now on, or more: a crash of the database must not take that from the rows, not even until the
    /// events have made it again.
    pub rights: bool,
}
