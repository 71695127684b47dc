use super::CipherError;
use crate::execute::Command;
use domain::{
    id::{CipherId, UserId},
    time::Timestamp,
    vault::cipher::{Cipher, CipherEvent},
};

/// Moves an item to the trash. One that is there already stays as it is.
#[derive(Debug, Clone)]
pub struct TrashCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
}

impl Command for TrashCipher {
    type Aggregate = Cipher;
    type Error = CipherError;

    fn id(&self) -> CipherId {
        self.cipher
    }

    fn decide(&self, cipher: &Cipher, now: Timestamp) -> Result<Vec<CipherEvent>, CipherError> {
        if cipher.of(self.by).ok_or(CipherError::NotFound)?.trashed.is_some() {
            return Ok(vec![]);
        }
        Ok(vec![CipherEvent::Trashed { at: now }])
    }
}

/// Fetches an item back from the trash. One that is not there stays as it is.
#[derive(Debug, Clone)]
pub struct RestoreCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
}

impl Command for RestoreCipher {
    type Aggregate = Cipher;
    type Error = CipherError;

    fn id(&self) -> CipherId {
        self.cipher
    }

    fn decide(&self, cipher: &Cipher, now: Timestamp) -> Result<Vec<CipherEvent>, CipherError> {
        if cipher.of(self.by).ok_or(CipherError::NotFound)?.trashed.is_none() {
            return Ok(vec![]);
        }
        Ok(vec![CipherEvent::Restored { at: now }])
    }
}
