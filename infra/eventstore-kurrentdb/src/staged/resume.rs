//! Batches that were committed and not closed, because their writer was stopped.

use super::{
    StagedStore,
    batch::{self, Batch},
    roll::Rolled,
    unavailable,
};
use commands::ports::{AppendError, Expected, READ_PAGE, StreamAppend};
use domain::{
    event::{NewEvent, Position, StreamName},
    id::CommandId,
    meta::{Actor, Meta, Origin},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::HashSet, sync::Arc, time::Duration};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// The one stream of it says how far the store was searched.
pub(super) const CATEGORY: &str = "batch_checkpoint";
const MOVED: &str = "BatchCheckpointMoved";
/// After so many events the checkpoint is stored, so that a start need not search everything again.
const STORE_EVERY: u64 = 10_000;

/// What [`StagedStore::resume`] found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// Batches that are whole now.
    pub completed: usize,
    /// Batches of which nothing is there and nothing will be: somebody else has the stream they needed.
    pub refused: usize,
}

/// How far batches are known to be closed.
#[derive(Default)]
pub(super) struct Progress {
    checkpoint: Option<Position>,
    since_stored: u64,
    /// Those that were open the last time.
    open: HashSet<Uuid>,
}

/// A batch that is committed and not closed.
struct Open {
    id: Uuid,
    /// Where to read on to find it again.
    before: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    SeenBefore,
}

#[derive(Serialize, Deserialize)]
struct Moved {
    position: u64,
}

impl StagedStore {
    /// Completes every batch that is committed and not closed, also those that are being written. Safe beside writers and
    /// beside itself elsewhere.
    ///
    /// Searches the store from a stored checkpoint on at first, later from where it was.
    ///
    /// # Errors
    /// [`AppendError::Unavailable`], also for a batch that does not hold what was committed; what is left is found again
    /// the next time.
    pub async fn resume(&self) -> Result<Resumed, AppendError> {
        self.resume_which(Which::All).await
    }

    async fn resume_which(&self, which: Which) -> Result<Resumed, AppendError> {
        if self.inner.caps().atomic_multi {
            return Ok(Resumed::default());
        }
        let mut progress = self.resumed_to.lock().await;
        let from = match progress.checkpoint {
            Some(position) => position,
            None => self.stored_checkpoint().await?,
        };
        let (open, end) = self.search(from, &mut progress).await?;
        let found = open.iter().map(|open| open.id).collect();
        let seen = std::mem::replace(&mut progress.open, found);
        let (due, young): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|open| which == Which::All || seen.contains(&open.id));
        let (mut resumed, mut failed) = (Resumed::default(), None);
        for open in due {
            match self.complete(open.id).await {
                Ok(None) => {}
                Ok(Some(Rolled::Refused(_))) => resumed.refused += 1,
                Ok(Some(Rolled::Done(_) | Rolled::Short(_))) => resumed.completed += 1,
                Err(error) => failed = Some(error), // the others need not wait for this one
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let reached = young.first().map_or(end, |open| open.before);
        progress.checkpoint = Some(reached);
        if progress.since_stored >= STORE_EVERY {
            self.store_checkpoint(reached).await?;
            progress.since_stored = 0;
        }
        Ok(resumed)
    }

    /// The batches behind `from` that are committed and not closed, in the order in which they were committed, and where the
    /// store ends.
    async fn search(&self, from: Position, progress: &mut Progress) -> Result<(Vec<Open>, Position), AppendError> {
        let (mut open, mut before): (Vec<Open>, _) = (Vec::new(), from);
        loop {
            let page = self.inner.read_all(before, READ_PAGE).await.map_err(unavailable)?;
            progress.since_stored += page.events.len() as u64;
            for event in &page.events {
                let id = event.stream.id;
                match (&*event.stream.category, &*event.type_name) {
                    (batch::CATEGORY, batch::COMMITTED) => open.push(Open { id, before }),
                    (batch::CATEGORY, batch::FINISHED | batch::REFUSED) => open.retain(|open| open.id != id),
                    _ => {}
                }
                before = event.position;
            }
            let at_end = page.events.is_empty() || page.next >= page.head;
            before = page.next;
            if at_end {
                return Ok((open, before));
            }
        }
    }

    /// Resumes now and then until the handle is aborted: batches that were open when it looked the time before too, for the
    /// others are being written.
    pub fn keep_resuming(self: &Arc<Self>, every: Duration) -> AbortHandle {
        let store = Arc::clone(self);
        let task = async move {
            loop {
                match store.resume_which(Which::SeenBefore).await {
                    Ok(resumed) if resumed != Resumed::default() => {
                        tracing::warn!(
                            resumed.completed,
                            resumed.refused,
                            "batches of stopped writers were resumed"
                        );
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "batches could not be resumed"),
                }
                tokio::time::sleep(every).await;
            }
        };
        tokio::spawn(task).abort_handle()
    }

    /// `None`: it was closed meanwhile.
    async fn complete(&self, id: Uuid) -> Result<Option<Rolled>, AppendError> {
        let batch = Batch::load(&*self.inner, id).await.map_err(unavailable)?;
        if batch.closed {
            return Ok(None);
        }
        let (committed, content) = batch.content()?;
        self.roll(id, committed, &content).await.map(Some)
    }

    async fn stored_checkpoint(&self) -> Result<Position, AppendError> {
        let read = self
            .inner
            .read_streams(&[(checkpoint_stream(), 0)])
            .await
            .map_err(unavailable)?;
        let moved = read
            .iter()
            .flatten()
            .filter_map(|event| serde_json::from_slice::<Moved>(&event.data).ok());
        Ok(moved.map(|moved| Position(moved.position)).max().unwrap_or_default())
    }

    async fn store_checkpoint(&self, position: Position) -> Result<(), AppendError> {
        let id = Uuid::new_v5(&Uuid::nil(), &position.0.to_be_bytes());
        let json = "numbers and names are JSON";
        let event = NewEvent {
            id,
            type_name: Cow::Borrowed(MOVED),
            schema: 1,
            data: serde_json::to_vec(&Moved { position: position.0 }).expect(json).into(),
            meta: serde_json::to_vec(&own_meta(id)).expect(json).into(),
        };
        // twice is tolerable, and so is another's that is older: the furthest counts
        let append = StreamAppend {
            stream: checkpoint_stream(),
            expected: Expected::Any,
            events: vec![event],
        };
        self.inner.append(vec![append]).await.map(drop)
    }
}

fn checkpoint_stream() -> StreamName {
    StreamName::new(CATEGORY, Uuid::nil())
}

fn own_meta(id: Uuid) -> Meta {
    Meta {
        actor: Actor::System,
        origin: Origin::Server,
        device: None,
        device_type: None,
        client: None,
        client_version: None,
        ip: None,
        command: CommandId(id),
        correlation: id,
        causation: None,
        organizations: Vec::new(),
    }
}
