//! Commands about folders.

mod create;
mod delete;
mod rename;

pub use create::CreateFolder;
pub use delete::DeleteFolder;
pub use rename::RenameFolder;

use domain::fault::{Fault, FaultKind};

/// Why a command about a folder is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// There is none, or it is somebody else's.
    #[error("Resource not found.")]
    NotFound,
    /// The id is in use. Ids are made here, so this is a fault of ours.
    #[error("The folder exists already.")]
    Exists,
}

impl Fault for FolderError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound => FaultKind::NotFound,
            Self::Exists => FaultKind::Conflict,
        }
    }
}
