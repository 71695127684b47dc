//! E-mail addresses: each is free, or held by one account.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{EmailAddressId, SubjectId, UserId},
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The most characters an address may have.
pub const MAX_ADDRESS: usize = 256;

/// An address as accounts are found by it: trimmed, lower case. `None` if it is none: no or several `@`, nothing before
/// or behind it, white space or control characters in it, or more than [`MAX_ADDRESS`] characters.
pub fn normalise(address: &str) -> Option<String> {
    let address = address.trim().to_lowercase();
    let (local, host) = address.split_once('@')?;
    let fine = !local.is_empty()
        && !host.is_empty()
        && !host.contains('@')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && address.chars().count() <= MAX_ADDRESS
        && !address
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';'));
    fine.then_some(address)
}

/// Everything that can have happened to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EmailAddressEvent {
    /// Somebody wants to register with it: a link goes there by mail.
    #[serde(rename = "RegistrationRequested")]
    RegistrationRequested {
        /// The address and the name given, sealed under a key of the address itself.
        who: Personal<Applicant>,
        /// When.
        at: Timestamp,
    },
    /// An account holds it.
    #[serde(rename = "EmailAddressHeld")]
    Held {
        /// Which.
        by: UserId,
        /// When.
        at: Timestamp,
    },
    /// It is free again.
    #[serde(rename = "EmailAddressReleased")]
    Released {
        /// When.
        at: Timestamp,
    },
}

/// Who wants to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applicant {
    /// The normalised address.
    pub email: String,
    /// What the person wants to be called.
    pub name: Option<String>,
}

impl DomainEvent for EmailAddressEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("RegistrationRequested", 1),
        ("EmailAddressHeld", 1),
        ("EmailAddressReleased", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::RegistrationRequested { at, .. } | Self::Held { at, .. } | Self::Released { at } => *at,
        }
    }
}

/// What decisions need to know of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EmailAddress {
    /// Nobody holds it.
    #[default]
    Free,
    /// An account does.
    Held {
        /// Which.
        by: UserId,
        /// Since when.
        since: Timestamp,
    },
}

impl EmailAddress {
    /// Who holds it.
    pub fn holder(self) -> Option<UserId> {
        match self {
            Self::Free => None,
            Self::Held { by, .. } => Some(by),
        }
    }
}

impl Aggregate for EmailAddress {
    const CATEGORY: &'static str = "email_address";
    const FOLD: &'static str = "fcee607e23eb399f";
    type Id = EmailAddressId;
    type Event = EmailAddressEvent;

    fn evolve(self, event: &EmailAddressEvent) -> Self {
        match event {
            EmailAddressEvent::RegistrationRequested { .. } => self,
            EmailAddressEvent::Held { by, at } => Self::Held { by: *by, since: *at },
            EmailAddressEvent::Released { .. } => Self::Free,
        }
    }

    fn counts(&self, _: EmailAddressId, _: &EmailAddressEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: EmailAddressId) -> Option<SubjectId> {
        self.holder().map(SubjectId::from)
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn addresses_are_found_whatever_their_case() {
        assert_eq!(normalise(" Ann@Example.ORG ").as_deref(), Some("ann@example.org"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "a@b@c",
            "an n@example.org",
            "ann@ex\r\nample.org",
            "a@.b",
            "<a@b>",
        ] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
        assert_eq!(normalise(&format!("{}@example.org", "a".repeat(250))), None);
    }
}
