//! AES-256-GCM with random 96-bit nonces: the one cipher here, for values, for bytes and for wrapping keys.

use crate::key_folder::random;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// A nonce.
pub type NonceBytes = [u8; NONCE_LEN];

/// The bytes a seal adds to what it seals.
pub const TAG: usize = 16;

/// Why a key could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// `count` random nonces, which cost little more than one: most of it is the call. One key seals far fewer than the 2^32
/// values that random nonces allow.
pub fn nonces(count: usize) -> Result<Vec<NonceBytes>, Refused> {
    let mut nonces = vec![[0; NONCE_LEN]; count];
    rand::fill(nonces.as_flattened_mut()).map_err(|_| Refused)?;
    Ok(nonces)
}

/// A key ready for use. The library wipes its memory when it is dropped. Not `Debug`: it is a secret.
pub struct DataKey(LessSafeKey);

impl DataKey {
    /// From 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key"),
        ))
    }

    /// A new one, and its bytes to be wrapped.
    pub fn random() -> std::io::Result<Zeroizing<[u8; 32]>> {
        random()
    }

    /// Seals `buffer[from..]` where it stands and appends the tag. `nonce` is one of [`nonces`], and used here only.
    pub fn seal(&self, aad: &[u8], nonce: NonceBytes, buffer: &mut Vec<u8>, from: usize) -> Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = &mut buffer[from..];
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), plain)
            .map_err(|_| Refused)?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens `sealed` where it stands; the part of it that is the plaintext.
    pub fn open<'a>(&self, aad: &[u8], nonce: NonceBytes, sealed: &'a mut [u8]) -> Result<&'a [u8], Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_in_place(nonce, Aad::from(aad), sealed)
            .map(|plain| &*plain)
            .map_err(|_| Refused)
    }

    /// Seals `plain` into one piece: nonce, ciphertext, tag.
    pub fn seal_whole(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Refused> {
        let nonce = nonces(1)?[0];
        let mut whole = Vec::with_capacity(NONCE_LEN + plain.len() + TAG);
        whole.extend_from_slice(&nonce);
        whole.extend_from_slice(plain);
        self.seal(aad, nonce, &mut whole, NONCE_LEN)?;
        Ok(whole)
    }

    /// Opens what [`DataKey::seal_whole`] gave. The result is wiped when dropped.
    pub fn open_whole(&self, aad: &[u8], whole: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let (nonce, sealed) = whole.split_first_chunk::<NONCE_LEN>().ok_or(Refused)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let len = self.open(aad, *nonce, &mut buffer)?.len();
        buffer.truncate(len);
        Ok(buffer)
    }
}
