//! Appends that wait, and the bounds of the waiting room.

use crate::settings::Settings;
use commands::ports::{AppendError, Appended, Expected, StreamAppend};
use domain::event::{NewEvent, StreamName};
use sha2::{Digest, Sha256};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// What a waiting append is told.
pub(crate) type Answer = Result<Vec<Appended>, AppendError>;

/// One append: stored whole or not at all.
pub(crate) struct Group {
    pub members: Vec<Member>,
    /// Nothing is stored once this stream has an event.
    pub fence: Option<StreamName>,
    pub events: usize,
    pub bytes: usize,
    pub asked: Instant,
    pub answer: oneshot::Sender<Answer>,
    /// The room it takes in the queue, given back when it is answered.
    pub _room: Option<OwnedSemaphorePermit>,
}

/// Events of one stream of a group.
pub(crate) struct Member {
    pub stream: StreamName,
    pub expected: Expected,
    pub events: Vec<Digested>,
}

/// An event with the SHA-256 of its bytes.
pub(crate) struct Digested {
    pub event: NewEvent,
    pub data: [u8; 32],
    pub meta: [u8; 32],
}

impl Group {
    /// Whether the database can tell a second try from a first: it compares ids where a revision was expected.
    pub fn is_recognised(&self) -> bool {
        self.members.iter().any(|m| m.expected.says_where())
    }

    /// Whether it may share a row of a batch with others like it.
    pub fn is_coalescable(&self) -> bool {
        self.fence.is_none()
            && matches!(
                &self.members[..],
                [Member {
                    expected: Expected::Any,
                    ..
                }]
            )
    }

    /// The member that the fence is checked with: one that states a revision, if there is one, for those are recognised
    /// when they are stored already.
    pub fn fenced_member(&self) -> Option<usize> {
        self.fence.as_ref()?;
        let recognised = self.members.iter().position(|m| m.expected.says_where());
        Some(recognised.unwrap_or_default())
    }
}

/// Where appends enter; the other end is the appender's.
pub(crate) struct Queue {
    sender: mpsc::Sender<Group>,
    room: Arc<Semaphore>,
    max_append_bytes: usize,
}

/// Room is counted in these many bytes.
const ROOM_UNIT: usize = 1 << 10;

impl Queue {
    pub fn new(settings: &Settings) -> (Self, mpsc::Receiver<Group>) {
        let (sender, receiver) = mpsc::channel(settings.queue_groups.max(1));
        let units = (settings.queue_bytes.max(settings.max_append_bytes) / ROOM_UNIT + 1).min(Semaphore::MAX_PERMITS);
        (
            Self {
                sender,
                room: Arc::new(Semaphore::new(units)),
                max_append_bytes: settings.max_append_bytes,
            },
            receiver,
        )
    }

    /// Lets an append in, or says at once why not. The answer comes by the receiver.
    ///
    /// A stream named twice, or without events, is refused as a conflict of that stream: callers never ask for it.
    pub fn enter(
        &self,
        fence: Option<StreamName>,
        appends: Vec<StreamAppend>,
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        if let Some(odd) = malformed(&appends) {
            return Err(AppendError::Conflict {
                stream: odd.stream.clone(),
                current: None,
            });
        }
        let sizes = || {
            appends
                .iter()
                .flat_map(|a| &a.events)
                .map(|e| e.data.len() + e.meta.len())
        };
        let (events, bytes) = (sizes().count(), sizes().sum());
        if bytes > self.max_append_bytes {
            return Err(AppendError::TooLarge);
        }
        let units = u32::try_from(bytes / ROOM_UNIT + 1).map_err(|_| AppendError::TooLarge)?;
        let room = self
            .room
            .clone()
            .try_acquire_many_owned(units)
            .map_err(|_| AppendError::Busy)?;
        let place = self.sender.try_reserve().map_err(|e| match e {
            mpsc::error::TrySendError::Full(()) => AppendError::Busy,
            mpsc::error::TrySendError::Closed(()) => AppendError::Unavailable("the event store is closed".to_owned()),
        })?;
        let (answer, receiver) = oneshot::channel();
        let members = appends.into_iter().map(Member::from).collect();
        place.send(Group {
            members,
            fence,
            events,
            bytes,
            asked: Instant::now(),
            answer,
            _room: Some(room),
        });
        Ok(receiver)
    }
}

impl From<StreamAppend> for Member {
    fn from(append: StreamAppend) -> Self {
        let events = append.events.into_iter().map(|event| Digested {
            data: Sha256::digest(&event.data).into(),
            meta: Sha256::digest(&event.meta).into(),
            event,
        });
        Self {
            stream: append.stream,
            expected: append.expected,
            events: events.collect(),
        }
    }
}

fn malformed(group: &[StreamAppend]) -> Option<&StreamAppend> {
    let mut seen = HashSet::with_capacity(group.len());
    group
        .iter()
        .find(|append| append.events.is_empty() || !seen.insert(&append.stream))
}
