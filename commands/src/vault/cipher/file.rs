use super::{CipherError, folder_for};
use crate::{
    execute::{ExecuteError, Transaction, Unit},
    vault::bulk::Bulk,
};
use domain::{
    event::Aggregate,
    id::{CipherId, FolderId, UserId},
    time::Timestamp,
    vault::cipher::{Cipher, CipherEvent},
};

/// Files and marks an item. Its revision date stays.
#[derive(Debug, Clone)]
pub struct FileCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
    /// Where it goes.
    pub folder: Option<FolderId>,
    /// Whether it is marked.
    pub favorite: bool,
}

impl Transaction for FileCipher {
    type Output = Cipher;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Cipher, ExecuteError<CipherError>> {
        let loaded = unit.load::<Cipher>(self.cipher).await?;
        let Some(cipher) = loaded.state.of(self.by) else {
            return Err(ExecuteError::Refused(CipherError::NotFound));
        };
        let present = (cipher.folder, cipher.favorite);
        let folder = if cipher.folder == self.folder {
            self.folder
        } else {
            folder_for(unit, self.by, self.folder).await?
        };
        if (folder, self.favorite) == present {
            return Ok(loaded.state);
        }
        let event = CipherEvent::Filed {
            folder,
            favorite: self.favorite,
            at: unit.now_for(&loaded),
        };
        Ok(unit.append(loaded, vec![event]))
    }
}

/// Files many items in one folder, or nowhere. Items that are not the caller's are left out.
#[derive(Debug, Clone)]
pub struct MoveCiphers {
    /// Which ones.
    pub ciphers: Vec<CipherId>,
    /// Who wants it.
    pub by: UserId,
    /// Where they go.
    pub folder: Option<FolderId>,
}

impl Transaction for MoveCiphers {
    type Output = Vec<(CipherId, Cipher)>;
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Self::Output, ExecuteError<CipherError>> {
        let folder = folder_for(unit, self.by, self.folder).await?;
        let moves = self
            .ciphers
            .iter()
            .map(|cipher| MoveCipher {
                cipher: *cipher,
                by: self.by,
                folder,
            })
            .collect();
        Bulk(moves).decide(unit).await
    }
}

/// Files one item in a folder that is known to be the caller's.
struct MoveCipher {
    cipher: CipherId,
    by: UserId,
    folder: Option<FolderId>,
}

impl crate::execute::Command for MoveCipher {
    type Aggregate = Cipher;
    type Error = CipherError;

    fn id(&self) -> <Cipher as Aggregate>::Id {
        self.cipher
    }

    fn decide(&self, cipher: &Cipher, now: Timestamp) -> Result<Vec<CipherEvent>, CipherError> {
        let cipher = cipher.of(self.by).ok_or(CipherError::NotFound)?;
        if cipher.folder == self.folder {
            return Ok(vec![]);
        }
        Ok(vec![CipherEvent::Filed {
            folder: self.folder,
            favorite: cipher.favorite,
            at: now,
        }])
    }
}
