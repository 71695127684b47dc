//! What one command has read and wants to append.

use super::{
    ExecuteError, Executor, LoadError,
    baseline::Baseline,
    snapshot::{Candidate, Due, is_due},
};
use crate::{
    context::Context,
    ports::{Expected, READ_PAGE, ReadError, SNAPSHOT_EVERY, StreamAppend},
};
use bytes::Bytes;
use domain::{
    event::{Aggregate, Counts, DomainEvent, NewEvent, Position, Revision, StoredEvent, StreamName},
    fault::Fault,
    id::{CommandId, OrganizationId},
    meta::Meta,
    time::Timestamp,
};
use std::{any::Any, collections::HashSet, sync::Arc};
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
    expected: Expected,
    events: Vec<NewEvent>,
    /// For each of them, in which logs it stands.
    counts: Vec<Counts>,
    after: Arc<dyn Any + Send + Sync>,
    at: Timestamp,
    /// To be kept as a snapshot when it is appended.
    due: Option<Due>,
}

/// The page that shows whether a stream is long.
const FIRST_PAGE: usize = SNAPSHOT_EVERY as usize;

/// The metadata of the events of one command: the same but for the organizations in whose logs they stand.
struct Metas<'c> {
    asked: &'c [OrganizationId],
    meta: Meta,
    made: Vec<(Counts, Bytes)>,
}

impl Metas<'_> {
    fn of(&mut self, counts: Counts) -> Bytes {
        // who asks for one names that one
        let counts = match counts {
            Counts::For(one) if self.asked == [one] => Counts::AsAsked,
            Counts::ForNone if self.asked.is_empty() => Counts::AsAsked,
            other => other,
        };
        if let Some((_, made)) = self.made.iter().find(|(known, _)| *known == counts) {
            return made.clone();
        }
        self.meta.organizations = match counts {
            Counts::AsAsked => self.asked.to_vec(),
            Counts::For(one) => vec![one],
            Counts::ForNone => Vec::new(),
        };
        let bytes = serde_json::to_vec(&self.meta).expect("metadata holds nothing that JSON cannot");
        let bytes = Bytes::from(bytes);
        self.made.push((counts, bytes.clone()));
        bytes
    }
}

/// What one try of a command has read and wants to append.
pub struct Unit<'e> {
    executor: &'e Executor,
    command: CommandId,
    made: usize,
    pending: Vec<Pending>,
    /// States that are remembered are taken for present ones: [`Unit::holds`] tells whether they were.
    remembering: bool,
    /// What was taken so.
    remembered: Vec<(StreamName, Revision)>,
}

impl<'e> Unit<'e> {
    pub(super) fn new(executor: &'e Executor, command: CommandId) -> Self {
        Self {
            executor,
            command,
            made: 0,
            pending: Vec::new(),
            remembering: false,
            remembered: Vec::new(),
        }
    }

    /// One that takes what is remembered for what there is: as a rule it is, and then the append, which states the expected
    /// revision, proves it without a question before.
    pub(super) fn remembering(executor: &'e Executor, command: CommandId) -> Self {
        Self {
            remembering: true,
            ..Self::new(executor, command)
        }
    }

    /// Whether what was remembered is what there is. Streams that are appended to are not looked at if `appends`: the store
    /// does that.
    pub(super) async fn holds(&self, appends: bool) -> Result<bool, ReadError> {
        let proven: HashSet<&StreamName> = match appends {
            true => self
                .pending
                .iter()
                .filter(|p| p.expected.says_where())
                .map(|p| &p.stream)
                .collect(),
            false => HashSet::new(),
        };
        let open = self.remembered.iter().filter(|(stream, _)| !proven.contains(stream));
        let open: Vec<_> = open
            .map(|(stream, revision)| (stream.clone(), revision.0 + 1))
            .collect();
        if open.is_empty() {
            return Ok(true);
        }
        let later = self.executor.store.read_streams(&open).await?;
        Ok(later.iter().all(Vec::is_empty))
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
        if let (true, Some(revision)) = (self.remembering, loaded.revision) {
            self.remembered.push((stream, revision));
            return Ok(loaded);
        }
        let snapshots = &self.executor.snapshots;
        let known = loaded.revision;
        let (mut start, mut last_event) = (known, None);
        let mut candidate: Option<Candidate<A>> = None;
        let mut asked = known.is_some();
        if !asked && snapshots.likely(&stream) {
            asked = true;
            candidate = snapshots.find(std::slice::from_ref(&stream)).await.remove(&stream.id);
        }
        loop {
            let max = if asked { READ_PAGE } else { FIRST_PAGE };
            let from = match &candidate {
                Some(candidate) => candidate.revision.0,
                None => loaded.revision.map_or(0, |revision| revision.0 + 1),
            };
            let page = self.executor.store.read_stream(&stream, from, max).await?;
            let last = page.len() < max;
            if let Some(candidate) = candidate.take() {
                if !candidate.is_confirmed_by(page.first()) {
                    snapshots.drop_foreign(candidate);
                    continue;
                }
                start = Some(candidate.revision);
                (loaded.state, loaded.revision) = (candidate.state, start);
            }
            last_event = self.fold(&mut loaded, page).await?.or(last_event);
            if last {
                break;
            }
            if !asked {
                asked = true;
                candidate = snapshots.find(std::slice::from_ref(&stream)).await.remove(&stream.id);
                candidate = candidate.filter(|candidate| Some(candidate.revision) > loaded.revision);
            }
        }
        if loaded.revision != known {
            self.keep(&loaded, start, last_event);
        }
        Ok(loaded)
    }

    /// The present states of several things of one kind, in the order asked for, by one reading of the store.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn load_many<A: Aggregate>(&mut self, ids: &[A::Id]) -> Result<Vec<Loaded<A>>, LoadError> {
        let mut all: Vec<Loaded<A>> = ids.iter().map(|id| self.baseline::<A>(*id)).collect();
        let snapshots = &self.executor.snapshots;
        let without = all.iter().filter(|l| l.revision.is_none()).map(|l| A::stream(l.id));
        let long: Vec<_> = without.filter(|stream| snapshots.likely(stream)).collect();
        let mut candidates = snapshots.find::<A>(&long).await;
        let mut reading: Vec<_> = Vec::with_capacity(all.len());
        for loaded in &mut all {
            match loaded.revision {
                Some(revision) if self.remembering => self.remembered.push((A::stream(loaded.id), revision)),
                _ => reading.push(loaded),
            }
        }
        while !reading.is_empty() {
            let from = |l: &Loaded<A>| match candidates.get(&l.id.into()) {
                Some(candidate) => candidate.revision.0,
                None => l.revision.map_or(0, |revision| revision.0 + 1),
            };
            let wanted: Vec<_> = reading.iter().map(|l| (A::stream(l.id), from(l))).collect();
            let pages = self.executor.store.read_streams(&wanted).await?;
            let mut again = Vec::new();
            for (loaded, page) in reading.into_iter().zip(pages) {
                let mut start = loaded.revision;
                if let Some(candidate) = candidates.get(&loaded.id.into()) {
                    if !candidate.is_confirmed_by(page.first()) {
                        again.push(loaded);
                        continue;
                    }
                    start = Some(candidate.revision);
                    (loaded.state, loaded.revision) = (candidate.state.clone(), start);
                }
                if let Some(last_event) = self.fold(loaded, page).await? {
                    self.keep_if_long(loaded, start, last_event);
                }
            }
            for foreign in again.iter().filter_map(|l| candidates.remove(&l.id.into())) {
                snapshots.drop_foreign(foreign);
            }
            reading = again;
        }
        Ok(all)
    }

    /// Adds `events` to what was loaded; the state after them.
    pub fn append<A: Aggregate>(&mut self, loaded: Loaded<A>, events: Vec<A::Event>) -> A {
        let expected = loaded.revision.map_or(Expected::NoStream, Expected::Exact);
        self.append_expecting(expected, loaded, events)
    }

    /// As [`Unit::append`], for what follows from the first thing appended to ([`Expected::Follows`]).
    pub fn follow<A: Aggregate>(&mut self, loaded: Loaded<A>, events: Vec<A::Event>) -> A {
        let expected = loaded.revision.map_or(Expected::NoStream, Expected::Follows);
        self.append_expecting(expected, loaded, events)
    }

    fn append_expecting<A: Aggregate>(&mut self, expected: Expected, loaded: Loaded<A>, events: Vec<A::Event>) -> A {
        let Some(last) = events.last() else { return loaded.state };
        let at = last.at();
        let mut encoded = Vec::with_capacity(events.len());
        let mut counts = Vec::with_capacity(events.len());
        let mut state = loaded.state;
        for event in &events {
            counts.push(state.counts(loaded.id, event));
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
        let (stream, after): (_, Arc<dyn Any + Send + Sync>) = (A::stream(loaded.id), Arc::new(state.clone()));
        let due = is_due(loaded.revision, encoded.len() as u64).then(|| {
            let revision = Revision(loaded.revision.map_or(0, |revision| revision.0 + 1) + encoded.len() as u64 - 1);
            let last = self.command.event_id(self.made - 1);
            Due::new::<A>(stream.clone(), revision, last, Arc::clone(&after))
        });
        self.pending.push(Pending {
            stream,
            category: A::CATEGORY,
            expected,
            events: encoded,
            counts,
            after,
            at,
            due,
        });
        state
    }

    /// Adds one event to a stream of records from which nothing is decided and where twice is tolerable.
    pub fn record<A: Aggregate>(&mut self, id: A::Id, event: &A::Event) {
        self.record_all::<A>(id, std::slice::from_ref(event));
    }

    /// The same for several events.
    pub fn record_all<A: Aggregate>(&mut self, id: A::Id, events: &[A::Event]) {
        let Some(last) = events.last() else { return };
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            let (type_name, schema, data) = event.encode();
            new.push(NewEvent {
                id: self.command.event_id(self.made),
                type_name: type_name.into(),
                schema,
                data,
                meta: Bytes::new(),
            });
            self.made += 1;
        }
        self.pending.push(Pending {
            stream: A::stream(id),
            category: RECORDS,
            expected: Expected::Any,
            events: new,
            counts: events.iter().map(|event| A::default().counts(id, event)).collect(),
            after: Arc::new(()),
            at: last.at(),
            due: None,
        });
    }

    /// Appends nothing of what was collected so far.
    pub fn forget(&mut self) {
        self.pending.clear();
    }

    /// Appends everything as one group: the position of the last event, `None` if there was nothing to append.
    pub(super) async fn commit<E: Fault>(self, context: &Context) -> Result<Option<Position>, ExecuteError<E>> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let mut metas = Metas {
            asked: &context.organizations,
            meta: context.meta(self.command, self.executor.installation),
            made: Vec::new(),
        };
        let mut group = Vec::with_capacity(self.pending.len());
        let mut kept = Vec::with_capacity(self.pending.len());
        for mut pending in self.pending {
            for (event, counts) in pending.events.iter_mut().zip(&pending.counts) {
                event.meta = metas.of(*counts);
            }
            let count = pending.events.len() as u64;
            let events = self
                .executor
                .seal
                .seal(&pending.stream, pending.events)
                .await
                .map_err(ExecuteError::Seal)?;
            let before = pending.expected.revision();
            let revision = Revision(before.map_or(0, |before| before.0 + 1) + count - 1);
            let baseline = Baseline {
                state: pending.after,
                revision,
                at: pending.at,
            };
            kept.push((pending.category, pending.stream.id, baseline, pending.due));
            group.push(StreamAppend {
                stream: pending.stream,
                expected: pending.expected,
                events,
            });
        }
        let store = &self.executor.store;
        let appended = match &context.fence {
            Some(fence) => store.append_unless(fence, group).await,
            None => store.append(group).await,
        };
        let appended = appended.map_err(ExecuteError::Append)?;
        for ((category, id, baseline, due), appended) in kept.into_iter().zip(&appended) {
            if appended.revision != baseline.revision {
                continue; // something came between, so what was folded is not what there is
            }
            if category != RECORDS {
                self.executor.baselines.put(category, id, baseline);
            }
            if let Some(due) = due {
                self.executor.snapshots.make(due);
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

    /// Keeps what was loaded as a baseline; and as a snapshot, see [`Unit::keep_if_long`].
    fn keep<A: Aggregate>(&self, loaded: &Loaded<A>, start: Option<Revision>, last_event: Option<Uuid>) {
        if let (Some(revision), Some(at)) = (loaded.revision, loaded.at) {
            let state: Arc<dyn Any + Send + Sync> = Arc::new(loaded.state.clone());
            self.executor
                .baselines
                .put(A::CATEGORY, loaded.id.into(), Baseline { state, revision, at });
        }
        if let Some(last_event) = last_event {
            self.keep_if_long(loaded, start, last_event);
        }
    }

    /// Keeps what was loaded as a snapshot if many events had to be read from `start` on, the last of them `last_event`.
    fn keep_if_long<A: Aggregate>(&self, loaded: &Loaded<A>, start: Option<Revision>, last_event: Uuid) {
        let count = |revision: Option<Revision>| revision.map_or(0, |revision| revision.0 + 1);
        if let Some(revision) = loaded.revision
            && count(loaded.revision) - count(start) >= SNAPSHOT_EVERY
        {
            let (stream, state) = (A::stream(loaded.id), Arc::new(loaded.state.clone()));
            let due = Due::new::<A>(stream, revision, last_event, state);
            self.executor.snapshots.make(due);
        }
    }

    /// Folds what comes after the state there is; the id of the last event. The event a snapshot was made at is read with
    /// the rest: of it only the time counts.
    async fn fold<A: Aggregate>(
        &self,
        loaded: &mut Loaded<A>,
        page: Vec<StoredEvent>,
    ) -> Result<Option<Uuid>, LoadError> {
        if page.is_empty() {
            return Ok(None);
        }
        let mut last = None;
        for stored in self.executor.seal.open(page).await? {
            let event = A::Event::decode(&stored.type_name, stored.schema, &stored.data)?;
            if loaded.revision.is_none_or(|revision| stored.revision > revision) {
                loaded.state = std::mem::take(&mut loaded.state).evolve(&event);
            }
            loaded.revision = Some(stored.revision);
            loaded.at = Some(event.at());
            last = Some(stored.id);
        }
        Ok(last)
    }
}

/// Stands for the category of streams that are only recorded to.
const RECORDS: &str = "";
