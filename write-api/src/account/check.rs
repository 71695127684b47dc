//! Checks of the form of what clients say about accounts. What is wrong is gathered field by field, as clients know the
//! fields.

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{
    account::address::normalise,
    crypto::{EncString, is_key_id},
};
use web::{Answer, Problem};

/// The longest hash of a master password that is looked at.
pub const MAX_HASH: usize = 300;
/// The shortest that is taken for a new password.
const MIN_HASH: usize = 12;
/// The most characters of a sealed key.
const MAX_SEALED_KEY: usize = 10_000;
/// The most characters of a public key.
const MAX_PUBLIC_KEY: usize = 10_000;

/// What is wrong, field by field.
#[derive(Debug, Default)]
pub struct Checks(Vec<(String, String)>);

impl Checks {
    /// Nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` is wrong.
    pub fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.0.push((field.to_owned(), message.into()));
    }

    /// An optional text of at most `max` characters; empty and blank mean none. Control characters are no text: not
    /// every table could hold them.
    pub fn text(&mut self, field: &str, text: Option<String>, max: usize) -> Option<String> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        if text.chars().count() > max {
            let message = format!("The field {field} must be a string with a maximum length of {max}.");
            self.wrong(field, message);
        } else if text.chars().any(char::is_control) {
            self.wrong(field, format!("The field {field} must not contain control characters."));
        }
        Some(text)
    }

    /// A text that must be there.
    pub fn required(&mut self, field: &str, text: Option<String>, max: usize) -> String {
        let text = self.text(field, text, max);
        if text.is_none() {
            self.wrong(field, format!("The {field} field is required."));
        }
        text.unwrap_or_default()
    }

    /// An address that must be there, normalised.
    pub fn email(&mut self, field: &str, address: Option<&str>) -> String {
        match address.map(|address| (normalise(address), address.trim().is_empty())) {
            Some((Some(address), _)) => return address,
            None | Some((None, true)) => self.wrong(field, format!("The {field} field is required.")),
            Some((None, false)) => {
                let message = format!("The {field} field is not a supported e-mail address format.");
                self.wrong(field, message);
            }
        }
        String::new()
    }

    /// A hash of a new master password that must be there.
    pub fn new_hash(&mut self, field: &str, hash: Option<String>, max: usize) -> String {
        let hash = self.required(field, hash, max);
        if !hash.is_empty() && hash.chars().count() < MIN_HASH {
            let message = format!("Passwords must be at least {MIN_HASH} characters.");
            self.wrong("", message);
        }
        hash
    }

    /// A sealed key that must be there.
    pub fn sealed(&mut self, field: &str, text: Option<String>) -> Option<EncString> {
        let text = text.filter(|text| !text.is_empty());
        let Some(text) = text else {
            self.wrong(field, format!("The {field} field is required."));
            return None;
        };
        let parsed = EncString::parse(text, MAX_SEALED_KEY);
        if parsed.is_err() {
            self.wrong(field, format!("{field} is not a valid encrypted string."));
        }
        parsed.ok()
    }

    /// A public key that must be there: base64 of something.
    pub fn public_key(&mut self, field: &str, text: Option<String>) -> String {
        let text = text.unwrap_or_default();
        if text.is_empty() {
            self.wrong(field, format!("The {field} field is required."));
        } else if text.len() > MAX_PUBLIC_KEY || BASE64_STANDARD.decode(&text).is_err() {
            self.wrong(field, format!("{field} is not a valid public key."));
        }
        text
    }

    /// The id of a user key, if there is one.
    pub fn key_id(&mut self, field: &str, id: Option<String>) -> Option<String> {
        let id = id.filter(|id| !id.is_empty())?;
        if !is_key_id(&id) || id.bytes().any(|b| b.is_ascii_uppercase()) {
            self.wrong(field, format!("{field} is not a valid key id."));
        }
        Some(id)
    }

    /// Nothing was wrong.
    ///
    /// # Errors
    /// 400 with everything that was.
    pub fn done(self) -> Answer<()> {
        Problem::fields(self.0).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(checks: Checks) -> String {
        checks.done().unwrap_err().message().to_owned()
    }

    #[test]
    fn a_blank_text_is_none_and_a_long_one_is_refused() {
        let mut checks = Checks::new();
        assert_eq!(checks.text("Name", Some("  ".to_owned()), 50), None);
        assert_eq!(checks.text("Name", Some("ä".repeat(50)), 50), Some("ä".repeat(50)));
        assert!(checks.done().is_ok());
        let mut checks = Checks::new();
        checks.text("Name", Some("x".repeat(51)), 50);
        assert_eq!(
            first(checks),
            "The field Name must be a string with a maximum length of 50."
        );
        let mut checks = Checks::new();
        checks.text("Name", Some("a\0b".to_owned()), 50);
        assert_eq!(first(checks), "The field Name must not contain control characters.");
    }

    #[test]
    fn a_key_id_has_32_small_hexadecimal_digits() {
        let message = |id: &str| {
            let mut checks = Checks::new();
            checks.key_id("UserKeyId", Some(id.to_owned()));
            checks.done().err().map(|problem| problem.message().to_owned())
        };
        assert_eq!(message("00112233445566778899aabbccddeeff"), None);
        let wrong = Some("UserKeyId is not a valid key id.".to_owned());
        assert_eq!(message("00112233445566778899AABBCCDDEEFF"), wrong);
        assert_eq!(message("0011"), wrong);
    }

    #[test]
    fn a_sealed_key_has_the_form() {
        let mut checks = Checks::new();
        assert!(checks.sealed("Key", Some("2.AAAA|AAAA|AAAA".to_owned())).is_some());
        assert!(checks.sealed("Key", Some("2.AAAA".to_owned())).is_none());
        assert_eq!(first(checks), "Key is not a valid encrypted string.");
    }
}
