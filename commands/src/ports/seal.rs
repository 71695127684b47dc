//! Sealing of personal data in events, between decisions and the store.

use async_trait::async_trait;
use domain::event::{NewEvent, StoredEvent, StreamName};
use domain::fault::{Fault, FaultKind};
use domain::id::SubjectId;

/// Why personal data could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The keys cannot be reached now; safe to retry.
    #[error("subject keys cannot be reached: {0}")]
    Unavailable(String),
    /// The subject was erased: nothing new can be written about it.
    #[error("subject was erased")]
    Erased(SubjectId),
    /// An envelope does not open under the key it names, or an event's JSON is broken.
    #[error("sealed data of event {0} is damaged")]
    Damaged(uuid::Uuid),
}

impl Fault for SealError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unavailable(_) => FaultKind::Unavailable,
            Self::Erased(_) => FaultKind::NotFound,
            Self::Damaged(_) => FaultKind::Internal,
        }
    }
}

/// Turns `$personal` values of events into `$sealed` envelopes and back.
#[async_trait]
pub trait Seal: Send + Sync {
    /// Seals every personal value in data and metadata of `events` for `stream`. A subject's key is made, and is
    /// durable, before this returns.
    ///
    /// # Errors
    /// [`SealError::Unavailable`], [`SealError::Erased`].
    async fn seal(&self, stream: &StreamName, events: Vec<NewEvent>) -> Result<Vec<NewEvent>, SealError>;

    /// Opens every envelope in data and metadata; where the key is gone the value is null.
    ///
    /// # Errors
    /// [`SealError::Unavailable`], [`SealError::Damaged`].
    async fn open(&self, events: Vec<StoredEvent>) -> Result<Vec<StoredEvent>, SealError>;
}
