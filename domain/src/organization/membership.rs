//! A membership: from the invitation to the day somebody leaves.

use super::role::Role;
use crate::{
    crypto::EncString,
    event::{Aggregate, Counts, DomainEvent},
    id::{EmailAddressId, MembershipId, OrganizationId, SubjectId, UserId},
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Who is invited, until they accept: sealed under the key of the organization, which knows them by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitee {
    /// The normalised address.
    pub email: String,
}

/// Why somebody was revoked (`RevocationReason` of the catalogue).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// By somebody who manages members.
    ByAdmin,
    /// By the policy that asks for two-factor login.
    TwoFactorPolicy,
    /// By the policy that allows one organization.
    SingleOrganizationPolicy,
    /// By the member.
    BySelf,
}

/// How a membership ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Somebody who manages members removed it.
    Removed,
    /// The member left.
    Left,
    /// The account is gone.
    AccountDeleted,
    /// The organization, which claims the account, deleted it.
    ClaimedAccountDeleted,
    /// The organization is gone.
    OrganizationDeleted,
}

/// Everything that can have happened to a membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MembershipEvent {
    /// Somebody founded the organization and is in it.
    #[serde(rename = "MembershipFounded")]
    Founded {
        /// In which organization.
        organization: OrganizationId,
        /// Who.
        user: UserId,
        /// The organization's key, sealed for the founder.
        key: EncString,
        /// SHA-256 of it.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody was invited.
    #[serde(rename = "MemberInvited")]
    Invited {
        /// Into which organization.
        organization: OrganizationId,
        /// Whom.
        who: Personal<Invitee>,
        /// The address as something to hold.
        address: EmailAddressId,
        /// As what.
        role: Role,
        /// What a directory calls them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// Whether they may use Secrets Manager.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secrets_manager: bool,
        /// When.
        at: Timestamp,
    },
    /// The invitation was sent again; those before it are good no longer.
    #[serde(rename = "MemberInvitedAgain")]
    InvitedAgain {
        /// When.
        at: Timestamp,
    },
    /// Somebody with an account accepted the invitation.
    #[serde(rename = "MembershipAccepted")]
    Accepted {
        /// Who.
        user: UserId,
        /// When.
        at: Timestamp,
    },
    /// Somebody who has the organization's key sealed it for the member.
    #[serde(rename = "MembershipConfirmed")]
    Confirmed {
        /// The organization's key, sealed for the member.
        key: EncString,
        /// SHA-256 of it.
        fingerprint: String,
        /// Whether a client did it by itself, as a policy allows, and nobody looked.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        automatic: bool,
        /// When.
        at: Timestamp,
    },
    /// Somebody came in by the link of the organization, without an invitation of their own.
    #[serde(rename = "MembershipJoinedByLink")]
    JoinedByLink {
        /// Into which organization.
        organization: OrganizationId,
        /// Who.
        user: UserId,
        /// When.
        at: Timestamp,
    },
    /// Somebody who came in by the link had the organization's key from it, and sealed it for themselves.
    #[serde(rename = "MembershipConfirmedByLink")]
    ConfirmedByLink {
        /// The organization's key, sealed for the member.
        key: EncString,
        /// SHA-256 of it.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Another role, or other permissions.
    #[serde(rename = "MemberRoleChanged")]
    RoleChanged {
        /// The role now.
        role: Role,
        /// Whether they may use Secrets Manager now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        secrets_manager: bool,
        /// When.
        at: Timestamp,
    },
    /// What a directory calls the member.
    #[serde(rename = "MemberExternalIdChanged")]
    ExternalIdChanged {
        /// `None`: nothing any more.
        external_id: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Rights are suspended.
    #[serde(rename = "MembershipRevoked")]
    Revoked {
        /// Why.
        reason: RevocationReason,
        /// When.
        at: Timestamp,
    },
    /// Rights are as they were before.
    #[serde(rename = "MembershipRestored")]
    Restored {
        /// When.
        at: Timestamp,
    },
    /// The member let the organization recover the account.
    #[serde(rename = "AccountRecoveryEnrolled")]
    RecoveryEnrolled {
        /// The user key, sealed for the organization.
        key: EncString,
        /// SHA-256 of it.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// And no longer.
    #[serde(rename = "AccountRecoveryWithdrawn")]
    RecoveryWithdrawn {
        /// When.
        at: Timestamp,
    },
    /// The account was recovered: its password was set by the organization.
    #[serde(rename = "AccountRecovered")]
    Recovered {
        /// When.
        at: Timestamp,
    },
    /// The member has another organization key, because the organization or the member rotated keys.
    #[serde(rename = "MembershipKeyChanged")]
    KeyChanged {
        /// The organization's key, sealed for the member.
        key: EncString,
        /// SHA-256 of it.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// The account has another key pair, and nobody sealed the organization's key for it: the member is to be confirmed again.
    #[serde(rename = "MembershipKeyVoided")]
    KeyVoided {
        /// When.
        at: Timestamp,
    },
    /// It is over.
    #[serde(rename = "MembershipEnded")]
    Ended {
        /// How.
        how: Ending,
        /// Whose it was, if that was known; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for MembershipEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("MembershipFounded", 1),
        ("MemberInvited", 1),
        ("MemberInvitedAgain", 1),
        ("MembershipAccepted", 1),
        ("MembershipConfirmed", 1),
        ("MembershipJoinedByLink", 1),
        ("MembershipConfirmedByLink", 1),
        ("MemberRoleChanged", 1),
        ("MemberExternalIdChanged", 1),
        ("MembershipRevoked", 1),
        ("MembershipRestored", 1),
        ("AccountRecoveryEnrolled", 1),
        ("AccountRecoveryWithdrawn", 1),
        ("AccountRecovered", 1),
        ("MembershipKeyChanged", 1),
        ("MembershipKeyVoided", 1),
        ("MembershipEnded", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::Founded { at, .. }
            | Self::Invited { at, .. }
            | Self::InvitedAgain { at }
            | Self::Accepted { at, .. }
            | Self::Confirmed { at, .. }
            | Self::JoinedByLink { at, .. }
            | Self::ConfirmedByLink { at, .. }
            | Self::RoleChanged { at, .. }
            | Self::ExternalIdChanged { at, .. }
            | Self::Revoked { at, .. }
            | Self::Restored { at }
            | Self::RecoveryEnrolled { at, .. }
            | Self::RecoveryWithdrawn { at }
            | Self::Recovered { at }
            | Self::KeyChanged { at, .. }
            | Self::KeyVoided { at }
            | Self::Ended { at, .. } => *at,
        }
    }
}

/// How far somebody has got on the way into an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Invited, by an address.
    Invited,
    /// Accepted, by an account.
    Accepted,
    /// Confirmed: has the organization's key.
    Confirmed,
}

/// A membership that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveMembership {
    /// In which organization.
    pub organization: OrganizationId,
    /// How far it has got.
    pub stage: Stage,
    /// Whether its rights are suspended.
    pub revoked: bool,
    /// Who, once it is known.
    pub user: Option<UserId>,
    /// The address somebody was invited by; `None` for founders, and once it was erased.
    pub email: Option<String>,
    /// That address as something held, until the invitation is accepted.
    pub address: Option<EmailAddressId>,
    /// As what.
    pub role: Role,
    /// Whether they may use Secrets Manager.
    pub secrets_manager: bool,
    /// What a directory calls them.
    pub external_id: Option<String>,
    /// The organization's key, sealed for the member.
    pub key: Option<EncString>,
    /// They had one that opens nothing any more, and nobody has looked at the new key pair yet.
    #[serde(default)]
    pub key_voided: bool,
    /// The user key, sealed for the organization.
    pub recovery_key: Option<EncString>,
    /// When the last invitation went out: those before it are good no longer.
    pub invited: Timestamp,
    /// When it began.
    pub created: Timestamp,
}

impl LiveMembership {
    /// The number clients know its state by (`OrganizationUserStatusType`).
    pub fn status(&self) -> i16 {
        match (self.revoked, self.stage) {
            (true, _) => -1,
            (false, Stage::Invited) => 0,
            (false, Stage::Accepted) => 1,
            (false, Stage::Confirmed) => 2,
        }
    }

    /// Whether it gives any rights.
    pub fn is_active(&self) -> bool {
        !self.revoked && self.stage == Stage::Confirmed
    }
}

/// What decisions need to know of a membership.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    /// There never was one.
    #[default]
    Absent,
    /// It is there.
    Live(Box<LiveMembership>),
    /// It is over.
    Ended,
}

impl Membership {
    /// The membership, if it is there.
    pub fn live(&self) -> Option<&LiveMembership> {
        match self {
            Self::Live(membership) => Some(membership),
            Self::Absent | Self::Ended => None,
        }
    }

    /// The membership, if it is there and in `organization`.
    pub fn within(&self, organization: OrganizationId) -> Option<&LiveMembership> {
        self.live().filter(|membership| membership.organization == organization)
    }
}

impl Aggregate for Membership {
    const CATEGORY: &'static str = "membership";
    const FOLD: &'static str = "c01e0a9071f4ff60";
    type Id = MembershipId;
    type Event = MembershipEvent;

    fn evolve(self, event: &MembershipEvent) -> Self {
        use MembershipEvent as E;
        match event {
            E::Founded {
                organization,
                user,
                key,
                fingerprint: _,
                at,
            } => {
                return Self::Live(Box::new(LiveMembership {
                    organization: *organization,
                    stage: Stage::Confirmed,
                    revoked: false,
                    user: Some(*user),
                    email: None,
                    address: None,
                    role: Role::Owner,
                    secrets_manager: false,
                    external_id: None,
                    key: Some(key.clone()),
                    key_voided: false,
                    recovery_key: None,
                    invited: *at,
                    created: *at,
                }));
            }
            E::Invited {
                organization,
                who,
                address,
                role,
                external_id,
                secrets_manager,
                at,
            } => {
                return Self::Live(Box::new(LiveMembership {
                    organization: *organization,
                    stage: Stage::Invited,
                    revoked: false,
                    user: None,
                    email: who.known().map(|invitee| invitee.email.clone()),
                    address: Some(*address),
                    role: *role,
                    secrets_manager: *secrets_manager,
                    external_id: external_id.clone(),
                    key: None,
                    key_voided: false,
                    recovery_key: None,
                    invited: *at,
                    created: *at,
                }));
            }
            E::JoinedByLink { organization, user, at } => {
                return Self::Live(Box::new(LiveMembership {
                    organization: *organization,
                    stage: Stage::Accepted,
                    revoked: false,
                    user: Some(*user),
                    email: None,
                    address: None,
                    role: Role::User,
                    secrets_manager: false,
                    external_id: None,
                    key: None,
                    key_voided: false,
                    recovery_key: None,
                    invited: *at,
                    created: *at,
                }));
            }
            E::InvitedAgain { .. }
            | E::ConfirmedByLink { .. }
            | E::Accepted { .. }
            | E::Confirmed { .. }
            | E::RoleChanged { .. }
            | E::ExternalIdChanged { .. }
            | E::Revoked { .. }
            | E::Restored { .. }
            | E::RecoveryEnrolled { .. }
            | E::RecoveryWithdrawn { .. }
            | E::Recovered { .. }
            | E::KeyChanged { .. }
            | E::KeyVoided { .. }
            | E::Ended { .. } => {}
        }
        let Self::Live(mut live) = self else { return self };
        match event {
            E::Founded { .. } | E::Invited { .. } | E::JoinedByLink { .. } | E::Recovered { .. } => {}
            E::InvitedAgain { at } => live.invited = *at,
            E::Accepted { user, .. } => {
                live.stage = Stage::Accepted;
                live.user = Some(*user);
                live.address = None;
            }
            E::Confirmed { key, .. } | E::ConfirmedByLink { key, .. } => {
                live.stage = Stage::Confirmed;
                live.key = Some(key.clone());
                live.key_voided = false;
            }
            E::RoleChanged {
                role, secrets_manager, ..
            } => {
                live.role = *role;
                live.secrets_manager = *secrets_manager;
            }
            E::ExternalIdChanged { external_id, .. } => live.external_id.clone_from(external_id),
            E::Revoked { .. } => live.revoked = true,
            E::Restored { .. } => live.revoked = false,
            E::RecoveryEnrolled { key, .. } => live.recovery_key = Some(key.clone()),
            E::RecoveryWithdrawn { .. } => live.recovery_key = None,
            E::KeyChanged { key, .. } => live.key = Some(key.clone()),
            E::KeyVoided { .. } => {
                live.stage = Stage::Accepted;
                live.key = None;
                live.key_voided = true;
            }
            E::Ended { .. } => return Self::Ended,
        }
        Self::Live(live)
    }

    fn counts(&self, _: MembershipId, event: &MembershipEvent) -> Counts {
        Counts::within(match event {
            MembershipEvent::Founded { organization, .. }
            | MembershipEvent::Invited { organization, .. }
            | MembershipEvent::JoinedByLink { organization, .. } => Some(*organization),
            _ => self.live().map(|membership| membership.organization),
        })
    }

    fn subject(&self, _: MembershipId) -> Option<SubjectId> {
        self.live().map(|live| live.organization.into())
    }
}
