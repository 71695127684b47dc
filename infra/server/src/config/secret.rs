//! Values that must not appear in logs.

use std::fmt;
use url::Url;

/// A secret text; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whoever must use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An address that may hold a password; `Debug` and `Display` mask it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The address with its password.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// `esdb`, `s3`, ...
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The parsed address, password included.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address with `***` for passwords, in the user part and in the query.
pub fn masked(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Only addresses without a host refuse, and those have no password.
        let _ = url.set_password(Some("***"));
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(k, v)| {
                let secret = ["password", "secret", "token", "key"]
                    .iter()
                    .any(|w| k.to_ascii_lowercase().contains(w));
                (k.into_owned(), if secret { "***".to_owned() } else { v.into_owned() })
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand_in_an_address() {
        let shown = |text: &str| Address::from(Url::parse(text).unwrap()).to_string();
        assert_eq!(shown("postgres://u:hush@h/db"), "postgres://u:***@h/db");
        assert_eq!(
            shown("postgres://h/db?user=u&password=hush"),
            "postgres://h/db?user=u&password=***"
        );
        assert_eq!(shown("redis://:hush@h:6379"), "redis://:***@h:6379");
        assert_eq!(format!("{:?}", Secret::new("hush")), "***");
    }
}
