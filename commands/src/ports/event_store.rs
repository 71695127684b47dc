//! Where events are kept: one port, three adapters (memory, Postgres, KurrentDB).

use async_trait::async_trait;
use bytes::Bytes;
use domain::event::{NewEvent, Position, Revision, StoredEvent, StreamName};
use domain::fault::{Fault, FaultKind};
use domain::proof::leaf::Leaf;
use tokio::sync::watch;

/// What the decider saw of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Its last event had this revision.
    Exact(Revision),
    /// As [`Expected::Exact`]; and what is appended follows from the first append of its group. A store that appends to
    /// one stream at a time appends it, once it has appended that first one, whatever came to this stream meanwhile.
    Follows(Revision),
    /// It had no event.
    NoStream,
    /// It had one or more, however many.
    Exists,
    /// It does not matter. Only for records where twice is tolerable: a repeated append is not recognised.
    Any,
}

impl Expected {
    /// The revision of the last event, where one is stated.
    pub const fn revision(self) -> Option<Revision> {
        match self {
            Self::Exact(revision) | Self::Follows(revision) => Some(revision),
            Self::NoStream | Self::Exists | Self::Any => None,
        }
    }

    /// Whether it says where the events will lie, so that a repeated append can be told by the ids found there.
    pub const fn says_where(self) -> bool {
        matches!(self, Self::Exact(_) | Self::Follows(_) | Self::NoStream)
    }
}

/// Events for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamName,
    /// What must be true of it.
    pub expected: Expected,
    /// One event or more, in order.
    pub events: Vec<NewEvent>,
}

/// Where the events of one [`StreamAppend`] came to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The revision of the last one.
    pub revision: Revision,
    /// The position of the last one.
    pub position: Position,
    /// An earlier try had stored them already.
    pub repeated: bool,
}

/// Why nothing was appended, or why it is not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A stream was not as expected; nothing of the group was appended.
    #[error("stream {stream} is not at the expected revision")]
    Conflict {
        /// The first stream that was not.
        stream: StreamName,
        /// Where it is now; `None` if it has no events.
        current: Option<Revision>,
    },
    /// The fence is closed: whoever asks is no longer allowed to. Nothing was appended.
    #[error("the session is over")]
    Fenced,
    /// The queue is full; nothing was appended.
    #[error("the event store has too much to do")]
    Busy,
    /// The append is larger than the store takes ([`Caps::max_append_bytes`]); nothing was appended.
    #[error("the change is larger than the event store takes")]
    TooLarge,
    /// The store did not answer in time. It may or may not have appended: the same append again tells.
    #[error("the event store cannot be reached: {0}")]
    Unavailable(String),
}

impl Fault for AppendError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Conflict { .. } => FaultKind::Conflict,
            Self::Fenced => FaultKind::Unauthenticated,
            Self::TooLarge => FaultKind::TooLarge,
            Self::Busy | Self::Unavailable(_) => FaultKind::Unavailable,
        }
    }
}

/// Why nothing could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No connection, or no answer in time; safe to retry.
    #[error("the event store cannot be reached: {0}")]
    Unavailable(String),
}

impl Fault for ReadError {
    fn kind(&self) -> FaultKind {
        FaultKind::Unavailable
    }
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Appends to several streams are all or nothing.
    pub atomic_multi: bool,
    /// Positions have no gaps.
    pub dense: bool,
    /// The most bytes (data and metadata) one append may have.
    pub max_append_bytes: usize,
}

/// A stretch of the whole store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In position order.
    pub events: Vec<StoredEvent>,
    /// Read on from here: the position of the last event, or what was asked for when there is none.
    pub next: Position,
    /// The last position known when the page was read; at `next == head` nothing was missed.
    pub head: Position,
}

/// An event as trees over the history take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeaf {
    /// Where it lies.
    pub position: Position,
    /// What a tree holds of it.
    pub leaf: Leaf,
    /// Its metadata as stored: they say in which logs it stands.
    pub meta: Bytes,
}

/// A stretch of the whole store, as trees over the history take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafPage {
    /// In position order.
    pub leaves: Vec<StoredLeaf>,
    /// As in [`Page`].
    pub next: Position,
    /// As in [`Page`].
    pub head: Position,
}

impl From<Page> for LeafPage {
    /// Digests made of what is stored.
    fn from(page: Page) -> Self {
        Self {
            leaves: page
                .events
                .into_iter()
                .map(|event| StoredLeaf {
                    position: event.position,
                    leaf: Leaf::of(&event),
                    meta: event.meta,
                })
                .collect(),
            next: page.next,
            head: page.head,
        }
    }
}

/// An append-only store with one order over everything.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Appends a group: all of it or nothing if [`Caps::atomic_multi`], else stream by stream in the order given.
    ///
    /// A stream occurs at most once in a group and each has at least one event. Event ids decide whether the same append was
    /// done before: then the answer is the same, with `repeated`. `Any` has no such memory.
    ///
    /// # Errors
    /// [`AppendError`]; only `Unavailable` leaves open whether it was stored.
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError>;

    /// As [`EventStore::append`], but nothing is appended once `fence` has an event: by an append before it in the order
    /// of the store, or, without [`Caps::atomic_multi`], before [`EventStore::let_land`] returned.
    ///
    /// What an earlier try had appended is answered as then, closed or not, if it states a revision and there is one order.
    /// The group may close `fence` itself.
    ///
    /// # Errors
    /// [`AppendError`]; `Fenced` if the fence is closed.
    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError>;

    /// Returns when everything that was let past a fence before this was called has been stored, or never will be, and a
    /// position behind it. To be called after a fence was closed; at once where fences and appends have one order.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`]: it is not known.
    async fn let_land(&self) -> Result<Position, ReadError> {
        self.head().await
    }

    /// At most `max` events of `stream` from revision `from` on, oldest first.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`]; safe to retry.
    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError>;

    /// All events of each of `streams` from the revision given on, in the order asked for.
    ///
    /// # Errors
    /// As [`EventStore::read_stream`].
    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        let mut all = Vec::with_capacity(streams.len());
        for (stream, from) in streams {
            let mut events = Vec::new();
            loop {
                let page = self.read_stream(stream, from + events.len() as u64, READ_PAGE).await?;
                let last = page.len() < READ_PAGE;
                events.extend(page);
                if last {
                    break;
                }
            }
            all.push(events);
        }
        Ok(all)
    }

    /// At most `max` events after `after`, in position order.
    ///
    /// # Errors
    /// As [`EventStore::read_stream`].
    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError>;

    /// The leaves of at most `max` events after `after`, in position order: with the digests that the store keeps beside the
    /// events where it keeps any, else of the stored bytes.
    ///
    /// # Errors
    /// As [`EventStore::read_stream`].
    async fn read_leaves(&self, after: Position, max: usize) -> Result<LeafPage, ReadError> {
        Ok(self.read_all(after, max).await?.into())
    }

    /// The last position; [`Position::START`] if there is no event.
    ///
    /// # Errors
    /// As [`EventStore::read_stream`].
    async fn head(&self) -> Result<Position, ReadError>;

    /// Changes when something was appended. A hint only: losing one must be harmless.
    fn wake(&self) -> watch::Receiver<Position>;

    /// What this store can do.
    fn caps(&self) -> Caps;
}

/// How many events of a stream are read at once.
pub const READ_PAGE: usize = 500;
