//! Policies of an organization (`PolicyType` of the catalogue, 0 to 22): one stream for each kind.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{OrganizationId, PolicyId, SubjectId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The highest kind there is.
pub const LAST_KIND: u8 = 22;

/// What a policy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Enforced {
    /// Every member logs in with two factors.
    TwoFactor = 0,
    /// Master passwords are as strong as it says: clients see to that.
    MasterPassword = 1,
    /// Members are in no other organization.
    SingleOrganization = 3,
    /// Members sign in by single sign-on.
    RequireSso = 4,
    /// New items belong to the organization.
    OrganizationDataOwnership = 5,
    /// Admins can reset passwords.
    ResetPassword = 8,
    /// Vaults lock after a while.
    MaximumVaultTimeout = 9,
    /// Personal vaults are not exported.
    DisablePersonalExport = 10,
    /// By which rule clients match addresses of sites.
    UriMatchDefaults = 16,
    /// Members are confirmed by clients of admins, by themselves.
    AutomaticConfirmation = 18,
    /// Nobody makes an account with an address of a claimed domain.
    BlockClaimedDomainAccountCreation = 19,
    /// What members are told by clients.
    OrganizationUserNotification = 20,
}

/// Policies that are on only where [`Enforced::SingleOrganization`] is: they decide about an account, which no two
/// organizations can.
pub const OF_A_SINGLE_ORGANIZATION: [Enforced; 6] = [
    Enforced::RequireSso,
    Enforced::ResetPassword,
    Enforced::MaximumVaultTimeout,
    Enforced::UriMatchDefaults,
    Enforced::AutomaticConfirmation,
    Enforced::OrganizationUserNotification,
];

/// Everything that can have happened to a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyEvent {
    /// It was switched on or off, or asks for something else.
    #[serde(rename = "PolicySet")]
    Set {
        /// Whose it is.
        organization: OrganizationId,
        /// Number of its kind.
        kind: u8,
        /// Whether it is on.
        enabled: bool,
        /// What it asks for, in the words of its kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Value>,
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for PolicyEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("PolicySet", 1)];

    fn at(&self) -> Timestamp {
        let Self::Set { at, .. } = self;
        *at
    }
}

/// A policy as it stands: off, and asking for nothing, until somebody set it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether it is on.
    pub enabled: bool,
    /// What it asks for.
    pub data: Option<Value>,
    /// When it was last set.
    pub set: Option<Timestamp>,
}

impl Aggregate for Policy {
    const CATEGORY: &'static str = "policy";
    const FOLD: &'static str = "2cd0d0b78ffc3744";
    type Id = PolicyId;
    type Event = PolicyEvent;

    fn evolve(self, event: &PolicyEvent) -> Self {
        let PolicyEvent::Set { enabled, data, at, .. } = event;
        Self {
            enabled: *enabled,
            data: data.clone(),
            set: Some(*at),
        }
    }

    fn counts(&self, _: PolicyId, event: &PolicyEvent) -> Counts {
        let PolicyEvent::Set { organization, .. } = event;
        Counts::For(*organization)
    }

    fn subject(&self, _: PolicyId) -> Option<SubjectId> {
        None
    }
}
