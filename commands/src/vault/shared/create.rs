use super::{Stop, check_target};
use crate::{
    execute::{Transaction, Unit},
    vault::cipher::{CipherError, NewCipher},
};
use domain::{
    id::{CipherId, CollectionId},
    organization::access::Standing,
    vault::cipher::{Cipher, CipherEvent},
};

/// Makes an item of an organization. `cipher` must be a new id.
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
    type Output = Cipher;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Cipher, Stop> {
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
        Ok(unit.append(loaded, vec![event]))
    }
}
