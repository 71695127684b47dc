//! Emptying a personal vault.

use crate::{
    execute::{Command, ExecuteError, Transaction, Unit},
    vault::{
        cipher::{CipherError, DeleteCipher},
        folder::DeleteFolder,
    },
};
use domain::{
    id::{CipherId, FolderId, UserId},
    vault::{cipher::Cipher, folder::Folder},
};

/// Deletes items and folders for good, all in one append. What is not the caller's, or gone already, is left out.
#[derive(Debug, Clone)]
pub struct PurgeVault {
    /// Whose vault.
    pub by: UserId,
    /// The items.
    pub ciphers: Vec<CipherId>,
    /// The folders.
    pub folders: Vec<FolderId>,
}

impl Transaction for PurgeVault {
    type Output = ();
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<CipherError>> {
        for loaded in unit.load_many::<Cipher>(&self.ciphers).await? {
            let command = DeleteCipher {
                cipher: loaded.id,
                by: self.by,
            };
            if let Ok(events) = command.decide(&loaded.state, unit.now_for(&loaded)) {
                unit.append(loaded, events);
            }
        }
        for loaded in unit.load_many::<Folder>(&self.folders).await? {
            let command = DeleteFolder {
                folder: loaded.id,
                by: self.by,
            };
            if let Ok(events) = command.decide(&loaded.state, unit.now_for(&loaded)) {
                unit.append(loaded, events);
            }
        }
        Ok(())
    }
}
