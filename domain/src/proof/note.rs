//! Signed notes: a text, an empty line, and a line for each signature, as in C2SP signed-note. Keys are Ed25519.

use super::Hash;
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// The number of Ed25519 among the kinds of signatures.
const ED25519: u8 = 1;
/// What a line of a signature begins with.
const DASH: &str = "\u{2014} ";

/// What is wrong with a note or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not written as notes are.
    #[error("this is no signed note")]
    Malformed,
    /// Nobody signed it whom this key belongs to.
    #[error("it is not signed by this key")]
    NotSigned,
    /// It has a signature of this key that does not hold.
    #[error("its signature does not hold: it was changed")]
    Forged,
    /// The key is not written as keys are.
    #[error("this is no public key of a log")]
    Key,
}

/// Who can check a signature: public key, text, signature.
pub type Check = fn(&[u8; 32], &[u8], &[u8; 64]) -> bool;

/// The public key of a log. As text: `<name>+<key id>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The log's id.
    pub name: String,
    /// The key itself.
    pub key: [u8; 32],
}

impl PublicKey {
    /// The first bytes of a hash over name and key; they stand before each signature.
    fn id(&self) -> [u8; 4] {
        let hash: Hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key)
            .finalize()
            .into();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The note of `text` (which ends with a line break) and its signature.
    pub fn note(&self, text: &str, signature: &[u8; 64]) -> String {
        let signed = [&self.id()[..], signature].concat();
        format!("{text}\n{DASH}{} {}\n", self.name, BASE64_STANDARD.encode(signed))
    }

    /// The text of a note, if this key signed it. Signatures of others are passed over.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn open<'a>(&self, note: &'a str, check: Check) -> Result<&'a str, NoteError> {
        let end = note.rfind("\n\n").ok_or(NoteError::Malformed)? + 1;
        let (text, lines) = (&note[..end], &note[end + 1..]);
        if lines.is_empty() || !lines.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        let mut holds = false;
        for line in lines.lines() {
            let line = line.strip_prefix(DASH).ok_or(NoteError::Malformed)?;
            let (name, signed) = line.split_once(' ').ok_or(NoteError::Malformed)?;
            let signed = BASE64_STANDARD.decode(signed).map_err(|_| NoteError::Malformed)?;
            let (id, signature) = signed.split_at_checked(4).ok_or(NoteError::Malformed)?;
            if name != self.name || id != self.id() {
                continue;
            }
            let signature = signature.try_into().map_err(|_| NoteError::Malformed)?;
            if !check(&self.key, text.as_bytes(), signature) {
                return Err(NoteError::Forged);
            }
            holds = true;
        }
        if holds { Ok(text) } else { Err(NoteError::NotSigned) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64_STANDARD.encode([&[ED25519], &self.key[..]].concat());
        write!(f, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.id()))
    }
}

impl FromStr for PublicKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let parts: Vec<_> = text.trim().splitn(3, '+').collect();
        let [name, id, key] = parts[..] else {
            return Err(NoteError::Key);
        };
        let key = BASE64_STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519, key)) = key.split_first() else {
            return Err(NoteError::Key);
        };
        let found = Self {
            name: name.to_owned(),
            key: key.try_into().map_err(|_| NoteError::Key)?,
        };
        let same = u32::from_str_radix(id, 16) == Ok(u32::from_be_bytes(found.id()));
        if same { Ok(found) } else { Err(NoteError::Key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not a signature scheme: enough to see which text it was asked about.
    fn check(key: &[u8; 32], text: &[u8], signature: &[u8; 64]) -> bool {
        let hash: Hash = Sha256::digest([key, text].concat()).into();
        signature[..32] == hash
    }

    fn signed(key: &PublicKey, text: &str) -> String {
        let hash: Hash = Sha256::digest([&key.key[..], text.as_bytes()].concat()).into();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&hash);
        key.note(text, &signature)
    }

    fn key(name: &str, byte: u8) -> PublicKey {
        PublicKey {
            name: name.to_owned(),
            key: [byte; 32],
        }
    }

    #[test]
    fn a_note_opens_with_the_key_that_signed_it_and_as_it_was() {
        let note = signed(&key("log", 1), "log\n3\n\nmore\n");
        assert_eq!(key("log", 1).open(&note, check), Ok("log\n3\n\nmore\n"));
        assert_eq!(key("log", 2).open(&note, check), Err(NoteError::NotSigned));
        assert_eq!(key("gol", 1).open(&note, check), Err(NoteError::NotSigned));
        let changed = note.replace("\n3\n", "\n4\n");
        assert_eq!(key("log", 1).open(&changed, check), Err(NoteError::Forged));
        for other in [
            "",
            "\n\n",
            "log\n",
            "log\n\n",
            "log\n\nlog AAAA\n",
            "log\n\n\u{2014} log !\n",
        ] {
            assert_eq!(key("log", 1).open(other, check), Err(NoteError::Malformed), "{other:?}");
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_not_when_its_name_was_changed() {
        let text = key("annalock/one", 7).to_string();
        assert_eq!(text.parse(), Ok(key("annalock/one", 7)));
        assert_eq!(text.replace("one", "two").parse::<PublicKey>(), Err(NoteError::Key));
        assert_eq!("nothing".parse::<PublicKey>(), Err(NoteError::Key));
    }
}
