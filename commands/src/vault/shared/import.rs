use super::{Stop, check_there, file::filed, refuse};
use crate::{
    execute::{Transaction, Unit},
    vault::{
        cipher::{CipherError, NewCipher},
        import::{self, ImportedFolder},
    },
};
use domain::{
    crypto::EncString,
    id::{CollectionId, FilingId, GrantId},
    organization::{
        access::Standing,
        collection::{Collection, CollectionEvent},
        grant::{Grant, GrantEvent, Grantee, Rights},
    },
    vault::{
        cipher::{Cipher, CipherEvent},
        filing::Filing,
    },
};
use std::collections::HashMap;

/// A collection of an import: one of the organization that is there, or a new one.
#[derive(Debug, Clone)]
pub struct ImportedCollection {
    /// The id the client says it has; used if it is one of the organization's.
    pub existing: Option<CollectionId>,
    /// Its name if it is new. One that is there keeps its own.
    pub name: EncString,
    /// What a directory calls a new one.
    pub external_id: Option<String>,
}

/// An item of an import.
#[derive(Debug, Clone)]
pub struct ImportedItem {
    /// What it is. Its own folder is not looked at, nor what it is marked as.
    pub new: NewCipher,
    /// The indices of its collections.
    pub collections: Vec<usize>,
    /// The index of the folder it is in, for who imports.
    pub folder: Option<usize>,
}

/// Adds items and collections to an organization, and folders to the vault of who imports, all or nothing.
///
/// Who may import into the organization may use any of its collections, and none for an item. Others need the right to add to
/// each collection that is there, the right to make those that are new, and a collection for every item: a list of
/// collections that is empty is no leave.
#[derive(Debug, Clone)]
pub struct ImportShared {
    /// Who imports; knows their rights in the collections that are named.
    pub by: Standing,
    /// The collections.
    pub collections: Vec<ImportedCollection>,
    /// The folders.
    pub folders: Vec<ImportedFolder>,
    /// The items.
    pub ciphers: Vec<ImportedItem>,
}

impl ImportShared {
    async fn collections(&self, unit: &mut Unit<'_>) -> Result<Vec<CollectionId>, Stop> {
        let by = &self.by;
        let named: Vec<CollectionId> = self.collections.iter().filter_map(|one| one.existing).collect();
        let loaded = unit.load_many::<Collection>(&named).await?;
        let there: HashMap<CollectionId, Collection> = loaded.into_iter().map(|l| (l.id, l.state)).collect();
        let mut ids = Vec::with_capacity(self.collections.len());
        for wanted in &self.collections {
            let found = wanted.existing.and_then(|id| Some((id, there.get(&id)?)));
            if let Some((id, live)) = found.and_then(|(id, state)| Some((id, state.within(by.organization)?))) {
                let own = live.default_of.is_none_or(|member| member == by.membership);
                if !own || !(by.may_import_export() || by.may_add_to(id)) {
                    return refuse(CipherError::NotFound);
                }
                ids.push(id);
                continue;
            }
            if !(by.may_import_export() || by.may_create_collections()) {
                return refuse(CipherError::Forbidden);
            }
            ids.push(self.create(unit, wanted));
        }
        Ok(ids)
    }

    /// A new one, managed by who imports: nobody imports what they do not see in their own vault.
    fn create(&self, unit: &mut Unit<'_>, wanted: &ImportedCollection) -> CollectionId {
        let organization = self.by.organization;
        let loaded = unit.fresh::<Collection>(unit.new_id().into());
        let (collection, at) = (loaded.id, unit.now_for(&loaded));
        let created = CollectionEvent::Created {
            organization,
            name: wanted.name.clone(),
            external_id: wanted.external_id.clone(),
            default_of: None,
            at,
        };
        unit.append(loaded, vec![created]);
        let to = Grantee::Member(self.by.membership);
        let grant = unit.fresh::<Grant>(GrantId::of(collection, to.id()));
        let granted = GrantEvent::Granted {
            organization,
            collection,
            to,
            rights: Rights::MANAGE,
            at,
        };
        unit.append(grant, vec![granted]);
        collection
    }
}

impl Transaction for ImportShared {
    type Output = ();
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        if self.collections.is_empty() && !self.by.may_import_export() {
            return refuse(CipherError::Forbidden);
        }
        check_there(unit, self.by.organization).await?;
        let collections = self.collections(unit).await?;
        let folders = import::folders(unit, self.by.user, &self.folders).await?;
        for item in &self.ciphers {
            let mut within: Vec<_> = item
                .collections
                .iter()
                .filter_map(|index| collections.get(*index).copied())
                .collect();
            within.sort_unstable();
            within.dedup();
            if within.is_empty() && !self.by.may_import_export() {
                return refuse(CipherError::NoCollection);
            }
            let loaded = unit.fresh::<Cipher>(unit.new_id().into());
            let cipher = loaded.id;
            let created = CipherEvent::Created {
                owner: self.by.user,
                organization: Some(self.by.organization),
                collections: within,
                kind: item.new.kind,
                content: item.new.content.clone(),
                folder: None,
                favorite: false,
                archived: None,
                imported: true,
                at: unit.now_for(&loaded),
            };
            unit.append(loaded, vec![created]);
            if let Some(folder) = item.folder.and_then(|index| folders.get(index)) {
                let loaded = unit.fresh::<Filing>(FilingId::of(self.by.user, cipher));
                let wanted = Filing {
                    folder: Some(*folder),
                    ..loaded.state
                };
                let event = filed(self.by.user, cipher, wanted, unit.now_for(&loaded));
                unit.append(loaded, vec![event]);
            }
        }
        Ok(())
    }
}
