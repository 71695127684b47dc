//! Tokens and codes under HMAC-SHA256.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use commands::ports::{CodePurpose, Proofs, TokenPurpose};
use domain::time::Timestamp;

/// The longest token looked at: bytes.
const MAX_TOKEN: usize = 4_096;
/// Bytes of an HMAC-SHA256.
const TAG: usize = 32;
/// Codes are this many numbers, from 0 on.
const CODES: u64 = 100_000_000;

/// Signs and derives under one secret of the installation. With another secret every token and code is dead.
pub struct HmacProofs {
    tokens: hmac::Key,
    codes: hmac::Key,
}

impl HmacProofs {
    /// Keys derived from `secret`, one for tokens and one for codes.
    pub fn new(secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, label).as_ref());
        Self {
            tokens: derived(b"tokens"),
            codes: derived(b"codes"),
        }
    }
}

/// The tag over `parts`; each is preceded by its length, so that they do not run into each other.
fn tag<'p>(key: &hmac::Key, parts: impl IntoIterator<Item = &'p [u8]>) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign()
}

/// What is signed, and what a token holds behind its tag: when it expires, and the payload.
fn body(payload: &str, expires: Timestamp) -> Vec<u8> {
    let mut body = expires.0.to_be_bytes().to_vec();
    body.extend_from_slice(payload.as_bytes());
    body
}

impl Proofs for HmacProofs {
    fn sign(&self, purpose: TokenPurpose, payload: &str, expires: Timestamp) -> String {
        let body = body(payload, expires);
        let mut token = tag(&self.tokens, [purpose.name().as_bytes(), &body]).as_ref().to_vec();
        token.extend_from_slice(&body);
        BASE64_URL_SAFE_NO_PAD.encode(token)
    }

    fn open(&self, purpose: TokenPurpose, token: &str, now: Timestamp) -> Option<String> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.trim()).ok()?;
        let (theirs, body) = bytes.split_at_checked(TAG)?;
        let ours = tag(&self.tokens, [purpose.name().as_bytes(), body]);
        aws_lc_rs::constant_time::verify_slices_are_equal(ours.as_ref(), theirs).ok()?;
        let (expires, payload) = body.split_first_chunk::<8>()?;
        if now.0 > i64::from_be_bytes(*expires) {
            return None;
        }
        String::from_utf8(payload.to_vec()).ok()
    }

    fn code(&self, purpose: CodePurpose, parts: &[&str]) -> String {
        let named = std::iter::once(purpose.name()).chain(parts.iter().copied());
        let tag = tag(&self.codes, named.map(str::as_bytes));
        let (first, _) = tag.as_ref().split_first_chunk::<8>().expect("SHA-256 has 32 bytes");
        // 2^64 over 10^8: some codes are likelier than others by five in a trillion
        format!("{:08}", u64::from_be_bytes(*first) % CODES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn proofs() -> HmacProofs {
        HmacProofs::new(&[7; 32])
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_expires() {
        let token = proofs().sign(TokenPurpose::Registration, "ann", NOW);
        let open = |purpose, now| proofs().open(purpose, &token, Timestamp(now));
        assert_eq!(open(TokenPurpose::Registration, 1_000).as_deref(), Some("ann"));
        assert_eq!(open(TokenPurpose::Registration, 1_001), None);
        assert_eq!(open(TokenPurpose::DeleteAccount, 1_000), None);
        let elsewhere = HmacProofs::new(&[8; 32]);
        assert_eq!(elsewhere.open(TokenPurpose::Registration, &token, NOW), None);
    }

    #[test]
    fn a_token_changed_anywhere_is_dead() {
        let token = proofs().sign(TokenPurpose::Registration, "ann", NOW);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(proofs().open(TokenPurpose::Registration, &changed, NOW), None, "{at}");
        }
        let long = "A".repeat(MAX_TOKEN + 1);
        for bad in ["", "AAAA", "not base64!", &token[..token.len() - 4], &long] {
            assert_eq!(proofs().open(TokenPurpose::Registration, bad, NOW), None);
        }
    }

    #[test]
    fn a_code_has_eight_digits_and_is_that_of_its_parts() {
        let code = |purpose, parts: &[&str]| proofs().code(purpose, parts);
        let ours = code(CodePurpose::OneTime, &["ab", "c"]);
        assert!(ours.len() == 8 && ours.bytes().all(|b| b.is_ascii_digit()), "{ours}");
        assert_eq!(code(CodePurpose::OneTime, &["ab", "c"]), ours);
        assert_ne!(code(CodePurpose::OneTime, &["a", "bc"]), ours);
        assert_ne!(code(CodePurpose::ChangeEmail, &["ab", "c"]), ours);
    }
}
