//! Signing with Ed25519.

use aws_lc_rs::{
    error::KeyRejected,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use domain::proof::{LogId, checkpoint::Checkpoint, note::PublicKey};

/// The key that signs checkpoints of a log.
pub struct LogKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl LogKey {
    /// The key of `log` from its secret.
    ///
    /// # Errors
    /// If the library refuses the secret.
    pub fn new(log: &LogId, secret: &[u8; 32]) -> Result<Self, KeyRejected> {
        let pair = Ed25519KeyPair::from_seed_unchecked(secret)?;
        let mut key = [0; 32];
        key.copy_from_slice(pair.public_key().as_ref());
        let public = PublicKey {
            name: log.0.clone(),
            key,
        };
        Ok(Self { pair, public })
    }

    /// What others check with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signed note. The same checkpoint always gives the same one.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text();
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        self.public.note(&text, &signature)
    }
}

/// Whether a signature holds.
pub fn check(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key).verify(text, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::proof::note::NoteError;

    #[test]
    fn what_was_signed_is_opened_with_the_public_key_and_with_no_other() {
        let log = LogId("annalock/one".to_owned());
        let key = LogKey::new(&log, &[7; 32]).unwrap();
        let checkpoint = Checkpoint {
            origin: log.clone(),
            size: 3,
            root: [1; 32],
        };
        let note = key.sign(&checkpoint);
        let public: PublicKey = key.public().to_string().parse().unwrap();
        assert_eq!(Checkpoint::open(&note, &log, &public, check), Ok(checkpoint));
        let changed = note.replace("\n3\n", "\n4\n");
        assert_eq!(public.open(&changed, check), Err(NoteError::Forged));
        let other = LogKey::new(&log, &[8; 32]).unwrap();
        assert_eq!(other.public().open(&note, check), Err(NoteError::NotSigned));
    }
}
