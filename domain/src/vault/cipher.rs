//! Items of a vault. What is in them is sealed by clients: here it is one opaque JSON text.

mod hidden;

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{CipherId, CollectionId, FolderId, OrganizationId, SubjectId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

/// The kinds of item (`CipherType` of the catalogue).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CipherKind {
    /// A login.
    Login = 1,
    /// A note.
    SecureNote = 2,
    /// A payment card.
    Card = 3,
    /// A person's details.
    Identity = 4,
    /// An SSH key.
    SshKey = 5,
    /// A bank account.
    BankAccount = 6,
    /// A driving licence.
    DriversLicense = 7,
    /// A passport.
    Passport = 8,
}

impl CipherKind {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::Login,
        Self::SecureNote,
        Self::Card,
        Self::Identity,
        Self::SshKey,
        Self::BankAccount,
        Self::DriversLicense,
        Self::Passport,
    ];

    /// The kind with that number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| i64::from(*kind as u8) == number)
    }
}

impl Serialize for CipherKind {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(*self as u8)
    }
}

impl<'de> Deserialize<'de> for CipherKind {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(d)?;
        Self::from_number(number).ok_or_else(|| serde::de::Error::custom("no such kind of item"))
    }
}

/// What is in an item, as clients will receive it: one JSON object with the keys `type`, `data`, `name`, `notes`, the
/// eight typed objects, `fields`, `passwordHistory`, `reprompt`, `key`, in that order. Checked for form by whoever makes
/// it (`write-api`), and from then on never logged, and parsed only where somebody changes it who may not see all of it
/// ([`Content::keeping_hidden`]).
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(Arc<RawValue>);

impl Content {
    /// Takes a JSON object text.
    pub fn new(json: Box<RawValue>) -> Self {
        Self(json.into())
    }

    /// The text between the braces: members to be spliced into a larger object.
    pub fn members(&self) -> &str {
        let text = self.0.get().trim();
        text.strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .unwrap_or_default()
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.get().len())
    }
}

/// Everything that can have happened to an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CipherEvent {
    /// It was made.
    #[serde(rename = "CipherCreated")]
    Created {
        /// Whose it is; who made it, if it belongs to an organization.
        owner: UserId,
        /// The organization it belongs to, if it is not `owner`'s own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        organization: Option<OrganizationId>,
        /// The collections of that organization it is in.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        collections: Vec<CollectionId>,
        /// What kind it is; stays.
        kind: CipherKind,
        /// What is in it.
        content: Content,
        /// Where its owner files it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<FolderId>,
        /// Whether its owner marked it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        favorite: bool,
        /// When its owner had archived it, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        archived: Option<Timestamp>,
        /// It came by an import.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        imported: bool,
        /// When.
        at: Timestamp,
    },
    /// What is in it changed; filing and archive may have, in the same request.
    #[serde(rename = "CipherUpdated")]
    Updated {
        /// What is in it now.
        content: Content,
        /// Where its owner files it now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<FolderId>,
        /// Whether its owner marks it now.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        favorite: bool,
        /// Since when it is archived now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        archived: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// Its owner gave it to an organization; what is in it is sealed anew.
    #[serde(rename = "CipherShared")]
    Shared {
        /// Whose it is now.
        organization: OrganizationId,
        /// The collections it is in.
        collections: Vec<CollectionId>,
        /// What is in it now.
        content: Content,
        /// When.
        at: Timestamp,
    },
    /// It is in other collections of its organization.
    #[serde(rename = "CipherCollectionsChanged")]
    CollectionsChanged {
        /// The collections it is in now.
        collections: Vec<CollectionId>,
        /// When.
        at: Timestamp,
    },
    /// Its owner filed or marked it; its revision date stays. Of an organization's item, [`super::filing`] tells.
    #[serde(rename = "CipherFiled")]
    Filed {
        /// Where it is filed now.
        folder: Option<FolderId>,
        /// Whether it is marked now.
        favorite: bool,
        /// When.
        at: Timestamp,
    },
    /// It was put away.
    #[serde(rename = "CipherArchived")]
    Archived {
        /// When.
        at: Timestamp,
    },
    /// It was fetched back from the archive.
    #[serde(rename = "CipherUnarchived")]
    Unarchived {
        /// When.
        at: Timestamp,
    },
    /// It went to the trash.
    #[serde(rename = "CipherTrashed")]
    Trashed {
        /// When.
        at: Timestamp,
    },
    /// It came back from the trash.
    #[serde(rename = "CipherRestored")]
    Restored {
        /// When.
        at: Timestamp,
    },
    /// It is gone for good.
    #[serde(rename = "CipherDeleted")]
    Deleted {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for CipherEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("CipherCreated", 1),
        ("CipherUpdated", 1),
        ("CipherShared", 1),
        ("CipherCollectionsChanged", 1),
        ("CipherFiled", 1),
        ("CipherArchived", 1),
        ("CipherUnarchived", 1),
        ("CipherTrashed", 1),
        ("CipherRestored", 1),
        ("CipherDeleted", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. }
            | Self::Updated { at, .. }
            | Self::Shared { at, .. }
            | Self::CollectionsChanged { at, .. }
            | Self::Filed { at, .. }
            | Self::Archived { at }
            | Self::Unarchived { at }
            | Self::Trashed { at }
            | Self::Restored { at }
            | Self::Deleted { at } => *at,
        }
    }
}

/// An item that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveCipher {
    /// Whose it is; who made it, if it belongs to an organization.
    pub owner: UserId,
    /// The organization it belongs to, if it is not `owner`'s own.
    pub organization: Option<OrganizationId>,
    /// The collections of that organization it is in. Some of them may be gone.
    pub collections: Vec<CollectionId>,
    /// What kind it is.
    pub kind: CipherKind,
    /// What is in it.
    pub content: Content,
    /// Where its owner files it.
    pub folder: Option<FolderId>,
    /// Whether its owner marked it.
    pub favorite: bool,
    /// Since when it is archived.
    pub archived: Option<Timestamp>,
    /// Since when it is in the trash.
    pub trashed: Option<Timestamp>,
    /// When it last changed (filing aside): what clients send back as `lastKnownRevisionDate`.
    pub revised: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// The revision date before that one.
    pub revised_before: Option<Timestamp>,
}

impl LiveCipher {
    fn revised(mut self, at: Timestamp) -> Self {
        self.revised_before = Some(self.revised);
        self.revised = at;
        self
    }
}

/// What decisions need to know of an item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Cipher {
    /// Nobody ever made it.
    #[default]
    Absent,
    /// It is there, perhaps in the trash.
    Live(Box<LiveCipher>),
    /// It was there.
    Deleted,
}

impl Cipher {
    /// The item, if it is there and `user`'s own.
    pub fn of(&self, user: UserId) -> Option<&LiveCipher> {
        self.live()
            .filter(|cipher| cipher.organization.is_none() && cipher.owner == user)
    }

    /// The item, if it is there, whosever it is.
    pub fn live(&self) -> Option<&LiveCipher> {
        match self {
            Self::Live(cipher) => Some(cipher),
            Self::Absent | Self::Deleted => None,
        }
    }
}

impl Aggregate for Cipher {
    const CATEGORY: &'static str = "cipher";
    const FOLD: &'static str = "5abd1a4a6719680d";
    type Id = CipherId;
    type Event = CipherEvent;

    fn evolve(self, event: &CipherEvent) -> Self {
        use CipherEvent::{
            Archived, CollectionsChanged, Created, Deleted, Filed, Restored, Shared, Trashed, Unarchived, Updated,
        };
        let live = match (self, event) {
            (
                _,
                Created {
                    owner,
                    organization,
                    collections,
                    kind,
                    content,
                    folder,
                    favorite,
                    archived,
                    at,
                    ..
                },
            ) => LiveCipher {
                owner: *owner,
                organization: *organization,
                collections: collections.clone(),
                kind: *kind,
                content: content.clone(),
                folder: *folder,
                favorite: *favorite,
                archived: *archived,
                trashed: None,
                revised: *at,
                created: *at,
                revised_before: None,
            },
            (_, Deleted { .. }) => return Self::Deleted,
            (Self::Live(cipher), event) => {
                let cipher = *cipher;
                match event {
                    Updated {
                        content,
                        folder,
                        favorite,
                        archived,
                        at,
                    } => LiveCipher {
                        content: content.clone(),
                        folder: *folder,
                        favorite: *favorite,
                        archived: *archived,
                        ..cipher.revised(*at)
                    },
                    Shared {
                        organization,
                        collections,
                        content,
                        at,
                    } => LiveCipher {
                        organization: Some(*organization),
                        collections: collections.clone(),
                        content: content.clone(),
                        folder: None,
                        favorite: false,
                        archived: None,
                        ..cipher.revised(*at)
                    },
                    // what is in it stays: who edits it next knows the latest of that
                    CollectionsChanged { collections, .. } => LiveCipher {
                        collections: collections.clone(),
                        ..cipher
                    },
                    Filed { folder, favorite, .. } => LiveCipher {
                        folder: *folder,
                        favorite: *favorite,
                        ..cipher
                    },
                    Archived { at } => LiveCipher {
                        archived: Some(*at),
                        ..cipher.revised(*at)
                    },
                    Unarchived { at } => LiveCipher {
                        archived: None,
                        ..cipher.revised(*at)
                    },
                    Trashed { at } => LiveCipher {
                        trashed: Some(*at),
                        ..cipher.revised(*at)
                    },
                    Restored { at } => LiveCipher {
                        trashed: None,
                        ..cipher.revised(*at)
                    },
                    Created { .. } | Deleted { .. } => cipher,
                }
            }
            (
                state,
                Updated { .. }
                | Shared { .. }
                | CollectionsChanged { .. }
                | Filed { .. }
                | Archived { .. }
                | Unarchived { .. }
                | Trashed { .. }
                | Restored { .. },
            ) => {
                return state;
            }
        };
        Self::Live(Box::new(live))
    }

    fn counts(&self, _: CipherId, event: &CipherEvent) -> Counts {
        let organization = match event {
            CipherEvent::Created { organization, .. } => *organization,
            CipherEvent::Shared { organization, .. } => Some(*organization),
            _ => match self {
                Self::Live(live) => live.organization,
                Self::Absent | Self::Deleted => return Counts::AsAsked,
            },
        };
        organization.map_or(Counts::ForNone, Counts::For)
    }

    fn subject(&self, _: CipherId) -> Option<SubjectId> {
        match self {
            Self::Live(cipher) => Some(cipher.organization.map_or(cipher.owner.into(), SubjectId::from)),
            Self::Absent | Self::Deleted => None,
        }
    }
}
