//! What one command has read and wants to append.

use super::{ExecuteError, Executor, LoadError, baseline::Baseline};
use crate::{
    context::Context,
    ports::{Expected, READ_PAGE, StreamAppend},
};
use bytes::Bytes;
use domain::{
    event::{Aggregate, DomainEvent, NewEvent, Position, Revision, StoredEvent, StreamName},
    fault::Fault,
    id::CommandId,
    time::Timestamp,
};
use std::{any::Any, sync::Arc};
use uuid::Uuid;

/// The state of one thing as a command saw it.
#[derive(Debug, Clone)]
pub struct Loaded<A: Aggregate> {
    /// Which one.
    pub id: A::Id,
    /// What it is.
    pub state: A,
    /// The last event folded; `None` if there is none.
    pub revision: Option<Revision>,
    /// When that event was.
    pub at: Option<Timestamp>,
}

/// Events for one stream, not yet sealed.
struct Pending {
    stream: StreamName,
    category: &'static str,
    before: Option<Revision>,
    events: Vec<NewEvent>,
    after: Arc<dyn Any + Send + Sync>,
    at: Timestamp,
}

/// What one try of a command has read and wants to append.
pub struct Unit<'e> {
    executor: &'e Executor,
    command: CommandId,
    made: usize,
    pending: Vec<Pending>,
}

impl<'e> Unit<'e> {
    pub(super) fn new(executor: &'e Executor, command: CommandId) -> Self {
        Self {
            executor,
            command,
            made: 0,
            pending: Vec::new(),
        }
    }

    /// Server time.
    pub fn now(&self) -> Timestamp {
        self.executor.now()
    }

    /// A new random id.
    pub fn new_id(&self) -> Uuid {
        self.executor.new_id()
    }

    /// The time for the next event of what was loaded: now, but later than its last event.
    pub fn now_for<A: Aggregate>(&self, loaded: &Loaded<A>) -> Timestamp {
        let now = self.now();
        loaded.at.map_or(now, |at| at.next(now))
    }

    /// Something whose id was made for this very command: known not to be there, so nothing is read.
    pub fn fresh<A: Aggregate>(&self, id: A::Id) -> Loaded<A> {
        Loaded {
            id,
            state: A::default(),
            revision: None,
            at: None,
        }
    }

    /// The present state of one thing.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load<A: Aggregate>(&mut self, id: A::Id) -> Result<Loaded<A>, LoadError> {
        let mut loaded = self.baseline::<A>(id);
        let stream = A::stream(id);
        let known = loaded.revision;
        loop {
            let from = loaded.revision.map_or(0, |revision| revision.0 + 1);
            let page = self.executor.store.read_stream(&stream, from, READ_PAGE).await?;
            let last = page.len() < READ_PAGE;
            self.fold(&mut loaded, page).await?;
            if last {
                break;
            }
        }
        if loaded.revision != known {
            self.keep(&loaded);
        }
        Ok(loaded)
    }

    /// The present states of several things of one kind, in the order asked for, by one reading of the store.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load_many<A: Aggregate>(&mut self, ids: &[A::Id]) -> Result<Vec<Loaded<A>>, LoadError> {
        let mut all: Vec<Loaded<A>> = ids.iter().map(|id| self.baseline::<A>(*id)).collect();
        let wanted: Vec<_> = all
            .iter()
            .map(|l| (A::stream(l.id), l.revision.map_or(0, |revision| revision.0 + 1)))
            .collect();
        let pages = self.executor.store.read_streams(&wanted).await?;
        for (loaded, page) in all.iter_mut().zip(pages) {
            if !page.is_empty() {
                self.fold(loaded, page).await?;
            }
        }
        Ok(all)
    }

    /// Adds `events` to what was loaded; the state after them.
    pub fn append<A: Aggregate>(&mut self, loaded: Loaded<A>, events: Vec<A::Event>) -> A {
        let Some(last) = events.last() else { return loaded.state };
        let at = last.at();
        let mut encoded = Vec::with_capacity(events.len());
        let mut state = loaded.state;
        for event in &events {
            let (type_name, schema, data) = event.encode();
            let id = self.command.event_id(self.made);
            self.made += 1;
            encoded.push(NewEvent {
                id,
                type_name: type_name.into(),
                schema,
                data,
                meta: Bytes::new(),
            });
            state = state.evolve(event);
        }
        self.pending.push(Pending {
            stream: A::stream(loaded.id),
            category: A::CATEGORY,
            before: loaded.revision,
            events: encoded,
            after: Arc::new(state.clone()),
            at,
        });
        state
    }

    /// Adds one event to a stream of records from which nothing is decided and where twice is tolerable.
    pub fn record<A: Aggregate>(&mut self, id: A::Id, event: &A::Event) {
        let (type_name, schema, data) = event.encode();
        let new = NewEvent {
            id: self.command.event_id(self.made),
            type_name: type_name.into(),
            schema,
            data,
            meta: Bytes::new(),
        };
        self.made += 1;
        self.pending.push(Pending {
            stream: A::stream(id),
            category: RECORDS,
            before: None,
            events: vec![new],
            after: Arc::new(()),
            at: event.at(),
        });
    }

    /// Appends everything as one group: the position of the last event, `None` if there was nothing to append.
    pub(super) async fn commit<E: Fault>(self, context: &Context) -> Result<Option<Position>, ExecuteError<E>> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let meta = serde_json::to_vec(&context.meta(self.command, self.executor.installation))
            .expect("metadata holds nothing that JSON cannot");
        let meta = Bytes::from(meta);
        let mut group = Vec::with_capacity(self.pending.len());
        let mut kept = Vec::with_capacity(self.pending.len());
        for mut pending in self.pending {
            for event in &mut pending.events {
                event.meta = meta.clone();
            }
            let count = pending.events.len() as u64;
            let events = self
                .executor
                .seal
                .seal(&pending.stream, pending.events)
                .await
                .map_err(ExecuteError::Seal)?;
            let expected = match pending.before {
                _ if pending.category == RECORDS => Expected::Any,
                Some(revision) => Expected::Exact(revision),
                None => Expected::NoStream,
            };
            let revision = Revision(pending.before.map_or(0, |before| before.0 + 1) + count - 1);
            let baseline = Baseline {
                state: pending.after,
                revision,
                at: pending.at,
            };
            kept.push((pending.category, pending.stream.id, baseline));
            group.push(StreamAppend {
                stream: pending.stream,
                expected,
                events,
            });
        }
        let appended = self.executor.store.append(group).await.map_err(ExecuteError::Append)?;
        for (category, id, baseline) in kept {
            if category != RECORDS {
                self.executor.baselines.put(category, id, baseline);
            }
        }
        Ok(appended.iter().map(|a| a.position).max())
    }

    fn baseline<A: Aggregate>(&self, id: A::Id) -> Loaded<A> {
        let kept = self.executor.baselines.get(A::CATEGORY, id.into());
        match kept.and_then(|kept| Some((kept.state.downcast_ref::<A>()?.clone(), kept.revision, kept.at))) {
            Some((state, revision, at)) => Loaded {
                id,
                state,
                revision: Some(revision),
                at: Some(at),
            },
            None => self.fresh(id),
        }
    }

    fn keep<A: Aggregate>(&self, loaded: &Loaded<A>) {
        if let (Some(revision), Some(at)) = (loaded.revision, loaded.at) {
            let state: Arc<dyn Any + Send + Sync> = Arc::new(loaded.state.clone());
            self.executor
                .baselines
                .put(A::CATEGORY, loaded.id.into(), Baseline { state, revision, at });
        }
    }

    async fn fold<A: Aggregate>(&self, loaded: &mut Loaded<A>, page: Vec<StoredEvent>) -> Result<(), LoadError> {
        if page.is_empty() {
            return Ok(());
        }
        for stored in self.executor.seal.open(page).await? {
            let event = A::Event::decode(&stored.type_name, stored.schema, &stored.data)?;
            loaded.state = std::mem::take(&mut loaded.state).evolve(&event);
            loaded.revision = Some(stored.revision);
            loaded.at = Some(event.at());
        }
        Ok(())
    }
}

/// Stands for the category of streams that are only recorded to.
const RECORDS: &str = "";
