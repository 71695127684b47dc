//! Subject keys in memory, with real sealing (AES-256-GCM, bound to the letter).

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use commands::ports::SealError;
use domain::id::SubjectId;
use mail::Sealer;
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

#[derive(Default)]
pub struct Keys {
    /// `None`: destroyed.
    keys: Mutex<HashMap<SubjectId, Option<[u8; 32]>>>,
    pub unreachable: AtomicBool,
}

impl Keys {
    pub fn destroy(&self, subject: SubjectId) {
        self.keys.lock().unwrap().insert(subject, None);
    }

    fn key(&self, subject: SubjectId) -> Result<Option<RandomizedNonceKey>, SealError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(SealError::Unavailable("told so".into()));
        }
        let mut keys = self.keys.lock().unwrap();
        let fresh =
            || Some(*Uuid::new_v5(&subject.0, b"key").as_bytes()).map(|half| [half, half].concat().try_into().unwrap());
        let bytes = *keys.entry(subject).or_insert_with(fresh);
        Ok(bytes.map(|bytes: [u8; 32]| RandomizedNonceKey::new(&AES_256_GCM, &bytes).unwrap()))
    }
}

#[async_trait]
impl Sealer for Keys {
    async fn seal(&self, subject: SubjectId, mail: Uuid, open: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.key(subject)?.ok_or(SealError::Erased(subject))?;
        let mut sealed = open.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(mail.as_bytes()), &mut sealed)
            .unwrap();
        sealed.splice(0..0, nonce.as_ref().iter().copied());
        Ok(sealed)
    }

    async fn open(&self, subject: SubjectId, mail: Uuid, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError> {
        let Some(key) = self.key(subject)? else { return Ok(None) };
        let damaged = || SealError::Damaged(mail);
        let (nonce, text) = sealed.split_at_checked(12).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = text.to_vec();
        let open = key
            .open_in_place(nonce, Aad::from(mail.as_bytes()), &mut text)
            .map_err(|_| damaged())?;
        Ok(Some(open.to_vec()))
    }
}
