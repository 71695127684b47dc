//! What is signed of a tree: whose it is, how many leaves it has, and its root. Text as in C2SP tlog-checkpoint.

use super::{
    Hash, LogId,
    note::{Check, NoteError, PublicKey},
};
use base64::{Engine, prelude::BASE64_STANDARD};

/// A tree at some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: LogId,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text to sign.
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64_STANDARD.encode(self.root)
        )
    }

    /// Reads what [`Checkpoint::text`] writes; further lines are passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let checkpoint = Self {
            origin: LogId(origin.to_owned()),
            size: size.parse().ok()?,
            root: BASE64_STANDARD.decode(root).ok()?.try_into().ok()?,
        };
        // one number is written in one way only
        (checkpoint.size.to_string() == size).then_some(checkpoint)
    }

    /// The checkpoint of `origin` in a note that `key` signed.
    ///
    /// # Errors
    /// [`NoteError`]; `Malformed` too if it is one of another origin.
    pub fn open(note: &str, origin: &LogId, key: &PublicKey, check: Check) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(key.open(note, check)?).ok_or(NoteError::Malformed)?;
        if checkpoint.origin == *origin {
            Ok(checkpoint)
        } else {
            Err(NoteError::Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let checkpoint = Checkpoint {
            origin: LogId("annalock/one".to_owned()),
            size: 17,
            root: [3; 32],
        };
        let text = checkpoint.text();
        assert_eq!(text.lines().count(), 3);
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint.clone()));
        assert_eq!(Checkpoint::parse(&format!("{text}extension\n")), Some(checkpoint));
        for other in ["", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n"] {
            assert_eq!(Checkpoint::parse(other), None);
        }
        assert_eq!(Checkpoint::parse(&text.replace("17", "+17")), None);
    }
}
