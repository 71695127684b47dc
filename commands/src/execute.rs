//! Carrying out commands: load, fold, decide, append; again when somebody else was faster.

mod baseline;
mod snapshot;
mod unit;

pub use unit::{Loaded, Unit};

use crate::{
    context::Context,
    ports::{AppendError, Clock, EventStore, Ids, ReadError, Seal, SealError, Snapshots},
};
use baseline::Baselines;
use domain::{
    event::{Aggregate, DecodeError, Position, StoredEvent, StreamName},
    fault::{Fault, FaultKind},
    id::{CommandId, SubjectId},
    time::Timestamp,
};
use snapshot::Snapshotter;
use std::{future::Future, sync::Arc};
use uuid::Uuid;

/// How often a command is decided anew when a stream it read was changed under it.
///
/// After the first conflict the tries of this process take turns, so this bounds what other processes can do to it.
const MAX_TRIES: usize = 20;

/// A wish about one thing.
pub trait Command: Send + Sync {
    /// What it is about.
    type Aggregate: Aggregate;
    /// Why it may be refused.
    type Error: Fault;

    /// Which one.
    fn id(&self) -> <Self::Aggregate as Aggregate>::Id;

    /// The facts to add to what is known in `state`, none if nothing changes. Pure. `now` is later than any event of the
    /// stream; several events of one command share it only if they carry the same time by meaning.
    ///
    /// # Errors
    /// The refusal.
    fn decide(
        &self,
        state: &Self::Aggregate,
        now: Timestamp,
    ) -> Result<Vec<<Self::Aggregate as Aggregate>::Event>, Self::Error>;
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E: Fault> {
    /// It was refused.
    #[error(transparent)]
    Refused(E),
    /// Others kept being faster.
    #[error("This was changed by somebody else at the same moment. Try again.")]
    Contended,
    /// The store did not take it.
    #[error(transparent)]
    Append(AppendError),
    /// The store could not be read.
    #[error(transparent)]
    Read(ReadError),
    /// Personal data could not be sealed or opened.
    #[error(transparent)]
    Seal(SealError),
    /// A stored event cannot be read by this program.
    #[error("stored history cannot be read")]
    Decode(#[source] DecodeError),
}

impl<E: Fault> Fault for ExecuteError<E> {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Refused(e) => e.kind(),
            Self::Contended => FaultKind::Conflict,
            Self::Append(e) => e.kind(),
            Self::Read(e) => e.kind(),
            Self::Seal(e) => e.kind(),
            Self::Decode(_) => FaultKind::Internal,
        }
    }

    fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(e) if e.is_refusal())
    }

    fn field(&self) -> Option<&str> {
        match self {
            Self::Refused(e) => e.field(),
            _ => None,
        }
    }
}

/// Why a state could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Personal data could not be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A stored event cannot be read by this program.
    #[error("stored history cannot be read")]
    Decode(#[from] DecodeError),
}

impl<E: Fault> From<LoadError> for ExecuteError<E> {
    fn from(e: LoadError) -> Self {
        match e {
            LoadError::Read(e) => Self::Read(e),
            LoadError::Seal(e) => Self::Seal(e),
            LoadError::Decode(e) => Self::Decode(e),
        }
    }
}

impl Fault for LoadError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Read(e) => e.kind(),
            Self::Seal(e) => e.kind(),
            Self::Decode(_) => FaultKind::Internal,
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone)]
pub struct Done<T> {
    /// What the decider gave back.
    pub value: T,
    /// The position of its last event; `None` if nothing changed.
    pub position: Option<Position>,
}

/// Carries out commands over one event store.
#[derive(Clone)]
pub struct Executor {
    store: Arc<dyn EventStore>,
    seal: Arc<dyn Seal>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    baselines: Arc<Baselines>,
    snapshots: Snapshotter,
    turns: Arc<Turns>,
    installation: SubjectId,
}

/// Who was overtaken on a stream decides again one after the other, not all at once.
#[derive(Default)]
struct Turns([tokio::sync::Mutex<()>; 32]);

impl Turns {
    async fn take(&self, stream: &StreamName) -> tokio::sync::MutexGuard<'_, ()> {
        self.0[stream.id.as_u128() as usize % self.0.len()].lock().await
    }
}

impl Executor {
    /// An executor with room for `baselines` folded states. `installation` is the subject under which metadata is sealed
    /// when nobody in particular acts. Works on a Tokio runtime: snapshots are kept behind the answer.
    pub fn new(
        store: Arc<dyn EventStore>,
        seal: Arc<dyn Seal>,
        snapshots: Arc<dyn Snapshots>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        installation: SubjectId,
        baselines: usize,
    ) -> Self {
        Self {
            store,
            snapshots: Snapshotter::new(snapshots, Arc::clone(&seal)),
            seal,
            clock,
            ids,
            baselines: Arc::new(Baselines::new(baselines)),
            turns: Arc::default(),
            installation,
        }
    }

    /// Server time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new random id.
    pub fn new_id(&self) -> Uuid {
        self.ids.new_id()
    }

    /// The position of the last event there is.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn head(&self) -> Result<Position, ReadError> {
        self.store.head().await
    }

    /// Returns when everything that was let past a fence before this was called has been appended, or never will be, and a
    /// position behind it.
    ///
    /// # Errors
    /// [`ReadError`]: it is not known.
    pub async fn let_land(&self) -> Result<Position, ReadError> {
        self.store.let_land().await
    }

    /// The present state of one thing, as new as the last acknowledged append.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn state<A: Aggregate>(&self, id: A::Id) -> Result<A, LoadError> {
        let mut unit = Unit::new(self, self.ids.new_id().into());
        unit.load::<A>(id).await.map(|loaded| loaded.state)
    }

    /// The present state of several things of a kind, in the order asked for.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn states<A: Aggregate>(&self, ids: &[A::Id]) -> Result<Vec<A>, LoadError> {
        let mut unit = Unit::new(self, self.ids.new_id().into());
        Ok(unit
            .load_many::<A>(ids)
            .await?
            .into_iter()
            .map(|loaded| loaded.state)
            .collect())
    }

    /// At most `max` events of a stream from revision `from` on, personal data opened.
    pub(crate) async fn stored(
        &self,
        stream: &StreamName,
        from: u64,
        max: usize,
    ) -> Result<Vec<StoredEvent>, LoadError> {
        let read = self.store.read_stream(stream, from, max).await?;
        Ok(self.seal.open(read).await?)
    }

    /// All events of these streams, each in order, personal data opened.
    pub(crate) async fn stored_of(&self, streams: &[(StreamName, u64)]) -> Result<Vec<StoredEvent>, LoadError> {
        let read = self.store.read_streams(streams).await?;
        Ok(self.seal.open(read.into_iter().flatten().collect()).await?)
    }

    /// Carries out a command about one thing: the state after it, and where its events lie.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn execute<C: Command>(
        &self,
        context: &Context,
        command: &C,
    ) -> Result<Done<C::Aggregate>, ExecuteError<C::Error>> {
        self.transact(context, &Single { command, fresh: false }).await
    }

    /// Carries out a command about one thing that cannot have been there before, for its id was made for this command:
    /// nothing is read.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn execute_new<C: Command>(
        &self,
        context: &Context,
        command: &C,
    ) -> Result<Done<C::Aggregate>, ExecuteError<C::Error>> {
        self.transact(context, &Single { command, fresh: true }).await
    }

    /// Carries out a command over several things, decided anew on fresh state when one of the streams was changed
    /// meanwhile.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn transact<T: Transaction>(
        &self,
        context: &Context,
        transaction: &T,
    ) -> Result<Done<T::Output>, ExecuteError<T::Error>> {
        let mut turn = None;
        for attempt in 0..MAX_TRIES {
            // another try is another command: its events may differ, so their ids must
            let command = CommandId(self.ids.new_id());
            let mut unit = match attempt {
                0 => Unit::remembering(self, command),
                _ => Unit::new(self, command),
            };
            let decided = transaction.decide(&mut unit).await;
            let stands = match &decided {
                Ok(_) => unit.holds(true).await,
                Err(ExecuteError::Refused(_)) => unit.holds(false).await,
                Err(_) => Ok(true),
            };
            if !stands.map_err(ExecuteError::Read)? {
                tracing::debug!(attempt, "decided anew: something was remembered as it is no longer");
                continue;
            }
            let value = decided?;
            match unit.commit(context).await {
                Ok(position) => return Ok(Done { value, position }),
                Err(ExecuteError::Append(AppendError::Conflict { stream, .. })) => {
                    tracing::debug!(stream.name = %stream, attempt, "decided anew: the stream was changed meanwhile");
                    if turn.is_none() {
                        turn = Some(self.turns.take(&stream).await);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Err(ExecuteError::Contended)
    }
}

/// A wish about several things. It loads what it needs through the [`Unit`] and hands it the events, which are appended
/// as one group: all or none.
pub trait Transaction: Send + Sync {
    /// What it gives back.
    type Output: Send;
    /// Why it may be refused.
    type Error: Fault;

    /// Loads, decides, collects. May run several times; nothing it does is visible before the append.
    ///
    /// # Errors
    /// The refusal, or why something could not be loaded.
    fn decide(
        &self,
        unit: &mut Unit<'_>,
    ) -> impl Future<Output = Result<Self::Output, ExecuteError<Self::Error>>> + Send;
}

/// A [`Command`] as a [`Transaction`].
struct Single<'c, C> {
    command: &'c C,
    /// Its stream is known to be empty.
    fresh: bool,
}

impl<C: Command> Transaction for Single<'_, C> {
    type Output = C::Aggregate;
    type Error = C::Error;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<C::Aggregate, ExecuteError<C::Error>> {
        let id = self.command.id();
        let loaded = if self.fresh {
            unit.fresh(id)
        } else {
            unit.load(id).await?
        };
        let events = self
            .command
            .decide(&loaded.state, unit.now_for(&loaded))
            .map_err(ExecuteError::Refused)?;
        Ok(unit.append(loaded, events))
    }
}
