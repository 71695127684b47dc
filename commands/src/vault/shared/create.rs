use super::{Stop, check_target, file::file_with};
use crate::{
    execute::{Transaction, Unit},
    vault::cipher::{CipherError, NewCipher},
};
use domain::{
    id::{CipherId, CollectionId, FilingId},
    organization::access::Standing,
    vault::{
        cipher::{Cipher, CipherEvent},
        filing::Filing,
    },
};

/// Makes an item of an organization, filed for who makes it. `cipher` must be a new id.
#[derive(Debug, Clone)]
pub struct CreateShared {
    /// A new id.
    pub cipher: CipherId,
    /// Who makes it; knows their rights in the collections.
    pub by: Standing,
    /// In which collections.
    pub collections: Vec<CollectionId>,
    /// What it is.
    pub new: NewCipher,
}

impl Transaction for CreateShared {
    type Output = (Cipher, Filing);
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(Cipher, Filing), Stop> {
        let collections = check_target(unit, &self.by, &self.collections).await?;
        let loaded = unit.fresh::<Cipher>(self.cipher);
        let event = CipherEvent::Created {
            owner: self.by.user,
            organization: Some(self.by.organization),
            collections,
            kind: self.new.kind,
            content: self.new.content.clone(),
            folder: None,
            favorite: false,
            archived: None,
            imported: false,
            at: unit.now_for(&loaded),
        };
        let cipher = unit.append(loaded, vec![event]);
        let filing = unit.fresh::<Filing>(FilingId::of(self.by.user, self.cipher));
        let filing = file_with(unit, self.by.user, filing, self.cipher, &self.new).await?;
        Ok((cipher, filing))
    }
}
