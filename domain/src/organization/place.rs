//! The place of an address or an account in an organization: free, or taken by one membership.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{MembershipId, OrganizationId, PlaceId, SubjectId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlaceEvent {
    /// A membership took it.
    #[serde(rename = "MemberPlaceTaken")]
    Taken {
        /// In which organization it is.
        organization: OrganizationId,
        /// Which membership.
        by: MembershipId,
        /// When.
        at: Timestamp,
    },
    /// It is free again.
    #[serde(rename = "MemberPlaceFreed")]
    Freed {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for PlaceEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("MemberPlaceTaken", 1), ("MemberPlaceFreed", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Taken { at, .. } | Self::Freed { at } => *at,
        }
    }
}

/// Whose place it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Nobody's.
    #[default]
    Free,
    /// That membership's.
    Taken(MembershipId),
}

impl Aggregate for Place {
    const CATEGORY: &'static str = "member_place";
    const FOLD: &'static str = "3159d28251567b44";
    type Id = PlaceId;
    type Event = PlaceEvent;

    fn evolve(self, event: &PlaceEvent) -> Self {
        match event {
            PlaceEvent::Taken { by, .. } => Self::Taken(*by),
            PlaceEvent::Freed { .. } => Self::Free,
        }
    }

    /// Told by the membership's own events.
    fn counts(&self, _: PlaceId, _: &PlaceEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: PlaceId) -> Option<SubjectId> {
        None
    }
}
