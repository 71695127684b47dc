//! Appending to several streams all or nothing, on a store that appends to one stream at a time.
//!
//! A group is first written, as a whole, to a stream of its own:
//!
//! ```text
//! batch-<id>    BatchStaged … BatchStaged BatchCommitted … BatchFinished | BatchRefused
//! ```
//!
//! `BatchStaged` carries copies of the events (a part of at most [`PART_BYTES`]) and what is expected of their streams,
//! `BatchCommitted` names every part by its id and SHA-256. Nothing is in the target streams so far. From here on the rest
//! follows from what is stored, whoever does it: the writer, or [`StagedStore::resume`] after a crash.
//!
//! 1. The **first** stream of the group is the gate. It is appended to first, as expected. That one append decides: if it is
//!    taken, the rest is begun; if somebody else was there before, nothing will be appended.
//! 2. The other streams are appended to in their order, with the ids they were staged with, so that doing it twice is doing it
//!    once. What [`Expected::Follows`] is appended whatever came to its stream meanwhile.
//! 3. `BatchFinished` or `BatchRefused` closes the batch.
//!
//! So a command that reserves something others may also want (an address) must put that stream **first**, and there can
//! be one such stream in a group. A stream that is not as expected is found before the commit, and the group is refused.
//! Should somebody come to a stream behind the gate between the commit and its turn, then:
//!
//! - streams that were to be created are created without it, for their ids were made for this command and nobody waits for
//!   another's;
//! - a group that changes what exists ends there. The command must give an order in which that is harmless.
//!
//! Either way `BatchFinished` says which streams got nothing, and the caller gets a conflict for the first of them.
//!
//! A batch's id comes from the id of its first event and from what was expected, and the ids of events come from the
//! command: the same command again finds its batch. Batches stay in the store, with the events as sealed as in their own
//! streams. Readers of the whole store see them and pass over them by [`is_bookkeeping`].

mod batch;
mod resume;
mod roll;

use async_trait::async_trait;
use batch::Batch;
use commands::ports::{AppendError, Appended, Caps, EventStore, Expected, Page, ReadError, StreamAppend};
use domain::event::{Position, Revision, StoredEvent, StreamName};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

pub use batch::PART_BYTES;
pub use resume::Resumed;

/// How many streams are looked at, or appended to, at one time.
const ABREAST: usize = 16;
/// A group with a longer run of streams of one category is an import: they are appended [`ABREAST`], out of order.
const LONG_RUN: usize = 64;
/// How often a batch is begun again when somebody else writes the same one.
const TRIES: usize = 8;

/// Whether a stream is this module's own: batches, and how far they were resumed.
pub fn is_bookkeeping(stream: &StreamName) -> bool {
    stream.category == batch::CATEGORY || stream.category == resume::CATEGORY
}

/// An event store on which a crash leaves all of a group or nothing.
///
/// [`Caps::atomic_multi`] stays false, for rivals may: see what becomes of a group when somebody else comes to a stream behind
/// its gate between the commit and its turn.
pub struct StagedStore {
    inner: Arc<dyn EventStore>,
    resumed_to: Mutex<resume::Progress>,
}

impl StagedStore {
    /// Wraps `inner`. If it is all or nothing by itself, everything is passed on to it.
    ///
    /// [`StagedStore::resume`] must be called at the start and from time to time.
    pub fn new(inner: Arc<dyn EventStore>) -> Self {
        Self {
            inner,
            resumed_to: Mutex::default(),
        }
    }

    async fn store(&self, fence: Option<&StreamName>, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        if group.len() > 1 && !self.inner.caps().atomic_multi {
            self.append_staged(fence, group).await
        } else {
            self.append_inner(fence, group).await
        }
    }

    async fn append_inner(
        &self,
        fence: Option<&StreamName>,
        group: Vec<StreamAppend>,
    ) -> Result<Vec<Appended>, AppendError> {
        match fence {
            Some(fence) => self.inner.append_unless(fence, group).await,
            None => self.inner.append(group).await,
        }
    }

    async fn append_staged(
        &self,
        fence: Option<&StreamName>,
        group: Vec<StreamAppend>,
    ) -> Result<Vec<Appended>, AppendError> {
        let max = self.inner.caps().max_append_bytes;
        if group.iter().any(|append| crate::wire::size(append) > max) {
            return Err(AppendError::TooLarge);
        }
        let staging = batch::stage(&group, max)?;
        for _ in 0..TRIES {
            let batch = Batch::load(&*self.inner, staging.id).await.map_err(unavailable)?;
            if batch.committed().is_some() {
                return self.answer_again(&group, &batch).await;
            }
            if let Err(conflict) = self.check_expected(&group).await {
                // an earlier try that arrived late may have been committed, and resumed, since the batch was read
                let now = Batch::load(&*self.inner, staging.id).await.map_err(unavailable)?;
                if now.committed().is_some() {
                    continue;
                }
                return Err(conflict);
            }
            match self.commit(fence, &staging, &batch).await {
                Ok(committed) => return self.roll(staging.id, committed, &group).await?.into_answer(),
                Err(AppendError::Conflict { .. }) => {} // the same batch is being written elsewhere
                Err(error) => return Err(error),
            }
        }
        Err(AppendError::Busy)
    }

    /// Stages what is not there and commits, all of it in front of `fence`; the revision of `BatchCommitted`.
    async fn commit(
        &self,
        fence: Option<&StreamName>,
        staging: &batch::Staging,
        batch: &Batch,
    ) -> Result<Revision, AppendError> {
        let stream = batch::stream(staging.id);
        let mut last = batch.last;
        for events in staging.appends(batch) {
            let expected = last.map_or(Expected::NoStream, Expected::Exact);
            let append = StreamAppend {
                stream: stream.clone(),
                expected,
                events,
            };
            last = Some(one(self.append_inner(fence, vec![append]).await?)?.revision);
        }
        last.ok_or_else(|| AppendError::Unavailable("nothing was staged".to_owned()))
    }

    /// The same group was committed before: completes it if need be, and says where it lies.
    async fn answer_again(&self, group: &[StreamAppend], batch: &Batch) -> Result<Vec<Appended>, AppendError> {
        let (committed, content) = batch.content()?;
        let ids = |append: &StreamAppend| append.events.iter().map(|e| e.id).collect::<Vec<Uuid>>();
        let same = |(asked, stored): &(&StreamAppend, &StreamAppend)| {
            asked.stream == stored.stream && ids(asked) == ids(stored)
        };
        let equal = group.iter().zip(&content).take_while(same).count();
        if equal < group.len().max(content.len()) {
            let stream = group.get(equal).unwrap_or(&group[0]).stream.clone();
            return Err(self.conflict(stream).await);
        }
        let mut answer = self.roll(batch.id, committed, &content).await?.into_answer()?;
        answer.iter_mut().for_each(|done| done.repeated = true);
        Ok(answer)
    }

    /// Refuses a group of which a stream is neither as expected nor as this group left it.
    async fn check_expected(&self, group: &[StreamAppend]) -> Result<(), AppendError> {
        let looks: Vec<_> = group.iter().filter_map(look).collect();
        let looking = looks.into_iter().map(async |look| {
            let (first, found) = (look.first, self.inner.read_stream(&look.stream, look.from, look.max));
            let found = found.await.map_err(unavailable)?;
            let next = found.get(look.there).filter(|_| look.alone);
            let moved_on = next.is_some_and(|event| first.is_none_or(|ours| ours != event.id));
            Ok::<_, AppendError>((found.len() < look.there || moved_on).then_some(look.stream))
        });
        let other = stream::iter(looking)
            .buffered(ABREAST)
            .try_filter_map(async |stream| Ok(stream));
        match std::pin::pin!(other).try_next().await? {
            Some(stream) => Err(self.conflict(stream).await),
            None => Ok(()),
        }
    }

    async fn conflict(&self, stream: StreamName) -> AppendError {
        match self.inner.read_streams(&[(stream.clone(), 0)]).await {
            Ok(read) => {
                let current = read
                    .first()
                    .and_then(|events| events.last())
                    .map(|event| event.revision);
                AppendError::Conflict { stream, current }
            }
            Err(error) => unavailable(error),
        }
    }
}

/// What to read of a stream to know whether it is as expected.
struct Look {
    stream: StreamName,
    from: u64,
    max: usize,
    /// How many events must be found.
    there: usize,
    /// Nobody else's event may follow on them.
    alone: bool,
    /// The id of the first event that is to be appended.
    first: Option<Uuid>,
}

/// `None` if nothing is expected of it.
fn look(append: &StreamAppend) -> Option<Look> {
    let (from, there, alone) = match append.expected {
        Expected::Any => return None,
        Expected::NoStream => (0, 0, true),
        Expected::Exists => (0, 1, false),
        Expected::Exact(Revision(revision)) | Expected::Follows(Revision(revision)) => (revision, 1, true),
    };
    Some(Look {
        stream: append.stream.clone(),
        from,
        max: there + usize::from(alone),
        there,
        alone,
        first: append.events.first().map(|event| event.id),
    })
}

fn one(answers: Vec<Appended>) -> Result<Appended, AppendError> {
    let none = || AppendError::Unavailable("the event store gave no answer".to_owned());
    answers.into_iter().next().ok_or_else(none)
}

fn unavailable(ReadError::Unavailable(why): ReadError) -> AppendError {
    AppendError::Unavailable(why)
}

#[async_trait]
impl EventStore for StagedStore {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store(None, group).await
    }

    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store(Some(fence), group).await
    }

    /// A batch is let past a fence when it is committed; it may take longer until all of it is where it belongs, or a
    /// crash may have left that to others.
    async fn let_land(&self) -> Result<Position, ReadError> {
        let landed = self.inner.let_land().await?;
        if self.inner.caps().atomic_multi {
            return Ok(landed);
        }
        let resumed = self.resume().await;
        resumed.map_err(|error| ReadError::Unavailable(error.to_string()))?;
        self.inner.head().await
    }

    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.inner.read_stream(stream, from, max).await
    }

    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        self.inner.read_streams(streams).await
    }

    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        self.inner.read_all(after, max).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.inner.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.inner.wake()
    }

    fn caps(&self) -> Caps {
        self.inner.caps()
    }
}
