//! Groups of members, and each member's place in one.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{GroupId, GroupPlaceId, MembershipId, OrganizationId, SubjectId},
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupEvent {
    /// It was made.
    #[serde(rename = "GroupCreated")]
    Created {
        /// Whose it is.
        organization: OrganizationId,
        /// Its name, at most 100 characters.
        name: Personal<String>,
        /// What a directory calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// It was edited: its name, who is in it, or what it has rights in.
    #[serde(rename = "GroupUpdated")]
    Updated {
        /// Its name now.
        name: Personal<String>,
        /// What a directory calls it now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// It is gone.
    #[serde(rename = "GroupDeleted")]
    Deleted {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for GroupEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("GroupCreated", 1), ("GroupUpdated", 1), ("GroupDeleted", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. } | Self::Updated { at, .. } | Self::Deleted { at } => *at,
        }
    }
}

/// A group that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveGroup {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name; `None` once it was erased.
    pub name: Option<String>,
    /// What a directory calls it.
    pub external_id: Option<String>,
}

/// What decisions need to know of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Group {
    /// Nobody ever made it.
    #[default]
    Absent,
    /// It is there.
    Live(LiveGroup),
    /// It was there.
    Deleted,
}

impl Group {
    /// The group, if it is there and belongs to `organization`.
    pub fn within(&self, organization: OrganizationId) -> Option<&LiveGroup> {
        match self {
            Self::Live(group) if group.organization == organization => Some(group),
            _ => None,
        }
    }
}

impl Aggregate for Group {
    const CATEGORY: &'static str = "group";
    const FOLD: &'static str = "a9f9a0147063187f";
    type Id = GroupId;
    type Event = GroupEvent;

    fn evolve(self, event: &GroupEvent) -> Self {
        match (self, event) {
            (
                _,
                GroupEvent::Created {
                    organization,
                    name,
                    external_id,
                    at: _,
                },
            ) => Self::Live(LiveGroup {
                organization: *organization,
                name: name.known().cloned(),
                external_id: external_id.clone(),
            }),
            (Self::Live(live), GroupEvent::Updated { name, external_id, .. }) => Self::Live(LiveGroup {
                name: name.known().cloned(),
                external_id: external_id.clone(),
                ..live
            }),
            (state, GroupEvent::Updated { .. }) => state,
            (_, GroupEvent::Deleted { .. }) => Self::Deleted,
        }
    }

    fn counts(&self, _: GroupId, event: &GroupEvent) -> Counts {
        Counts::within(match (event, self) {
            (GroupEvent::Created { organization, .. }, _) => Some(*organization),
            (_, Self::Live(live)) => Some(live.organization),
            (_, Self::Absent | Self::Deleted) => None,
        })
    }

    fn subject(&self, _: GroupId) -> Option<SubjectId> {
        match self {
            Self::Live(live) => Some(live.organization.into()),
            Self::Absent | Self::Deleted => None,
        }
    }
}

/// Everything that can have happened to a member's place in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupPlaceEvent {
    /// The member is in the group.
    #[serde(rename = "GroupMemberAdded")]
    Added {
        /// Of which organization.
        organization: OrganizationId,
        /// Which group.
        group: GroupId,
        /// Who.
        member: MembershipId,
        /// When.
        at: Timestamp,
    },
    /// And no longer.
    #[serde(rename = "GroupMemberRemoved")]
    Removed {
        /// Which group; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<GroupId>,
        /// Who; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<MembershipId>,
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for GroupPlaceEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("GroupMemberAdded", 1), ("GroupMemberRemoved", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Added { at, .. } | Self::Removed { at, .. } => *at,
        }
    }
}

/// Whether the member is in the group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlace(pub bool);

impl Aggregate for GroupPlace {
    const CATEGORY: &'static str = "group_member";
    const FOLD: &'static str = "dcf90230600b789a";
    type Id = GroupPlaceId;
    type Event = GroupPlaceEvent;

    fn evolve(self, event: &GroupPlaceEvent) -> Self {
        match event {
            GroupPlaceEvent::Added { .. } => Self(true),
            GroupPlaceEvent::Removed { .. } => Self(false),
        }
    }

    fn counts(&self, _: GroupPlaceId, event: &GroupPlaceEvent) -> Counts {
        Counts::within(match event {
            GroupPlaceEvent::Added { organization, .. } => Some(*organization),
            GroupPlaceEvent::Removed { .. } => None,
        })
    }

    fn subject(&self, _: GroupPlaceId) -> Option<SubjectId> {
        None
    }
}
