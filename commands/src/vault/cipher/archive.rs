use super::CipherError;
use crate::execute::Command;
use domain::{
    id::{CipherId, UserId},
    time::Timestamp,
    vault::cipher::{Cipher, CipherEvent},
};

/// Puts an item away. One in the trash may be archived too.
#[derive(Debug, Clone)]
pub struct ArchiveCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
}

impl Command for ArchiveCipher {
    type Aggregate = Cipher;
    type Error = CipherError;

    fn id(&self) -> CipherId {
        self.cipher
    }

    fn decide(&self, cipher: &Cipher, now: Timestamp) -> Result<Vec<CipherEvent>, CipherError> {
        if cipher.of(self.by).ok_or(CipherError::NotFound)?.archived.is_some() {
            return Err(CipherError::NotArchivable);
        }
        Ok(vec![CipherEvent::Archived { at: now }])
    }
}

/// Fetches an item back from the archive.
#[derive(Debug, Clone)]
pub struct UnarchiveCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
}

impl Command for UnarchiveCipher {
    type Aggregate = Cipher;
    type Error = CipherError;

    fn id(&self) -> CipherId {
        self.cipher
    }

    fn decide(&self, cipher: &Cipher, now: Timestamp) -> Result<Vec<CipherEvent>, CipherError> {
        if cipher.of(self.by).ok_or(CipherError::NotFound)?.archived.is_none() {
            return Err(CipherError::NotUnarchivable);
        }
        Ok(vec![CipherEvent::Unarchived { at: now }])
    }
}
