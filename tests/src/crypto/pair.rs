//! The RSA key pair of an account, by which others can send it keys (type 4: RSA-2048, OAEP with SHA-1).

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use rsa::rand_core::OsRng;
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;

use super::{CryptoError, SymmetricKey};

/// An RSA-2048 key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair(RsaPrivateKey);

impl KeyPair {
    /// The pair all accounts of this process share unless they ask for their own: making one takes up to a second.
    pub fn shared() -> Self {
        static SHARED: OnceLock<KeyPair> = OnceLock::new();
        SHARED.get_or_init(Self::random).clone()
    }

    /// A pair of its own.
    pub fn random() -> Self {
        Self(RsaPrivateKey::new(&mut OsRng, 2048).expect("a key of 2048 bits can be made"))
    }

    /// The public key as it is sent: SubjectPublicKeyInfo, in base64.
    pub fn public_key(&self) -> String {
        STANDARD.encode(
            self.0
                .to_public_key()
                .to_public_key_der()
                .expect("a valid key")
                .as_bytes(),
        )
    }

    /// The private key (PKCS#8) sealed by the user key, as it is sent.
    pub fn wrapped_by(&self, user_key: &SymmetricKey) -> String {
        user_key.seal_bytes(self.0.to_pkcs8_der().expect("a valid key").as_bytes())
    }

    /// Opens a wrapped private key.
    ///
    /// # Errors
    /// As [`SymmetricKey::open_bytes`]; [`CryptoError::Form`] if what is inside is no key.
    pub fn unwrap_with(user_key: &SymmetricKey, wrapped: &str) -> Result<Self, CryptoError> {
        let der = user_key.open_bytes(wrapped)?;
        RsaPrivateKey::from_pkcs8_der(&der)
            .map(Self)
            .map_err(|e| CryptoError::Form(e.to_string()))
    }

    /// Seals `plain` for the holder of `public_key` (as [`Self::public_key`] gives it): `4.ciphertext`.
    ///
    /// # Errors
    /// [`CryptoError::Form`] if `public_key` is none, or `plain` is longer than 214 bytes.
    pub fn seal_for(public_key: &str, plain: &[u8]) -> Result<String, CryptoError> {
        let form = |e: &dyn std::fmt::Display| CryptoError::Form(e.to_string());
        let der = STANDARD.decode(public_key).map_err(|e| form(&e))?;
        let key = RsaPublicKey::from_public_key_der(&der).map_err(|e| form(&e))?;
        let sealed = key
            .encrypt(&mut OsRng, Oaep::new::<Sha1>(), plain)
            .map_err(|e| form(&e))?;
        Ok(format!("4.{}", STANDARD.encode(sealed)))
    }

    /// Opens what [`Self::seal_for`] made.
    ///
    /// # Errors
    /// [`CryptoError::Form`] if it is no type 4 text; [`CryptoError::Authentication`] if it was sealed for another.
    pub fn open(&self, sealed: &str) -> Result<Vec<u8>, CryptoError> {
        let form = || CryptoError::Form(sealed.chars().take(60).collect());
        let bytes = STANDARD
            .decode(sealed.strip_prefix("4.").ok_or_else(form)?)
            .map_err(|_| form())?;
        self.0
            .decrypt(Oaep::new::<Sha1>(), &bytes)
            .map_err(|_| CryptoError::Authentication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_sealed_for_a_public_key_is_opened_by_its_unwrapped_private_key() {
        let user_key = SymmetricKey::random();
        let pair = KeyPair::shared();
        let sealed = KeyPair::seal_for(&pair.public_key(), &user_key.to_bytes()).unwrap();
        let unwrapped = KeyPair::unwrap_with(&user_key, &pair.wrapped_by(&user_key)).unwrap();
        assert_eq!(unwrapped.open(&sealed).unwrap(), user_key.to_bytes());
        assert_eq!(KeyPair::random().open(&sealed), Err(CryptoError::Authentication));
    }
}
