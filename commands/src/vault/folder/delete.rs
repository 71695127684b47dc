use super::FolderError;
use crate::execute::Command;
use domain::{
    id::{FolderId, UserId},
    time::Timestamp,
    vault::folder::{Folder, FolderEvent},
};

/// Deletes a folder. The items in it stay, filed nowhere.
#[derive(Debug, Clone)]
pub struct DeleteFolder {
    /// Which one.
    pub folder: FolderId,
    /// Who wants it.
    pub by: UserId,
}

impl Command for DeleteFolder {
    type Aggregate = Folder;
    type Error = FolderError;

    fn id(&self) -> FolderId {
        self.folder
    }

    fn decide(&self, folder: &Folder, now: Timestamp) -> Result<Vec<FolderEvent>, FolderError> {
        if !folder.is_of(self.by) {
            return Err(FolderError::NotFound);
        }
        Ok(vec![FolderEvent::Deleted { at: now }])
    }
}
