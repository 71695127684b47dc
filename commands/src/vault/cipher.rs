//! Commands about items.

mod archive;
mod create;
mod delete;
mod file;
mod trash;
mod update;

pub use archive::{ArchiveCipher, UnarchiveCipher};
pub use create::{CreateCipher, NewCipher};
pub use delete::DeleteCipher;
pub use file::{FileCipher, MoveCiphers};
pub use trash::{RestoreCipher, TrashCipher};
pub use update::{KnownRevision, UpdateCipher};

use crate::execute::{ExecuteError, Unit};
use domain::{
    fault::{Fault, FaultKind},
    id::{FolderId, UserId},
    vault::folder::Folder,
};

/// Why a command about an item is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// There is none, or it is somebody else's.
    #[error("Resource not found.")]
    NotFound,
    /// The id is in use. Ids are made here, so this is a fault of ours.
    #[error("The item exists already.")]
    Exists,
    /// The client did not know the latest revision.
    #[error(
        "The item cannot be saved because it is out of date. To edit this item, first sync your vault, or log out and back in."
    )]
    OutOfDate,
    /// Another kind of item than it is.
    #[error("The type of an item cannot be changed.")]
    KindChanged,
    /// The folder is not the caller's.
    #[error("Invalid folder.")]
    InvalidFolder,
    /// It is archived already.
    #[error("Cipher was not archived. Ensure the provided ID is correct and you have permission to archive it.")]
    NotArchivable,
    /// It is an organization's, and the caller may see it but not do this.
    #[error("You do not have permission to edit this.")]
    Forbidden,
    /// An item of an organization is in a collection.
    #[error("You must select at least one collection.")]
    NoCollection,
    /// What is shared stays shared.
    #[error("The item cannot be assigned to a default collection when only assigned to non-default collections.")]
    AmongOnesOwn,
    /// Who may not see passwords sent it in a form in which what they may not see cannot be kept as it is.
    #[error("You may not see all of this item, so it cannot be saved with another kind of encryption.")]
    HiddenKey,
    /// It is not archived.
    #[error("Cipher was not unarchived. Ensure the provided ID is correct and you have permission to archive it.")]
    NotUnarchivable,
}

impl Fault for CipherError {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::NotFound | Self::Forbidden | Self::HiddenKey)
    }

    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound => FaultKind::NotFound,
            Self::Forbidden => FaultKind::Forbidden,
            Self::Exists => FaultKind::Conflict,
            Self::OutOfDate
            | Self::NoCollection
            | Self::AmongOnesOwn
            | Self::HiddenKey
            | Self::KindChanged
            | Self::InvalidFolder
            | Self::NotArchivable
            | Self::NotUnarchivable => FaultKind::Invalid,
        }
    }
}

/// Where `user` may file an item who wishes for `folder`: there; nowhere if the folder was theirs and is gone, for a
/// client that has not synced since must not be stopped.
///
/// # Errors
/// [`CipherError::InvalidFolder`] for a folder of somebody else, which looks like one that never was.
pub(crate) async fn folder_for(
    unit: &mut Unit<'_>,
    user: UserId,
    folder: Option<FolderId>,
) -> Result<Option<FolderId>, ExecuteError<CipherError>> {
    let Some(id) = folder else { return Ok(None) };
    let folder = unit.load::<Folder>(id).await?.state;
    if folder.is_of(user) {
        Ok(Some(id))
    } else if folder.was_of(user) {
        Ok(None)
    } else {
        Err(ExecuteError::Refused(CipherError::InvalidFolder))
    }
}
