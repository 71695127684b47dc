//! The symmetric key of an account and the texts it seals (type 2: AES-256-CBC, then HMAC-SHA256).

use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _, block_padding::Pkcs7};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use rsa::rand_core::{OsRng, RngCore as _};
use sha2::Sha256;

/// Why a sealed text was not opened.
#[derive(Debug, PartialEq, Eq)]
pub enum CryptoError {
    /// Not of the expected form.
    Form(String),
    /// Sealed by another key, or changed since.
    Authentication,
}

/// An encryption key and an authentication key, 32 bytes each.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey {
    encryption: [u8; 32],
    authentication: [u8; 32],
}

impl std::fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SymmetricKey")
    }
}

impl SymmetricKey {
    /// A new key from the randomness of the system.
    pub fn random() -> Self {
        let mut bytes = [0; 64];
        OsRng.fill_bytes(&mut bytes);
        Self::from_bytes(&bytes).expect("64 bytes")
    }

    /// The key in `bytes`: `None` unless there are 64.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 64 {
            return None;
        }
        let (encryption, authentication) = bytes.split_at(32);
        Some(Self {
            encryption: encryption.try_into().ok()?,
            authentication: authentication.try_into().ok()?,
        })
    }

    /// Both keys, encryption first.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.encryption);
        bytes[32..].copy_from_slice(&self.authentication);
        bytes
    }

    /// Seals a text: `2.iv|ciphertext|mac`.
    pub fn seal(&self, text: &str) -> String {
        self.seal_bytes(text.as_bytes())
    }

    /// Seals bytes, a private key for example.
    pub fn seal_bytes(&self, plain: &[u8]) -> String {
        let mut iv = [0; 16];
        OsRng.fill_bytes(&mut iv);
        self.seal_with(plain, iv)
    }

    fn seal_with(&self, plain: &[u8], iv: [u8; 16]) -> String {
        let sealed = cbc::Encryptor::<aes::Aes256>::new(&self.encryption.into(), &iv.into())
            .encrypt_padded_vec_mut::<Pkcs7>(plain);
        let mac = self.mac(&iv, &sealed).finalize().into_bytes();
        format!(
            "2.{}|{}|{}",
            STANDARD.encode(iv),
            STANDARD.encode(&sealed),
            STANDARD.encode(mac)
        )
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// [`CryptoError::Form`] if it is no type 2 text or not UTF-8 inside; [`CryptoError::Authentication`] if another key sealed it.
    pub fn open(&self, sealed: &str) -> Result<String, CryptoError> {
        String::from_utf8(self.open_bytes(sealed)?).map_err(|_| CryptoError::Form("not UTF-8 inside".into()))
    }

    /// Opens sealed bytes; errors as for [`Self::open`].
    pub fn open_bytes(&self, sealed: &str) -> Result<Vec<u8>, CryptoError> {
        let form = || CryptoError::Form(sealed.chars().take(60).collect());
        let parts: Vec<Vec<u8>> = sealed
            .strip_prefix("2.")
            .ok_or_else(form)?
            .split('|')
            .map(|part| STANDARD.decode(part))
            .collect::<Result<_, _>>()
            .map_err(|_| form())?;
        let [iv, ciphertext, mac] = parts.as_slice() else {
            return Err(form());
        };
        let iv: [u8; 16] = iv.as_slice().try_into().map_err(|_| form())?;
        self.mac(&iv, ciphertext)
            .verify_slice(mac)
            .map_err(|_| CryptoError::Authentication)?;
        cbc::Decryptor::<aes::Aes256>::new(&self.encryption.into(), &iv.into())
            .decrypt_padded_vec_mut::<Pkcs7>(ciphertext)
            .map_err(|_| CryptoError::Form("bad padding".into()))
    }

    fn mac(&self, iv: &[u8], sealed: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.authentication).expect("HMAC takes keys of any length");
        mac.update(iv);
        mac.update(sealed);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Kdf;

    #[test]
    fn a_sealed_text_agrees_with_an_independent_implementation() {
        let key = Kdf::default()
            .master_key("correct horse battery staple", "alice@example.com")
            .stretched();
        let sealed = key.seal_with(
            b"a secret of 23 bytes...",
            std::array::from_fn(|i| u8::try_from(i).unwrap()),
        );
        assert_eq!(
            sealed,
            "2.AAECAwQFBgcICQoLDA0ODw==|Uwp3A+BFCCUR+v6o0CKkrhqaWbvoqRVLeUGmtrEc13A=|fa237ePHq4wxZ+CXHxGs7/5xSBhv5aR5hUh6UMd7dos="
        );
        assert_eq!(key.open(&sealed).unwrap(), "a secret of 23 bytes...");
    }

    #[test]
    fn another_key_or_a_changed_text_is_refused() {
        let key = SymmetricKey::random();
        let sealed = key.seal("hunter2");
        assert_eq!(SymmetricKey::random().open(&sealed), Err(CryptoError::Authentication));
        let (head, mac) = sealed.rsplit_once('|').unwrap();
        let other = if mac.starts_with('A') { "B" } else { "A" };
        assert_eq!(
            key.open(&format!("{head}|{other}{}", &mac[1..])),
            Err(CryptoError::Authentication)
        );
        assert!(matches!(key.open("hunter2"), Err(CryptoError::Form(_))));
    }
}
