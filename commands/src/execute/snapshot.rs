//! Saved folds: when one is looked for, when it is believed, when one is made.
//!
//! * **Looked for** only without a baseline, and only where the stream is long: the adapter remembers which streams it has
//!   one of, so after a restart such a stream costs a snapshot and the events behind it, two ways to a store. Of streams it
//!   does not know, the first page says it: a full one asks for a snapshot before the next. An ordinary stream never asks.
//!   Reading both by one statement would cost every load a probe of a second table, and events may lie in another store.
//! * **Believed** when this program's fold made it, it opens, and the store has the very event it names: reading begins
//!   *at* that event. All else is dropped and the stream read as if it had not been there. What is sealed is bound to
//!   stream, event and fold, so another stream's snapshot does not open; an erased person's opens to nothing.
//! * **Made** behind the answer, by whoever appends the event that completes another [`SNAPSHOT_EVERY`], or had to read so
//!   many. A few at a time: when too many are due, some are not made.

use crate::ports::{SNAPSHOT_EVERY, Seal, SealError, Snapshot, Snapshots};
use bytes::Bytes;
use domain::{
    event::{Aggregate, NewEvent, Position, Revision, StoredEvent, StreamName},
    personal::Personal,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{any::Any, collections::HashMap, future::Future, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How many snapshots are written at once.
const ABREAST: usize = 4;
/// How long a load waits for a snapshot before it reads all events.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is kept: the state, sealed for somebody where it is about somebody.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "S: DeserializeOwned"))]
enum Kept<S> {
    Open(S),
    Personal(Personal<S>),
}

/// A state from a snapshot, to be believed when the event it names was read.
pub(super) struct Candidate<A> {
    pub state: A,
    pub revision: Revision,
    event: Uuid,
    from: Snapshot,
}

impl<A> Candidate<A> {
    /// Whether `first`, read from the store at the revision of this, is the event it names.
    pub fn is_confirmed_by(&self, first: Option<&StoredEvent>) -> bool {
        first.is_some_and(|event| event.revision == self.revision && event.id == self.event)
    }
}

/// A state that is to be kept.
#[derive(Clone)]
pub(super) struct Due {
    stream: StreamName,
    revision: Revision,
    event: Uuid,
    state: Arc<dyn Any + Send + Sync>,
    encode: fn(&StreamName, &(dyn Any + Send + Sync)) -> Option<NewEvent>,
}

impl Due {
    pub fn new<A: Aggregate>(
        stream: StreamName,
        revision: Revision,
        event: Uuid,
        state: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self {
            stream,
            revision,
            event,
            state,
            encode: encode::<A>,
        }
    }
}

/// The state as something that can be sealed like an event.
fn encode<A: Aggregate>(stream: &StreamName, state: &(dyn Any + Send + Sync)) -> Option<NewEvent> {
    let state = state.downcast_ref::<A>()?;
    let kept = match state.subject(A::Id::from(stream.id)) {
        Some(subject) => serde_json::to_vec(&Kept::Personal(Personal::of(subject, state))),
        None => serde_json::to_vec(&Kept::Open(state)),
    };
    let data = kept.map_err(|error| tracing::error!(%error, stream.name = %stream, "a state cannot be written"));
    Some(NewEvent {
        id: Uuid::nil(),
        type_name: A::FOLD.into(),
        schema: 1,
        data: data.ok()?.into(),
        meta: Bytes::new(),
    })
}

/// What sealed bytes are bound to besides the stream: the event and the fold.
fn sealed_as(fold: &str) -> String {
    format!("snapshot {fold}")
}

/// Whether appending `count` events behind `before` completes another [`SNAPSHOT_EVERY`].
pub(super) fn is_due(before: Option<Revision>, count: u64) -> bool {
    let before = before.map_or(0, |revision| revision.0 + 1);
    before / SNAPSHOT_EVERY != (before + count) / SNAPSHOT_EVERY
}

/// Finds and makes snapshots.
#[derive(Clone)]
pub(super) struct Snapshotter {
    port: Arc<dyn Snapshots>,
    seal: Arc<dyn Seal>,
    room: Arc<Semaphore>,
}

impl Snapshotter {
    pub fn new(port: Arc<dyn Snapshots>, seal: Arc<dyn Seal>) -> Self {
        Self {
            port,
            seal,
            room: Arc::new(Semaphore::new(ABREAST)),
        }
    }

    pub fn likely(&self, stream: &StreamName) -> bool {
        self.port.likely(stream)
    }

    /// The snapshots of `streams` that can be used, by the id of their stream. They are of one category.
    pub async fn find<A: Aggregate>(&self, streams: &[StreamName]) -> HashMap<Uuid, Candidate<A>> {
        if streams.is_empty() {
            return HashMap::new();
        }
        let mut found = HashMap::new();
        let loaded = match tokio::time::timeout(PATIENCE, self.port.load(streams)).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(error)) => {
                tracing::warn!(%error, "all events are read instead");
                return found;
            }
            Err(_) => {
                tracing::warn!("snapshots are slow: all events are read instead");
                return found;
            }
        };
        for snapshot in loaded {
            let opened = self.open::<A>(&snapshot).await;
            match opened {
                Ok(Some(state)) => {
                    let candidate = Candidate {
                        state,
                        revision: snapshot.revision,
                        event: snapshot.event,
                        from: snapshot,
                    };
                    found.insert(candidate.from.stream.id, candidate);
                }
                Ok(None) => self.drop_unusable(snapshot),
                Err(error) => tracing::warn!(%error, "all events are read instead"),
            }
        }
        found
    }

    /// The state in `snapshot`; `None` if it is of no use, now or later.
    async fn open<A: Aggregate>(&self, snapshot: &Snapshot) -> Result<Option<A>, SealError> {
        if snapshot.fold != A::FOLD || snapshot.stream.category != A::CATEGORY {
            return Ok(None);
        }
        let sealed = StoredEvent {
            position: Position::START,
            stream: snapshot.stream.clone(),
            revision: snapshot.revision,
            id: snapshot.event,
            type_name: sealed_as(&snapshot.fold).into(),
            schema: 1,
            recorded_at_micros: 0,
            data: snapshot.state.clone(),
            meta: Bytes::new(),
        };
        let opened = match self.seal.open(vec![sealed]).await {
            Ok(opened) => opened,
            Err(SealError::Damaged(_) | SealError::Erased(_)) => return Ok(None),
            Err(error @ SealError::Unavailable(_)) => return Err(error),
        };
        let data = opened.first().map(|event| &event.data[..]).unwrap_or_default();
        Ok(match serde_json::from_slice::<Kept<A>>(data) {
            Ok(Kept::Personal(Personal::Known { subject, value })) => {
                let whose = value.subject(A::Id::from(snapshot.stream.id));
                (whose == Some(subject)).then_some(value)
            }
            Ok(Kept::Open(value)) if value.subject(A::Id::from(snapshot.stream.id)).is_none() => Some(value),
            Ok(Kept::Personal(Personal::Erased { .. }) | Kept::Open(_)) | Err(_) => None,
        })
    }

    /// The store does not have the event that `candidate` names.
    pub fn drop_foreign<A>(&self, candidate: Candidate<A>) {
        self.drop_unusable(candidate.from);
    }

    fn drop_unusable(&self, snapshot: Snapshot) {
        tracing::info!(stream.name = %snapshot.stream, stream.revision = snapshot.revision.0, "a snapshot is of no use any more");
        let port = Arc::clone(&self.port);
        self.behind(async move {
            if let Err(error) = port.delete(&snapshot).await {
                tracing::debug!(%error, "a useless snapshot stays");
            }
        });
    }

    /// Seals and keeps a state, behind the answer.
    pub fn make(&self, due: Due) {
        let (port, seal) = (Arc::clone(&self.port), Arc::clone(&self.seal));
        self.behind(async move {
            if let Err(error) = keep(&*port, &*seal, due).await {
                tracing::debug!(%error, "a snapshot was not made");
            }
        });
    }

    fn behind(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            tokio::spawn(async move {
                work.await;
                drop(room);
            });
        }
    }
}

/// Why a snapshot was not made.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Port(#[from] crate::ports::SnapshotError),
}

async fn keep(port: &dyn Snapshots, seal: &dyn Seal, due: Due) -> Result<(), NotKept> {
    let Some(encoded) = (due.encode)(&due.stream, &*due.state) else {
        return Ok(());
    };
    let fold = encoded.type_name.to_string();
    let open = NewEvent {
        id: due.event,
        type_name: sealed_as(&fold).into(),
        ..encoded
    };
    let sealed = seal.seal(&due.stream, vec![open]).await?;
    let Some(sealed) = sealed.into_iter().next() else {
        return Ok(());
    };
    let snapshot = Snapshot {
        stream: due.stream,
        revision: due.revision,
        event: due.event,
        fold,
        state: sealed.data,
    };
    Ok(port.save(snapshot).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_once_in_so_many_events() {
        assert!(!is_due(None, SNAPSHOT_EVERY - 1));
        assert!(is_due(None, SNAPSHOT_EVERY));
        assert!(!is_due(Some(Revision(SNAPSHOT_EVERY - 1)), 1));
        assert!(is_due(Some(Revision(2 * SNAPSHOT_EVERY - 2)), 3));
        let due = (0..10 * SNAPSHOT_EVERY)
            .filter(|r| is_due(Some(Revision(*r)), 1))
            .count();
        assert_eq!(due, 10);
    }
}
