//! Import into a personal vault: one command, all or nothing.

use crate::{
    execute::{ExecuteError, Transaction, Unit},
    vault::cipher::{CipherError, NewCipher},
};
use domain::{
    crypto::EncString,
    id::{FolderId, UserId},
    vault::{
        cipher::Cipher,
        folder::{Folder, FolderEvent},
    },
};

/// A folder of an import: an existing one of the caller, or a new one.
#[derive(Debug, Clone)]
pub struct ImportedFolder {
    /// The id the client says it has; reused if it is a folder of the caller.
    pub existing: Option<FolderId>,
    /// Its name if it is new. A reused folder keeps its own.
    pub name: EncString,
}

/// Adds items and folders to a vault.
#[derive(Debug, Clone)]
pub struct ImportVault {
    /// Whose vault.
    pub by: UserId,
    /// The folders.
    pub folders: Vec<ImportedFolder>,
    /// The items, each with the index of its folder. Their own `folder` is not looked at.
    pub ciphers: Vec<(NewCipher, Option<usize>)>,
}

impl ImportVault {
    async fn folders(&self, unit: &mut Unit<'_>) -> Result<Vec<FolderId>, ExecuteError<CipherError>> {
        let named: Vec<FolderId> = self.folders.iter().filter_map(|folder| folder.existing).collect();
        let own: Vec<FolderId> = unit
            .load_many::<Folder>(&named)
            .await?
            .into_iter()
            .filter(|loaded| loaded.state.is_of(self.by))
            .map(|loaded| loaded.id)
            .collect();
        let mut ids = Vec::with_capacity(self.folders.len());
        for folder in &self.folders {
            if let Some(id) = folder.existing.filter(|id| own.contains(id)) {
                ids.push(id);
                continue;
            }
            let loaded = unit.fresh::<Folder>(unit.new_id().into());
            let (id, at) = (loaded.id, unit.now_for(&loaded));
            unit.append(
                loaded,
                vec![FolderEvent::Created {
                    owner: self.by,
                    name: folder.name.clone(),
                    at,
                }],
            );
            ids.push(id);
        }
        Ok(ids)
    }
}

impl Transaction for ImportVault {
    type Output = ();
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<CipherError>> {
        let folders = self.folders(unit).await?;
        for (new, folder) in &self.ciphers {
            let loaded = unit.fresh::<Cipher>(unit.new_id().into());
            let folder = folder.and_then(|index| folders.get(index).copied());
            let at = unit.now_for(&loaded);
            unit.append(loaded, vec![new.created(self.by, folder, true, at)]);
        }
        Ok(())
    }
}
