//! The link by which whoever has it, and an address in a domain it allows, gets into an organization.

use super::claim::DomainName;
use crate::{id::InviteLinkId, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// What makes a link work.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSecret {
    /// What stands in its address.
    pub code: Uuid,
    /// What clients make of it: sealed with what only the address of the link holds.
    pub invite: String,
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(…)")
    }
}

/// The link of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteLink {
    /// Its id.
    pub id: InviteLinkId,
    /// What makes it work; `None` once that was erased.
    pub secret: Option<LinkSecret>,
    /// The domains an address may be in.
    pub domains: Vec<DomainName>,
    /// Whether who has it can confirm themselves.
    pub confirms: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl InviteLink {
    /// Whether the owner of this address may use it.
    pub fn allows(&self, email: &str) -> bool {
        super::claim::claims_address(&self.domains, email)
    }

    /// Whether this is its code.
    pub fn is(&self, code: Uuid) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.code == code)
    }
}
