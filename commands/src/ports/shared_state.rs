//! What several processes must know together and may forget: rate limits, signals, last positions, cached values.
//!
//! Nothing here is history or the only copy of anything: losing all of it costs time, never data. Two adapters
//! (in-process, Redis) pass one contract suite, `infra/redis/tests/contract.rs`. What each use does while the shared
//! store cannot be reached is part of its contract, written at each trait.

mod rate;
mod signal;

pub use rate::{RateKey, RateLimiter, Rule, Verdict};
pub use signal::{Backplane, Heard, Subscription};

use async_trait::async_trait;
use bytes::Bytes;
use domain::event::Position;
use domain::fault::{Fault, FaultKind};
use domain::id::UserId;
use std::time::Duration;

/// The most bytes a cached value may have; a larger one is not kept.
pub const MAX_CACHED_BYTES: usize = 1024 * 1024;

/// The most bytes a message on the backplane may have.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// For how long a last position is kept. A process is never that far behind and still answering.
pub const LAST_POSITION_KEPT: Duration = Duration::from_secs(3600);

/// Why shared state could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedStateError {
    /// No connection, or no answer in time. It may or may not have been done; doing it again is harmless.
    #[error("shared state cannot be reached: {0}")]
    Unavailable(String),
    /// The message is larger than [`MAX_MESSAGE_BYTES`].
    #[error("the message has {len} bytes, the limit is {max}")]
    TooLarge {
        /// What it has.
        len: usize,
        /// What it may have.
        max: usize,
    },
}

impl Fault for SharedStateError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unavailable(_) => FaultKind::Unavailable,
            Self::TooLarge { .. } => FaultKind::TooLarge,
        }
    }
}

/// How far a user's own writes have got, so that another process does not answer from before them.
///
/// Fails closed: who gets an error waits for the head of the store instead, which is always enough.
#[async_trait]
pub trait LastPosition: Send + Sync {
    /// Remembers `position` for [`LAST_POSITION_KEPT`]. A lower one than is known changes nothing, in any order of arrival.
    ///
    /// # Errors
    /// [`SharedStateError::Unavailable`].
    async fn set(&self, user: UserId, position: Position) -> Result<(), SharedStateError>;

    /// The highest position set lately; `None` when there was none, and then nothing has to be waited for.
    ///
    /// # Errors
    /// [`SharedStateError::Unavailable`].
    async fn get(&self, user: UserId) -> Result<Option<Position>, SharedStateError>;
}

/// Values that are cheaper to fetch than to make. Any of them may be gone at any time.
///
/// Fails open where that is safe: an unreachable cache is an empty one. [`Cache::delete`] does not, because what could
/// not be deleted can come back.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value, unless it is missing, expired or cannot be reached.
    async fn get(&self, key: &str) -> Option<Bytes>;

    /// Keeps `value` for at most `ttl` (a whole millisecond at least). One over [`MAX_CACHED_BYTES`] is not kept, and
    /// what stood under the key is deleted as far as it can be reached.
    async fn set(&self, key: &str, value: Bytes, ttl: Duration);

    /// Deletes the value.
    ///
    /// # Errors
    /// [`SharedStateError::Unavailable`]: others may see the old value until its time is over.
    async fn delete(&self, key: &str) -> Result<(), SharedStateError>;
}
