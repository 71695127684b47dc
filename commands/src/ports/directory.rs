//! What a person owns, by the read models: for commands over everything somebody has.

use async_trait::async_trait;
use domain::{
    fault::{Fault, FaultKind},
    id::{CipherId, DeviceId, FolderId, UserId},
};

/// Why the read models could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read models cannot be reached: {0}")]
pub struct DirectoryError(pub String);

impl Fault for DirectoryError {
    fn kind(&self) -> FaultKind {
        FaultKind::Unavailable
    }
}

/// What a person owns. As new as the person's own last acknowledged write; the decision still checks each thing.
#[async_trait]
pub trait Directory: Send + Sync {
    /// All items, those in the trash and in the archive too.
    ///
    /// # Errors
    /// [`DirectoryError`]; safe to retry.
    async fn ciphers_of(&self, user: UserId) -> Result<Vec<CipherId>, DirectoryError>;

    /// All folders.
    ///
    /// # Errors
    /// [`DirectoryError`]; safe to retry.
    async fn folders_of(&self, user: UserId) -> Result<Vec<FolderId>, DirectoryError>;

    /// All devices.
    ///
    /// # Errors
    /// [`DirectoryError`]; safe to retry.
    async fn devices_of(&self, user: UserId) -> Result<Vec<DeviceId>, DirectoryError>;
}
