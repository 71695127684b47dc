//! What is signed of the logs of organizations.

use super::DirectoryError;
use async_trait::async_trait;
use domain::id::OrganizationId;

/// The newest checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLog {
    /// Events it covers.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// Tells what is signed of the logs of organizations (see [`domain::proof`]).
#[async_trait]
pub trait SignedLogs: Send + Sync {
    /// The newest checkpoint of the log of `organization`; `None` if nothing of it is signed yet.
    ///
    /// # Errors
    /// [`DirectoryError`]; safe to retry.
    async fn latest(&self, organization: OrganizationId) -> Result<Option<SignedLog>, DirectoryError>;

    /// The public key all checkpoints of this installation are signed with, as `annalock audit verify --key` takes it.
    fn public_key(&self) -> String;
}
