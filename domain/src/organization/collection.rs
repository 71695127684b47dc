//! Collections: what members of an organization share items through.

use crate::{
    crypto::EncString,
    event::{Aggregate, Counts, DomainEvent},
    id::{CollectionId, MembershipId, OrganizationId, SubjectId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a collection. Who has rights in it is told by [`super::grant`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectionEvent {
    /// It was made.
    #[serde(rename = "CollectionCreated")]
    Created {
        /// Whose it is.
        organization: OrganizationId,
        /// Its name, sealed with the organization's key.
        name: EncString,
        /// What a directory calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// The member whose own items it holds, if it is one of those ("My items").
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default_of: Option<MembershipId>,
        /// When.
        at: Timestamp,
    },
    /// It was edited: its name, what a directory calls it, or who has rights in it.
    #[serde(rename = "CollectionUpdated")]
    Updated {
        /// Its name now.
        name: EncString,
        /// What a directory calls it now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// The member whose own items it held is gone: from now on it is a collection like others.
    #[serde(rename = "CollectionReleased")]
    Released {
        /// Whose own items it held.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        formerly_of: Option<UserId>,
        /// When.
        at: Timestamp,
    },
    /// It is gone; the items in it are not.
    #[serde(rename = "CollectionDeleted")]
    Deleted {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for CollectionEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("CollectionCreated", 1),
        ("CollectionUpdated", 1),
        ("CollectionReleased", 1),
        ("CollectionDeleted", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. } | Self::Updated { at, .. } | Self::Released { at, .. } | Self::Deleted { at } => {
                *at
            }
        }
    }
}

/// A collection that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCollection {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name.
    pub name: EncString,
    /// What a directory calls it.
    pub external_id: Option<String>,
    /// The member whose own items it holds.
    pub default_of: Option<MembershipId>,
}

/// What decisions need to know of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collection {
    /// Nobody ever made it.
    #[default]
    Absent,
    /// It is there.
    Live(Box<LiveCollection>),
    /// It was there.
    Deleted,
}

impl Collection {
    /// The collection, if it is there and belongs to `organization`.
    pub fn within(&self, organization: OrganizationId) -> Option<&LiveCollection> {
        match self {
            Self::Live(collection) if collection.organization == organization => Some(collection),
            _ => None,
        }
    }
}

impl Aggregate for Collection {
    const CATEGORY: &'static str = "collection";
    const FOLD: &'static str = "58dc14ac8a55903b";
    type Id = CollectionId;
    type Event = CollectionEvent;

    fn evolve(self, event: &CollectionEvent) -> Self {
        match (self, event) {
            (
                _,
                CollectionEvent::Created {
                    organization,
                    name,
                    external_id,
                    default_of,
                    at: _,
                },
            ) => Self::Live(Box::new(LiveCollection {
                organization: *organization,
                name: name.clone(),
                external_id: external_id.clone(),
                default_of: *default_of,
            })),
            (Self::Live(live), CollectionEvent::Updated { name, external_id, .. }) => {
                Self::Live(Box::new(LiveCollection {
                    name: name.clone(),
                    external_id: external_id.clone(),
                    ..*live
                }))
            }
            (Self::Live(live), CollectionEvent::Released { .. }) => Self::Live(Box::new(LiveCollection {
                default_of: None,
                ..*live
            })),
            (state, CollectionEvent::Updated { .. } | CollectionEvent::Released { .. }) => state,
            (_, CollectionEvent::Deleted { .. }) => Self::Deleted,
        }
    }

    fn counts(&self, _: CollectionId, event: &CollectionEvent) -> Counts {
        Counts::within(match (event, self) {
            (CollectionEvent::Created { organization, .. }, _) => Some(*organization),
            (_, Self::Live(live)) => Some(live.organization),
            (_, Self::Absent | Self::Deleted) => None,
        })
    }

    fn subject(&self, _: CollectionId) -> Option<SubjectId> {
        match self {
            Self::Live(live) => Some(live.organization.into()),
            Self::Absent | Self::Deleted => None,
        }
    }
}
