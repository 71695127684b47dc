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

/// The ids of folders of an import, in the order of it; makes those that are new.
pub(super) async fn folders(
    unit: &mut Unit<'_>,
    by: UserId,
    folders: &[ImportedFolder],
) -> Result<Vec<FolderId>, ExecuteError<CipherError>> {
    let named: Vec<FolderId> = folders.iter().filter_map(|folder| folder.existing).collect();
    let own: Vec<FolderId> = unit
        .load_many::<Folder>(&named)
        .await?
        .into_iter()
        .filter(|loaded| loaded.state.is_of(by))
        .map(|loaded| loaded.id)
        .collect();
    let mut ids = Vec::with_capacity(folders.len());
    for folder in folders {
        if let Some(id) = folder.existing.filter(|id| own.contains(id)) {
            ids.push(id);
            continue;
        }
        let loaded = unit.fresh::<Folder>(unit.new_id().into());
        let (id, at) = (loaded.id, unit.now_for(&loaded));
        let created = FolderEvent::Created {
            owner: by,
            name: folder.name.clone(),
            at,
        };
        unit.append(loaded, vec![created]);
        ids.push(id);
    }
    Ok(ids)
}

impl Transaction for ImportVault {
    type Output = ();
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<CipherError>> {
        let folders = folders(unit, self.by, &self.folders).await?;
        for (new, folder) in &self.ciphers {
            let loaded = unit.fresh::<Cipher>(unit.new_id().into());
            let folder = folder.and_then(|index| folders.get(index).copied());
            let at = unit.now_for(&loaded);
            unit.append(loaded, vec![new.created(self.by, folder, true, at)]);
        }
        Ok(())
    }
}
