//! Folders: how one person files items.

use crate::{
    crypto::EncString,
    event::{Aggregate, Counts, DomainEvent},
    id::{FolderId, SubjectId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a folder. The name is encrypted and stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FolderEvent {
    /// It was made.
    #[serde(rename = "FolderCreated")]
    Created {
        /// Whose it is.
        owner: UserId,
        /// Its name.
        name: EncString,
        /// When.
        at: Timestamp,
    },
    /// It got another name.
    #[serde(rename = "FolderRenamed")]
    Renamed {
        /// The new name.
        name: EncString,
        /// When.
        at: Timestamp,
    },
    /// It is gone; the items in it are not.
    #[serde(rename = "FolderDeleted")]
    Deleted {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for FolderEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("FolderCreated", 1), ("FolderRenamed", 1), ("FolderDeleted", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. } | Self::Renamed { at, .. } | Self::Deleted { at } => *at,
        }
    }
}

/// What decisions need to know of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Folder {
    /// Nobody ever made it.
    #[default]
    Absent,
    /// It is there.
    Live {
        /// Whose it is.
        owner: UserId,
        /// Its name.
        name: EncString,
    },
    /// It was there.
    Deleted {
        /// Whose it was.
        owner: UserId,
    },
}

impl Folder {
    /// Whether it is there and belongs to `user`.
    pub fn is_of(&self, user: UserId) -> bool {
        matches!(self, Self::Live { owner, .. } if *owner == user)
    }

    /// Whether it was there, belonged to `user`, and is gone.
    pub fn was_of(&self, user: UserId) -> bool {
        matches!(self, Self::Deleted { owner } if *owner == user)
    }
}

impl Aggregate for Folder {
    const CATEGORY: &'static str = "folder";
    const FOLD: &'static str = "ef61139b4c6dc1c3";
    type Id = FolderId;
    type Event = FolderEvent;

    fn evolve(self, event: &FolderEvent) -> Self {
        use FolderEvent::{Created, Deleted, Renamed};
        match (self, event) {
            (_, Created { owner, name, .. }) => Self::Live {
                owner: *owner,
                name: name.clone(),
            },
            (Self::Live { owner, .. }, Renamed { name, .. }) => Self::Live {
                owner,
                name: name.clone(),
            },
            (state, Renamed { .. }) => state,
            (Self::Live { owner, .. } | Self::Deleted { owner }, Deleted { .. }) => Self::Deleted { owner },
            (Self::Absent, Deleted { .. }) => Self::Absent,
        }
    }

    fn counts(&self, _: FolderId, _: &FolderEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: FolderId) -> Option<SubjectId> {
        match self {
            Self::Absent => None,
            Self::Live { owner, .. } | Self::Deleted { owner } => Some((*owner).into()),
        }
    }
}
