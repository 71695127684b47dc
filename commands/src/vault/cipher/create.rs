use super::{CipherError, folder_for};
use crate::execute::{ExecuteError, Transaction, Unit};
use domain::{
    id::{CipherId, FolderId, UserId},
    time::Timestamp,
    vault::cipher::{Cipher, CipherEvent, CipherKind, Content},
};

/// An item that somebody wants to have.
#[derive(Debug, Clone)]
pub struct NewCipher {
    /// What kind it is.
    pub kind: CipherKind,
    /// What is in it.
    pub content: Content,
    /// Where to file it.
    pub folder: Option<FolderId>,
    /// Whether it is marked.
    pub favorite: bool,
    /// Since when it is archived.
    pub archived: Option<Timestamp>,
}

impl NewCipher {
    /// The event that makes it, filed in `folder`.
    pub(crate) fn created(
        &self,
        owner: UserId,
        folder: Option<FolderId>,
        imported: bool,
        at: Timestamp,
    ) -> CipherEvent {
        CipherEvent::Created {
            owner,
            organization: None,
            collections: Vec::new(),
            kind: self.kind,
            content: self.content.clone(),
            folder,
            favorite: self.favorite,
            archived: self.archived,
            imported,
            at,
        }
    }
}

/// Makes an item. `cipher` must be a new id: nothing is read of it.
#[derive(Debug, Clone)]
pub struct CreateCipher {
    /// A new id.
    pub cipher: CipherId,
    /// Whose it will be.
    pub by: UserId,
    /// What it is.
    pub new: NewCipher,
}

impl Transaction for CreateCipher {
    type Output = Cipher;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Cipher, ExecuteError<CipherError>> {
        let folder = folder_for(unit, self.by, self.new.folder).await?;
        let loaded = unit.fresh::<Cipher>(self.cipher);
        let now = unit.now_for(&loaded);
        Ok(unit.append(loaded, vec![self.new.created(self.by, folder, false, now)]))
    }
}
