//! Seals waiting letters under the keys of those they are about.

use async_trait::async_trait;
use commands::ports::SealError;
use domain::id::SubjectId;
use mail::Sealer;
use sealing::{BytesError, Keyring};
use std::sync::Arc;
use uuid::Uuid;

/// [`Sealer`] over the keyring.
pub struct KeyringSealer(pub Arc<Keyring>);

/// Binds an envelope to its letter.
fn aad(mail: Uuid) -> [u8; 21] {
    let mut aad = *b"mail:0000000000000000";
    aad[5..].copy_from_slice(mail.as_bytes());
    aad
}

#[async_trait]
impl Sealer for KeyringSealer {
    async fn seal(&self, subject: SubjectId, mail: Uuid, open: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0
            .seal_bytes(subject, &aad(mail), open)
            .await
            .map_err(|e| seal_error(e, mail))
    }

    async fn open(&self, subject: SubjectId, mail: Uuid, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let open = self
            .0
            .open_bytes(subject, &aad(mail), sealed)
            .await
            .map_err(|e| seal_error(e, mail))?;
        Ok(open.map(|bytes| bytes.to_vec()))
    }
}

fn seal_error(error: BytesError, mail: Uuid) -> SealError {
    match error {
        BytesError::Keys(e) => e,
        BytesError::Damaged => SealError::Damaged(mail),
    }
}
