//! Merkle trees over the history: kept by a follower of the event store, signed now and then, proved from, and compared
//! with the events. They are state that is only ever added to, and never made again from the events.
//!
//! One is over everything, and one for each organization over the events that name it in their metadata. The index of a leaf is its
//! ordinal in its own tree: so that nothing was left out of the log of an organization shows without the events of others.
//!
//! The tables lie in schema `ops` wherever events are kept: with KurrentDB there is no schema `es`.
//!
//! What is *not* here: what a tree is and whether a proof holds (`domain::proof`), and the files outsiders get
//! (`infra/server`).

mod follow;
mod growing;
mod key;
mod prove;
mod rows;
mod verify;

pub use follow::{Follower, Step};
pub use key::{LogKey, check};
pub use prove::Prover;
pub use verify::{Known, LAG, Verified};

use commands::ports::{EventStore, ReadError};
use domain::{event::StreamName, id::OrganizationId, proof::LogId};
use sqlx::PgPool;
use std::sync::Arc;

/// Which streams are leaves of the tree over everything.
pub type Counts = fn(&StreamName) -> bool;

/// The tree of one log.
#[derive(Clone)]
pub struct LogTree {
    log: LogId,
    pool: PgPool,
    store: Arc<dyn EventStore>,
    leaves: Leaves,
}

/// Which events are leaves.
#[derive(Clone, Copy)]
enum Leaves {
    /// All of the streams that count.
    All(Counts),
    /// Those whose positions are written down beside the tiles.
    Listed,
}

impl LogTree {
    /// The tree of `log` over those events of `store` whose streams count; its tables are in the database of `pool`.
    pub fn new(log: LogId, pool: PgPool, store: Arc<dyn EventStore>, counts: Counts) -> Self {
        Self {
            log,
            pool,
            store,
            leaves: Leaves::All(counts),
        }
    }

    /// The tree of the log of an organization, within this one.
    #[must_use]
    pub fn of(&self, organization: OrganizationId) -> Self {
        Self {
            log: self.log.of(organization),
            leaves: Leaves::Listed,
            ..self.clone()
        }
    }

    /// Which log it is of.
    pub fn log(&self) -> &LogId {
        &self.log
    }

    fn counts(&self, stream: &StreamName) -> bool {
        match self.leaves {
            Leaves::All(counts) => counts(stream),
            Leaves::Listed => true,
        }
    }
}

/// Why nothing can be done, or what was found.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The event store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
    /// The database of the tree.
    #[error("the tree of the log: {0}")]
    Database(#[from] sqlx::Error),
    /// Events, tree and checkpoints do not belong together: somebody changed one of them.
    #[error("{0}")]
    Found(String),
}
