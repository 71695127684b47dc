//! What a member or a group may do in a collection: one stream for each pair.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{CollectionId, GrantId, GroupId, MembershipId, OrganizationId, SubjectId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Rights in a collection. None of the three is the plain right to read and change what is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Rights {
    /// Items may be read, not changed.
    pub read_only: bool,
    /// Clients do not show passwords.
    pub hide_passwords: bool,
    /// The collection itself may be changed: who is in it, its name, and items deleted.
    pub manage: bool,
}

impl Rights {
    /// Everything.
    pub const MANAGE: Self = Self {
        read_only: false,
        hide_passwords: false,
        manage: true,
    };

    /// What somebody may do who has both, by two groups or for one item in two collections: the more of each. What a member has in a
    /// collection by themselves is not joined with what groups have there: it holds alone.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            read_only: self.read_only && other.read_only,
            hide_passwords: self.hide_passwords && other.hide_passwords,
            manage: self.manage || other.manage,
        }
    }
}

/// Who has rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Grantee {
    /// A member.
    Member(MembershipId),
    /// Every member of a group.
    Group(GroupId),
}

impl Grantee {
    /// The bare id.
    pub fn id(self) -> Uuid {
        match self {
            Self::Member(id) => id.0,
            Self::Group(id) => id.0,
        }
    }
}

/// Everything that can have happened to a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantEvent {
    /// Rights were given, or are others now.
    #[serde(rename = "CollectionAccessGranted")]
    Granted {
        /// In which organization.
        organization: OrganizationId,
        /// In which collection.
        collection: CollectionId,
        /// To whom.
        to: Grantee,
        /// Which.
        rights: Rights,
        /// When.
        at: Timestamp,
    },
    /// They were taken away.
    #[serde(rename = "CollectionAccessWithdrawn")]
    Withdrawn {
        /// In which collection; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        collection: Option<CollectionId>,
        /// From whom; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Grantee>,
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for GrantEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("CollectionAccessGranted", 1), ("CollectionAccessWithdrawn", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Granted { at, .. } | Self::Withdrawn { at, .. } => *at,
        }
    }
}

/// The rights, if there are any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant(pub Option<Rights>);

impl Aggregate for Grant {
    const CATEGORY: &'static str = "collection_grant";
    const FOLD: &'static str = "4c75de9d57c9870f";
    type Id = GrantId;
    type Event = GrantEvent;

    fn evolve(self, event: &GrantEvent) -> Self {
        match event {
            GrantEvent::Granted { rights, .. } => Self(Some(*rights)),
            GrantEvent::Withdrawn { .. } => Self(None),
        }
    }

    fn counts(&self, _: GrantId, event: &GrantEvent) -> Counts {
        Counts::within(match event {
            GrantEvent::Granted { organization, .. } => Some(*organization),
            GrantEvent::Withdrawn { .. } => None,
        })
    }

    fn subject(&self, _: GrantId) -> Option<SubjectId> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_grants_together_give_the_more_of_each() {
        let (reading, hidden) = (
            Rights {
                read_only: true,
                ..Rights::default()
            },
            Rights {
                hide_passwords: true,
                ..Rights::default()
            },
        );
        assert_eq!(reading.or(hidden), Rights::default());
        assert_eq!(reading.or(reading), reading);
        assert!(reading.or(Rights::MANAGE).manage && !reading.or(Rights::MANAGE).read_only);
    }
}
