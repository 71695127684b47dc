//! What somebody did without changing anything: signed in, was refused, exported, read a log.
//!
//! Kept in `activity-<user>`; nothing is decided from it.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{CipherId, DeviceId, MembershipId, OrganizationId, SubjectId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// What the API catalogue numbers among what happens to an account: organizations of the person are told.
pub const OF_USERS: std::ops::Range<i32> = 1000..1100;

/// What clients report that the API catalogue takes for something of a membership: it names the member and whose it is.
pub const OF_MEMBERS: [i32; 6] = [1522, 1618, 1619, 2400, 2401, 2402];

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The master password or API key was wrong.
    Secret,
    /// The second factor was.
    SecondFactor,
    /// The client is too old.
    ClientVersion,
    /// The device must be verified first.
    NewDevice,
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Master password.
    Password,
    /// The account's API key.
    ApiKey,
}

/// Everything of the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityEvent {
    /// A login succeeded.
    #[serde(rename = "UserLoggedIn")]
    LoggedIn {
        /// With which device.
        device: DeviceId,
        /// By what.
        grant: Grant,
        /// When.
        at: Timestamp,
    },
    /// Logins failed: one event for each address, kind of device, account and minute.
    #[serde(rename = "UserLoginRefused")]
    LoginRefused {
        /// Why.
        reason: Refusal,
        /// How many tries since the event before for the same address, kind of device and account, this one included.
        count: u32,
        /// When the first of them was.
        at: Timestamp,
    },
    /// Somebody signed in gave a wrong password or code where it was asked for again: gathered in the same way.
    #[serde(rename = "UserSecretRefused")]
    SecretRefused {
        /// How many tries since the event before, this one included.
        count: u32,
        /// When the first of them was.
        at: Timestamp,
    },
    /// The audit log of the account was exported, or is about to be.
    #[serde(rename = "AuditLogExported")]
    AuditLogExported {
        /// How many records: older programs said it afterwards.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        records: Option<u64>,
        /// What was asked for: ids and dates as JSON; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<serde_json::Value>,
        /// When.
        at: Timestamp,
    },
    /// A log was looked at: a page of it, or what there was at a moment.
    #[serde(rename = "AuditLogRead")]
    AuditLogRead {
        /// Whose; none: the person's own, or that of an item of theirs.
        organization: Option<OrganizationId>,
        /// What was asked for: ids and dates as JSON.
        asked: serde_json::Value,
        /// When.
        at: Timestamp,
    },
    /// A member asked an organization for what they may not have, or what is not there; or somebody showed a wrong key of it.
    #[serde(rename = "AccessRefused")]
    AccessRefused {
        /// Which.
        organization: OrganizationId,
        /// Which item, if the request named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cipher: Option<CipherId>,
        /// `GET`, `POST` …
        method: String,
        /// The route, with the names of its parameters in place of what they were.
        route: String,
        /// The answer's status.
        status: u16,
        /// When.
        at: Timestamp,
    },
    /// A client says that something happened which no server can see.
    #[serde(rename = "ClientReported")]
    Reported {
        /// `EventType` of the API catalogue.
        kind: i32,
        /// In whose log it belongs; none: the person's.
        organization: Option<OrganizationId>,
        /// The item.
        cipher: Option<CipherId>,
        /// As which member, for one of [`OF_MEMBERS`]; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        membership: Option<MembershipId>,
        /// When the client says it was.
        claimed: Option<Timestamp>,
        /// When the server was told.
        at: Timestamp,
    },
}

impl DomainEvent for ActivityEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("UserLoggedIn", 1),
        ("UserLoginRefused", 1),
        ("UserSecretRefused", 1),
        ("AuditLogExported", 1),
        ("AuditLogRead", 1),
        ("AccessRefused", 1),
        ("ClientReported", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::LoggedIn { at, .. }
            | Self::LoginRefused { at, .. }
            | Self::SecretRefused { at, .. }
            | Self::AuditLogExported { at, .. }
            | Self::AuditLogRead { at, .. }
            | Self::AccessRefused { at, .. }
            | Self::Reported { at, .. } => *at,
        }
    }
}

/// Nothing is decided from activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity;

impl Aggregate for Activity {
    const CATEGORY: &'static str = "activity";
    const FOLD: &'static str = "44de4aebdd45b227";
    type Id = UserId;
    type Event = ActivityEvent;

    fn evolve(self, _: &ActivityEvent) -> Self {
        self
    }

    fn counts(&self, _: UserId, event: &ActivityEvent) -> Counts {
        match event {
            ActivityEvent::LoggedIn { .. } | ActivityEvent::LoginRefused { .. } => Counts::AsAsked,
            ActivityEvent::AccessRefused { organization, .. } => Counts::For(*organization),
            ActivityEvent::AuditLogRead { organization, .. } => organization.map_or(Counts::ForNone, Counts::For),
            // no business of an organization
            ActivityEvent::SecretRefused { .. } | ActivityEvent::AuditLogExported { .. } => Counts::ForNone,
            ActivityEvent::Reported { organization, kind, .. } => match organization {
                Some(organization) => Counts::For(*organization),
                None if OF_USERS.contains(kind) => Counts::AsAsked,
                None => Counts::ForNone,
            },
        }
    }

    fn subject(&self, _: UserId) -> Option<SubjectId> {
        None
    }
}
