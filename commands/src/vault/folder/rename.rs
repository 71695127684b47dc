use super::FolderError;
use crate::execute::Command;
use domain::{
    crypto::EncString,
    id::{FolderId, UserId},
    time::Timestamp,
    vault::folder::{Folder, FolderEvent},
};

/// Gives a folder a new name. A rename to the present name changes nothing.
#[derive(Debug, Clone)]
pub struct RenameFolder {
    /// Which one.
    pub folder: FolderId,
    /// Who wants it.
    pub by: UserId,
    /// The new name.
    pub name: EncString,
}

impl Command for RenameFolder {
    type Aggregate = Folder;
    type Error = FolderError;

    fn id(&self) -> FolderId {
        self.folder
    }

    fn decide(&self, folder: &Folder, now: Timestamp) -> Result<Vec<FolderEvent>, FolderError> {
        match folder {
            Folder::Live { owner, name } if *owner == self.by => {
                if *name == self.name {
                    return Ok(vec![]);
                }
                Ok(vec![FolderEvent::Renamed {
                    name: self.name.clone(),
                    at: now,
                }])
            }
            // a stranger must not learn that it exists
            _ => Err(FolderError::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ALICE, BOB, given};

    fn name(text: &str) -> EncString {
        EncString::parse(text, 1000).unwrap()
    }

    fn created() -> FolderEvent {
        FolderEvent::Created {
            owner: ALICE,
            name: name("4.AAAA"),
            at: Timestamp(1),
        }
    }

    fn rename(by: UserId, to: &str) -> RenameFolder {
        RenameFolder {
            folder: FolderId(uuid::Uuid::from_u128(9)),
            by,
            name: name(to),
        }
    }

    #[test]
    fn its_owner_renames_it() {
        given([created()])
            .when(rename(ALICE, "4.BBBB"))
            .then([FolderEvent::Renamed {
                name: name("4.BBBB"),
                at: Timestamp(2),
            }]);
    }

    #[test]
    fn a_rename_to_the_present_name_changes_nothing() {
        given([created()]).when(rename(ALICE, "4.AAAA")).then([]);
    }

    #[test]
    fn a_stranger_is_told_there_is_no_such_folder() {
        given([created()])
            .when(rename(BOB, "4.BBBB"))
            .then_refused(FolderError::NotFound);
    }

    #[test]
    fn a_deleted_folder_is_not_renamed() {
        given([created(), FolderEvent::Deleted { at: Timestamp(2) }])
            .when(rename(ALICE, "4.BBBB"))
            .then_refused(FolderError::NotFound);
    }
}
