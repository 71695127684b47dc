//! Streams, positions, stored events, and the traits aggregates and their events have.

use crate::{
    id::{OrganizationId, SubjectId},
    time::Timestamp,
    upcast,
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, fmt};
use uuid::Uuid;

/// The name of a stream: the category of what changes, and which one. Two categories may share a uuid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName {
    /// `folder`, `cipher`, `user` …: lower case, `_` between words, never `-`.
    pub category: Cow<'static, str>,
    /// Which one.
    pub id: Uuid,
}

impl StreamName {
    /// The stream of `id` in `category`.
    pub fn new(category: impl Into<Cow<'static, str>>, id: impl Into<Uuid>) -> Self {
        Self {
            category: category.into(),
            id: id.into(),
        }
    }
}

impl fmt::Display for StreamName {
    /// `folder-2f1c…`: the category has no `-`, so the first one ends it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.category, self.id)
    }
}

impl std::str::FromStr for StreamName {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (category, id) = s.split_once('-').unwrap_or((s, ""));
        Ok(Self {
            category: Cow::Owned(category.to_owned()),
            id: Uuid::parse_str(id)?,
        })
    }
}

/// A place in the whole store. Ordered and opaque: never add to it, never expect it to be dense.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a stream, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// An event on its way into a store: bytes as they will lie there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Made from the command's id, so that a repeated append is recognised.
    pub id: Uuid,
    /// The stored name: `FolderRenamed`.
    pub type_name: Cow<'static, str>,
    /// The shape of `data`, from 1.
    pub schema: u16,
    /// UTF-8 JSON.
    pub data: Bytes,
    /// UTF-8 JSON of [`crate::meta::Meta`].
    pub meta: Bytes,
}

/// An event as a store gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the whole store.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: Revision,
    /// Its id.
    pub id: Uuid,
    /// The stored name.
    pub type_name: Cow<'static, str>,
    /// The shape of `data`.
    pub schema: u16,
    /// When the store took it: microseconds since 1970. Never goes backwards along positions.
    pub recorded_at_micros: i64,
    /// UTF-8 JSON.
    pub data: Bytes,
    /// UTF-8 JSON of [`crate::meta::Meta`].
    pub meta: Bytes,
}

/// A stored event, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<E> {
    /// Its place in the whole store.
    pub position: Position,
    /// Which one of its category.
    pub stream_id: Uuid,
    /// Its place in the stream.
    pub revision: Revision,
    /// What happened.
    pub event: E,
}

/// Why a stored event could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version of the program, or not by it. Never skipped.
    #[error("event type {type_name} (schema {schema}) is unknown here")]
    Unknown {
        /// The stored name.
        type_name: String,
        /// The stored shape.
        schema: u16,
    },
    /// Known, but its bytes do not have the shape.
    #[error("event {type_name} cannot be read: {reason}")]
    Malformed {
        /// The stored name.
        type_name: String,
        /// What the parser said (positions, never contents).
        reason: String,
    },
}

/// The events of one category: an enum whose variants are named in storage by `#[serde(rename)]`, never by Rust.
pub trait DomainEvent: Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Each stored name with the shape written today. A new entry wants a fixture beside `upcast`.
    const TYPES: &'static [(&'static str, u16)];

    /// When it happened, to the millisecond; strictly later than the event before it in the stream.
    fn at(&self) -> Timestamp;

    /// The stored name, shape and JSON of this event.
    fn encode(&self) -> (&'static str, u16, Bytes) {
        let tagged = serde_json::to_vec(self).expect("events hold nothing that JSON cannot");
        // serde writes `{"Name":{…}}`: the name and what stands behind it
        let colon = memchr::memchr(b':', &tagged).expect("every variant has fields");
        let name = &tagged[2..colon - 1];
        let (type_name, schema) = Self::TYPES
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .copied()
            .expect("TYPES lists every variant: held by the fixture test");
        let end = tagged.len() - 1;
        (type_name, schema, Bytes::from(tagged).slice(colon + 1..end))
    }

    /// Reads `data` of the stored `type_name` in shape `schema`, lifting older shapes first.
    ///
    /// # Errors
    /// [`DecodeError::Unknown`] for a name or a newer shape that this program does not know.
    fn decode(type_name: &str, schema: u16, data: &[u8]) -> Result<Self, DecodeError> {
        let unknown = || DecodeError::Unknown {
            type_name: type_name.to_owned(),
            schema,
        };
        let malformed = |e: serde_json::Error| DecodeError::Malformed {
            type_name: type_name.to_owned(),
            reason: e.to_string(),
        };
        let (_, current) = Self::TYPES
            .iter()
            .find(|(known, _)| *known == type_name)
            .ok_or_else(unknown)?;
        if schema > *current {
            return Err(unknown());
        }
        let lifted;
        let data = if schema < *current {
            let old = serde_json::from_slice(data).map_err(malformed)?;
            lifted = upcast::lift(type_name, schema, *current, old)
                .ok_or_else(unknown)?
                .to_string();
            lifted.as_bytes()
        } else {
            data
        };
        let mut tagged = Vec::with_capacity(data.len() + type_name.len() + 5);
        tagged.extend_from_slice(b"{\"");
        tagged.extend_from_slice(type_name.as_bytes());
        tagged.extend_from_slice(b"\":");
        tagged.extend_from_slice(data);
        tagged.push(b'}');
        serde_json::from_slice(&tagged).map_err(malformed)
    }
}

/// In the logs of which organizations an event stands. Written beside it when it is appended ([`crate::meta::Meta::organizations`]),
/// so that no later change of who is where, or of this program, changes what a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// In those that whoever gives the command says.
    AsAsked,
    /// In that of this one, whatever is said.
    For(OrganizationId),
    /// In none.
    ForNone,
}

impl Counts {
    /// For this one, if there is one; else as is said.
    pub fn within(organization: Option<OrganizationId>) -> Self {
        organization.map_or(Self::AsAsked, Self::For)
    }
}

/// What decisions need to know of one thing, folded from its events. Written as JSON where it is kept as a snapshot.
pub trait Aggregate: Clone + Default + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The category of its streams.
    const CATEGORY: &'static str;
    /// Names this fold: a snapshot that another one made is not used. A test in `fold` says the new name when what is
    /// folded from the stored examples, or how a state is written, is no longer what it was.
    const FOLD: &'static str;
    /// What names one.
    type Id: Copy + Into<Uuid> + From<Uuid> + Send + Sync;
    /// What can happen to it.
    type Event: DomainEvent;

    /// The state after `event`. Total: it does not fail, check or panic, for history has happened.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// Whose key seals a snapshot of this state of `id`; `None` only where nothing in it is about a person.
    fn subject(&self, id: Self::Id) -> Option<SubjectId>;

    /// In the logs of which organizations `event` of `id` stands; `self` is the state before it.
    fn counts(&self, _id: Self::Id, _event: &Self::Event) -> Counts {
        Counts::AsAsked
    }

    /// The stream of the one named `id`.
    fn stream(id: Self::Id) -> StreamName {
        StreamName::new(Self::CATEGORY, id)
    }
}
