//! What clients seal, checked for form and never opened.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// A string a client encrypted: `2.iv|ciphertext|mac` and its sisters.
///
/// Stored and answered byte for byte as it came. `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncString(String);

/// Why a text is no encrypted string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncStringError {
    /// The text is longer than the field takes.
    #[error("exceeds the maximum encrypted value length of {max} characters")]
    TooLong {
        /// The limit in characters.
        max: usize,
    },
    /// It does not have one of the forms.
    #[error("is not a valid encrypted string")]
    Form,
}

/// How many parts, separated by `|`, stand behind each encryption type (`EncryptionType` of the catalogue).
const fn parts_of(kind: u8) -> Option<usize> {
    match kind {
        0 => Some(2),
        1 | 2 => Some(3),
        3 | 4 | 7 => Some(1),
        5 | 6 => Some(2),
        _ => None,
    }
}

/// Whether `text` is base64 of at least one byte, with its padding, as clients write it.
fn is_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(4) {
        return false;
    }
    let padding = bytes.iter().rev().take_while(|b| **b == b'=').count();
    padding <= 2
        && bytes[..bytes.len() - padding]
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// Whether `text` has the form of an encrypted string: a type, a point and as many base64 parts as the type has; or
/// the oldest form, which has no type and two or three parts.
pub fn is_enc_string(text: &str) -> bool {
    let (kind, body) = match text.split_once('.') {
        Some((kind, body)) => match kind.parse::<u8>() {
            Ok(number) if kind.len() == 1 => (parts_of(number), body),
            _ => (None, body),
        },
        None => (Some(if text.matches('|').count() == 1 { 2 } else { 3 }), text),
    };
    kind.is_some_and(|parts| body.split('|').count() == parts && body.split('|').all(is_base64))
}

impl EncString {
    /// Takes `text` if it has the form and at most `max` characters.
    ///
    /// # Errors
    /// [`EncStringError`].
    pub fn parse(text: impl Into<String>, max: usize) -> Result<Self, EncStringError> {
        let text = text.into();
        if text.len() > max {
            return Err(EncStringError::TooLong { max });
        }
        if !is_enc_string(&text) {
            return Err(EncStringError::Form);
        }
        Ok(Self(text))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EncString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncString({} bytes)", self.0.len())
    }
}

/// How the client makes the master key from the master password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kdf {
    /// PBKDF2 with SHA-256.
    Pbkdf2 {
        /// Rounds.
        iterations: u32,
    },
    /// Argon2id.
    Argon2id {
        /// Passes.
        iterations: u32,
        /// MiB.
        memory: u32,
        /// Lanes.
        parallelism: u32,
    },
}

/// Why KDF parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KdfError {
    /// Neither PBKDF2 (0) nor Argon2id (1).
    #[error("Unknown KDF type.")]
    Kind,
    /// A number outside its limits.
    #[error("{what} must be between {min} and {max}.")]
    Range {
        /// Which number, as people call it.
        what: &'static str,
        /// The least allowed.
        min: u32,
        /// The most allowed.
        max: u32,
    },
    /// Argon2id without memory or parallelism.
    #[error("Argon2id needs memory and parallelism.")]
    Missing,
}

impl Kdf {
    /// Takes the numbers of a request if they are within the limits: PBKDF2 600,000 to 2,000,000 rounds; Argon2id 2 to
    /// 10 passes, 15 to 1,024 MiB, 1 to 16 lanes (catalogue, `identity.md`). Never corrects a number.
    ///
    /// # Errors
    /// [`KdfError`] names the first number at fault.
    pub fn checked(
        kind: i64,
        iterations: i64,
        memory: Option<i64>,
        parallelism: Option<i64>,
    ) -> Result<Self, KdfError> {
        let within = |what, value: i64, min: u32, max: u32| match u32::try_from(value) {
            Ok(n) if (min..=max).contains(&n) => Ok(n),
            _ => Err(KdfError::Range { what, min, max }),
        };
        match kind {
            0 => Ok(Self::Pbkdf2 {
                iterations: within("KDF iterations", iterations, 600_000, 2_000_000)?,
            }),
            1 => Ok(Self::Argon2id {
                iterations: within("Argon2 iterations", iterations, 2, 10)?,
                memory: within("Argon2 memory", memory.ok_or(KdfError::Missing)?, 15, 1024)?,
                parallelism: within("Argon2 parallelism", parallelism.ok_or(KdfError::Missing)?, 1, 16)?,
            }),
            _ => Err(KdfError::Kind),
        }
    }

    /// Number of the kind (`KdfType`).
    pub fn kind(self) -> u8 {
        match self {
            Self::Pbkdf2 { .. } => 0,
            Self::Argon2id { .. } => 1,
        }
    }

    /// Rounds or passes.
    pub fn iterations(self) -> u32 {
        match self {
            Self::Pbkdf2 { iterations } | Self::Argon2id { iterations, .. } => iterations,
        }
    }

    /// MiB, for Argon2id.
    pub fn memory(self) -> Option<u32> {
        match self {
            Self::Pbkdf2 { .. } => None,
            Self::Argon2id { memory, .. } => Some(memory),
        }
    }

    /// Lanes, for Argon2id.
    pub fn parallelism(self) -> Option<u32> {
        match self {
            Self::Pbkdf2 { .. } => None,
            Self::Argon2id { parallelism, .. } => Some(parallelism),
        }
    }

    /// Whether guessing under `self` costs an attacker less than under `old`. Between the two kinds nothing is said:
    /// Argon2id at its least is taken as no weaker than PBKDF2 at its least, and the other way round.
    pub fn is_weaker_than(self, old: Self) -> bool {
        match (self, old) {
            (Self::Pbkdf2 { iterations }, Self::Pbkdf2 { iterations: before }) => iterations < before,
            (
                Self::Argon2id { iterations, memory, .. },
                Self::Argon2id {
                    iterations: passes_before,
                    memory: memory_before,
                    ..
                },
            ) => u64::from(iterations) * u64::from(memory) < u64::from(passes_before) * u64::from(memory_before),
            _ => false,
        }
    }
}

/// A secret a person proves to know, kept as a salted hash of what the client sent (PHC string).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verifier(pub String);

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// SHA-256 of key material as 64 hexadecimal digits: lets a log show that a key changed without showing the key.
pub fn fingerprint(key: &str) -> String {
    Sha256::digest(key.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether `text` is the id of a user key: 32 hexadecimal digits.
pub fn is_key_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_clients_write_are_taken() {
        for good in [
            "2.AAAA|BBBB|CCCC",
            "0.AAAA|BBBB",
            "4.AAAA",
            "6.AAAA|BBBB",
            "7.AAAA",
            "AAAA|BBBB",
            "AAAA|BBBB|CC==",
            "2.QUFBQQ==|QUFBQQ==|QUFBQUE=",
        ] {
            assert!(is_enc_string(good), "{good}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            ".",
            "2.",
            "2.AAAA",
            "2.AAAA|BBBB",
            "2.AAAA|BBBB|CCCC|DDDD",
            "8.AAAA",
            "02.AAAA|BBBB|CCCC",
            "a.AAAA",
            "2.AAA|BBBB|CCCC",
            "2.AAAA|BB B|CCCC",
            "2.AAAA||CCCC",
            "2.====|BBBB|CCCC",
            "plain text",
            "AAAA",
            "2.AA\0A|BBBB|CCCC",
        ] {
            assert!(!is_enc_string(bad), "{bad}");
        }
        assert_eq!(EncString::parse("4.AAAA", 5), Err(EncStringError::TooLong { max: 5 }));
    }

    #[test]
    fn kdf_numbers_are_refused_never_corrected() {
        assert_eq!(
            Kdf::checked(0, 600_000, None, None),
            Ok(Kdf::Pbkdf2 { iterations: 600_000 })
        );
        assert!(Kdf::checked(0, 599_999, None, None).is_err());
        assert!(Kdf::checked(0, i64::MAX, None, None).is_err());
        assert!(Kdf::checked(1, 3, Some(64), None).is_err());
        assert!(Kdf::checked(1, 3, Some(14), Some(4)).is_err());
        assert!(Kdf::checked(2, 3, Some(64), Some(4)).is_err());
        let strong = Kdf::checked(1, 6, Some(32), Some(4)).unwrap();
        assert!(Kdf::checked(1, 2, Some(32), Some(4)).unwrap().is_weaker_than(strong));
    }
}
