//! The token itself: `base64url(family, 16 bytes ‖ secret, 32 bytes)`, 64 characters.

use aws_lc_rs::{digest, error::Unspecified, hmac, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use commands::ports::refresh_tokens::chain::TokenHash;
use uuid::Uuid;

const FAMILY: usize = 16;
const LEN: usize = FAMILY + 32;

/// A token. Not `Debug`: it is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; LEN]);

impl Token {
    /// The first token of a new family.
    pub fn first() -> Result<Self, Unspecified> {
        let mut bytes = [0; LEN];
        rand::fill(&mut bytes)?;
        let id = uuid::Builder::from_random_bytes(bytes[..FAMILY].try_into().expect("the first 16 of 48 bytes"));
        bytes[..FAMILY].copy_from_slice(id.as_uuid().as_bytes());
        Ok(Self(bytes))
    }

    /// Reads what [`Token::text`] writes; `None` for any other string.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LEN.div_ceil(3) * 4 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// As clients keep it.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The login it belongs to.
    pub fn family(&self) -> Uuid {
        Uuid::from_bytes(self.0[..FAMILY].try_into().expect("the first 16 of 48 bytes"))
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        digest::digest(&digest::SHA256, &self.0)
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    }

    /// The token after it: of the same family, and always the same one under the same `key`, so that parallel
    /// refreshes agree without a stored list.
    #[must_use]
    pub fn successor(&self, key: &hmac::Key) -> Self {
        let mut next = self.0;
        next[FAMILY..].copy_from_slice(hmac::sign(key, &self.0).as_ref());
        Self(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_tokens_are_read() {
        let token = Token::first().unwrap();
        let text = token.text();
        assert_eq!(text.len(), 64);
        assert!(Token::parse(&text) == Some(token));
        let padded = format!("{text}=");
        let long = "A".repeat(1 << 20);
        for other in [
            "",
            "x",
            &text[1..],
            &padded,
            &text.replace(&text[..1], "+"),
            &"ä".repeat(32),
            "\0",
            &long,
        ] {
            assert!(Token::parse(other).is_none(), "{other:.70}");
        }
    }

    #[test]
    fn a_token_has_one_successor_in_its_family() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let first = Token::first().unwrap();
        let second = first.successor(&key);
        assert!(second == first.successor(&key));
        assert_eq!(second.family(), first.family());
        assert_ne!(second.hash(), first.hash());
        let foreign = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(second != first.successor(&foreign));
    }
}
