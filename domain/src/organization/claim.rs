//! Domains that organizations claim: each proves by a TXT record that it is theirs, and one organization alone holds a domain.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{DomainId, DomainNameId, OrganizationId, SubjectId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a domain: lower case, two labels or more, at most 253 characters (RFC 1035, section 2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// A text that is the name of no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a domain")]
pub struct NoDomainName;

impl DomainName {
    /// Reads a name; capitals count as small letters. One with other letters than ASCII is known by its ASCII form (RFC 5891).
    pub fn parse(text: &str) -> Option<Self> {
        let name = idna::domain_to_ascii(text.trim()).ok()?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // the last label of an address in numbers is a number
        let last = name.rsplit('.').next().unwrap_or_default();
        let whole = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
        (whole && !last.bytes().all(|b| b.is_ascii_digit())).then_some(Self(name))
    }

    /// The domain of an e-mail address.
    pub fn of_address(email: &str) -> Option<Self> {
        Self::parse(email.rsplit_once('@')?.1)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DomainName {
    type Error = NoDomainName;

    fn try_from(text: String) -> Result<Self, NoDomainName> {
        Self::parse(&text).ok_or(NoDomainName)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A domain an organization says is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which domain.
    pub name: DomainName,
    /// What its TXT record must say.
    pub txt: String,
    /// When it was found to say so.
    pub verified: Option<Timestamp>,
    /// When it was claimed.
    pub added: Timestamp,
}

/// The claims of an organization by id, in no order of their own.
pub type Claims = std::collections::BTreeMap<DomainId, Claim>;

/// Whether one of the claims is verified and for the domain of this e-mail address.
pub fn claims_address<'c>(verified: impl IntoIterator<Item = &'c DomainName>, email: &str) -> bool {
    DomainName::of_address(email).is_some_and(|domain| verified.into_iter().any(|name| *name == domain))
}

/// Everything that can have happened to the name of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeldNameEvent {
    /// An organization showed that it is theirs.
    #[serde(rename = "DomainNameHeld")]
    Held {
        /// Which.
        by: OrganizationId,
        /// When.
        at: Timestamp,
    },
    /// It does not claim it any more, or is gone.
    #[serde(rename = "DomainNameReleased")]
    Released {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for HeldNameEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("DomainNameHeld", 1), ("DomainNameReleased", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Held { at, .. } | Self::Released { at } => *at,
        }
    }
}

/// Whose a domain is: a verified one belongs to one organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldName(pub Option<OrganizationId>);

impl Aggregate for HeldName {
    const CATEGORY: &'static str = "domain_name";
    const FOLD: &'static str = "c47ed77dab160ac0";
    type Id = DomainNameId;
    type Event = HeldNameEvent;

    fn evolve(self, event: &HeldNameEvent) -> Self {
        match event {
            HeldNameEvent::Held { by, .. } => Self(Some(*by)),
            HeldNameEvent::Released { .. } => Self(None),
        }
    }

    /// Told by the organization's own events.
    fn counts(&self, _: DomainNameId, _: &HeldNameEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: DomainNameId) -> Option<SubjectId> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_domains_are_told_from_other_texts() {
        let name = DomainName::parse(" Mail.Example.ORG ").unwrap();
        assert_eq!(name.as_str(), "mail.example.org");
        assert_eq!(DomainName::of_address("ann@mail.example.org"), Some(name));
        let long = format!("{}.org", "a".repeat(64));
        let longer = format!("{}org", "abcdefgh.".repeat(28));
        for other in [
            "",
            "org",
            ".",
            "a..b",
            "-a.org",
            "a-.org",
            "a b.org",
            "127.0.0.1",
            "http://a.org",
            "a.org/",
            "a.org.",
            "a@b.org",
            "*.a.org",
            "_dmarc.a.org",
            &long,
            &longer,
        ] {
            assert_eq!(DomainName::parse(other), None, "{other}");
        }
        let books = DomainName::parse("xn--bcher-kva.example").unwrap();
        assert_eq!(DomainName::parse("Bücher.Example"), Some(books.clone()));
        assert_eq!(DomainName::of_address("ann@bücher.example"), Some(books));
    }

    #[test]
    fn an_address_is_claimed_by_its_very_domain_only() {
        let verified = [DomainName::parse("example.org").unwrap()];
        assert!(claims_address(&verified, "ann@example.org"));
        for other in [
            "ann@mail.example.org",
            "ann@example.org.evil.net",
            "ann@notexample.org",
            "example.org",
        ] {
            assert!(!claims_address(&verified, other), "{other}");
        }
    }
}
