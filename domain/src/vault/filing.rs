//! How one member files an item of an organization: a stream for each pair, so that nobody waits for anybody.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{CipherId, FilingId, FolderId, SubjectId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a filing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilingEvent {
    /// The member filed, marked or archived the item, or no longer.
    #[serde(rename = "ItemFiled")]
    Filed {
        /// Who.
        user: UserId,
        /// Which item.
        cipher: CipherId,
        /// Where it is filed now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<FolderId>,
        /// Whether it is marked now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        favorite: bool,
        /// Since when it is archived now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        archived: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for FilingEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("ItemFiled", 1)];

    fn at(&self) -> Timestamp {
        let Self::Filed { at, .. } = self;
        *at
    }
}

/// How the member files the item: nowhere, not marked and not archived until they say so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filing {
    /// Where.
    pub folder: Option<FolderId>,
    /// Whether it is marked.
    pub favorite: bool,
    /// Since when it is archived.
    pub archived: Option<Timestamp>,
}

impl Aggregate for Filing {
    const CATEGORY: &'static str = "filing";
    const FOLD: &'static str = "40af56e2914949c8";
    type Id = FilingId;
    type Event = FilingEvent;

    fn evolve(self, event: &FilingEvent) -> Self {
        let FilingEvent::Filed {
            folder,
            favorite,
            archived,
            ..
        } = event;
        Self {
            folder: *folder,
            favorite: *favorite,
            archived: *archived,
        }
    }

    /// Where somebody files what is shared with them is theirs alone, also where it is done in one with a change for all.
    fn counts(&self, _: FilingId, _: &FilingEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: FilingId) -> Option<SubjectId> {
        None
    }
}
