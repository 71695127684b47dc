use super::CipherError;
use crate::execute::Command;
use domain::{
    id::{CipherId, UserId},
    time::Timestamp,
    vault::cipher::{Cipher, CipherEvent},
};

/// Deletes an item for good, whether it was in the trash or not.
#[derive(Debug, Clone)]
pub struct DeleteCipher {
    /// Which one.
    pub cipher: CipherId,
    /// Who wants it.
    pub by: UserId,
}

impl Command for DeleteCipher {
    type Aggregate = Cipher;
    type Error = CipherError;

    fn id(&self) -> CipherId {
        self.cipher
    }

    fn decide(&self, cipher: &Cipher, now: Timestamp) -> Result<Vec<CipherEvent>, CipherError> {
        cipher.of(self.by).ok_or(CipherError::NotFound)?;
        Ok(vec![CipherEvent::Deleted { at: now }])
    }
}
