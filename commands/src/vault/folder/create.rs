use super::FolderError;
use crate::execute::Command;
use domain::{
    crypto::EncString,
    id::{FolderId, UserId},
    time::Timestamp,
    vault::folder::{Folder, FolderEvent},
};

/// Makes a folder. Names need not be unique.
#[derive(Debug, Clone)]
pub struct CreateFolder {
    /// A new id.
    pub folder: FolderId,
    /// Whose it will be.
    pub by: UserId,
    /// Its name.
    pub name: EncString,
}

impl Command for CreateFolder {
    type Aggregate = Folder;
    type Error = FolderError;

    fn id(&self) -> FolderId {
        self.folder
    }

    fn decide(&self, folder: &Folder, now: Timestamp) -> Result<Vec<FolderEvent>, FolderError> {
        if *folder != Folder::Absent {
            return Err(FolderError::Exists);
        }
        Ok(vec![FolderEvent::Created {
            owner: self.by,
            name: self.name.clone(),
            at: now,
        }])
    }
}
