//! E-mail addresses as identifiers: the same address always gives the same one, and it does not give the address away.

use aws_lc_rs::hmac;
use domain::id::EmailAddressId;

/// HMAC-SHA256 under the pepper of this installation (a secret of the key folder: `pepper`). Without the pepper nobody can
/// try addresses against the identifiers; with another pepper no address would find its account.
pub struct AddressHasher(hmac::Key);

impl AddressHasher {
    /// A hasher with this pepper.
    pub fn new(pepper: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, pepper))
    }

    /// The identifier of `email`, [`normalised`] first: 16 bytes of the hash as a UUID of version 8.
    pub fn id(&self, email: &str) -> EmailAddressId {
        let hash = hmac::sign(&self.0, normalised(email).as_bytes());
        let first: [u8; 16] = hash.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes");
        EmailAddressId(uuid::Builder::from_custom_bytes(first).into_uuid())
    }
}

/// `email` without white space around it, in lower case: what counts as the same address.
pub fn normalised(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_make_another_address() {
        let hasher = AddressHasher::new(&[1; 32]);
        let ann = hasher.id("ann@example.org");
        assert_eq!(hasher.id(" Ann@Example.ORG\t"), ann);
        assert_eq!(hasher.id("JÜRGEN@example.org"), hasher.id("jürgen@example.org"));
        assert_ne!(hasher.id("ann@example.com"), ann);
        assert_ne!(AddressHasher::new(&[2; 32]).id("ann@example.org"), ann);
        assert_eq!(ann.0.get_version_num(), 8);
    }
}
