//! Executors over one store and one set of snapshots, as several processes have them, and what they ask for.

use async_trait::async_trait;
use bytes::Bytes;
use commands::context::Context;
use commands::execute::Executor;
use commands::ports::{
    AppendError, Appended, Caps, Clock, EventStore, Ids, Page, ReadError, Seal, Snapshot, SnapshotError, Snapshots,
    StreamAppend,
};
use commands::vault::folder::{CreateFolder, RenameFolder};
use domain::crypto::EncString;
use domain::event::{NewEvent, Position, Revision, StoredEvent, StreamName};
use domain::id::{FolderId, SubjectId, UserId};
use domain::time::Timestamp;
use eventstore_memory::MemoryStore;
use ops::MemorySnapshots;
use sealing::table::MemoryKeyTable;
use sealing::{CACHED_SUBJECTS, Keks, KeyFolder, Keyring};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

pub const ANN: UserId = UserId(Uuid::from_u128(0xa));
pub const FOLDER: FolderId = FolderId(Uuid::from_u128(0xf));

/// Always the same moment.
pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000)
    }
}

pub struct Random;

impl Ids for Random {
    fn new_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// A store that notes what is read: where each reading began, and how many events came.
pub struct Counted {
    pub store: Arc<dyn EventStore>,
    pub read: Mutex<Vec<(u64, usize)>>,
}

impl Counted {
    fn note(&self, from: u64, events: &[StoredEvent]) {
        self.read.lock().unwrap().push((from, events.len()));
    }

    /// What was read since this was asked last.
    pub fn take(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.read.lock().unwrap())
    }
}

#[async_trait]
impl EventStore for Counted {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store.append(group).await
    }

    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store.append_unless(fence, group).await
    }

    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        let events = self.store.read_stream(stream, from, max).await?;
        self.note(from, &events);
        Ok(events)
    }

    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        let all = self.store.read_streams(streams).await?;
        for ((_, from), events) in streams.iter().zip(&all) {
            self.note(*from, events);
        }
        Ok(all)
    }

    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        self.store.read_all(after, max).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.store.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.store.wake()
    }

    fn caps(&self) -> Caps {
        self.store.caps()
    }
}

/// Snapshots that count how often they are asked, and may have forgotten which streams they have.
pub struct Watched {
    pub snapshots: Arc<dyn Snapshots>,
    pub forgetful: bool,
    pub loads: AtomicUsize,
    pub saves: AtomicUsize,
}

impl Watched {
    pub fn new(snapshots: Arc<dyn Snapshots>, forgetful: bool) -> Arc<Self> {
        Arc::new(Self {
            snapshots,
            forgetful,
            loads: AtomicUsize::new(0),
            saves: AtomicUsize::new(0),
        })
    }

    pub fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Snapshots for Watched {
    fn likely(&self, stream: &StreamName) -> bool {
        !self.forgetful && self.snapshots.likely(stream)
    }

    async fn load(&self, streams: &[StreamName]) -> Result<Vec<Snapshot>, SnapshotError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.snapshots.load(streams).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.saves.fetch_add(1, Ordering::SeqCst);
        self.snapshots.save(snapshot).await
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.snapshots.delete(snapshot).await
    }
}

/// What outlives a process.
pub struct World {
    pub store: Arc<Counted>,
    pub snapshots: Arc<dyn Snapshots>,
    pub keyring: Arc<Keyring>,
}

impl World {
    pub fn new(store: Arc<dyn EventStore>, snapshots: Arc<dyn Snapshots>) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let keks = Keks::open(KeyFolder::open(keys.path()).unwrap()).unwrap();
        let read = Mutex::default();
        Self {
            store: Arc::new(Counted { store, read }),
            snapshots,
            keyring: Arc::new(Keyring::new(Arc::new(MemoryKeyTable::default()), keks, CACHED_SUBJECTS)),
        }
    }

    pub fn in_memory() -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(Noon)));
        Self::new(store, Arc::new(MemorySnapshots::default()))
    }

    /// A process that has just started.
    pub fn started(&self) -> Executor {
        self.started_with(Arc::clone(&self.snapshots))
    }

    pub fn started_with(&self, snapshots: Arc<dyn Snapshots>) -> Executor {
        let installation = SubjectId(Uuid::from_u128(1));
        let seal: Arc<dyn Seal> = Arc::clone(&self.keyring) as _;
        let store = Arc::clone(&self.store);
        Executor::new(
            store,
            seal,
            snapshots,
            Arc::new(Noon),
            Arc::new(Random),
            installation,
            1024,
        )
    }

    /// Appends stored data behind `len` events of `stream`; personal values are sealed as always.
    pub async fn add(&self, stream: &StreamName, len: u64, events: Vec<(String, Bytes)>) {
        let new = events.into_iter().map(|(type_name, data)| NewEvent {
            id: Uuid::new_v4(),
            type_name: type_name.into(),
            schema: 1,
            data,
            meta: Bytes::new(),
        });
        let append = StreamAppend {
            stream: stream.clone(),
            expected: tests::sample::after(len),
            events: self.keyring.seal(stream, new.collect()).await.unwrap(),
        };
        self.store.append(vec![append]).await.unwrap();
    }

    /// The snapshot of `stream`, once there is one that `fits`.
    pub async fn snapshot(&self, stream: &StreamName, fits: impl Fn(&Snapshot) -> bool) -> Snapshot {
        for _ in 0..2_000 {
            let found = self.snapshots.load(std::slice::from_ref(stream)).await.unwrap();
            if let Some(snapshot) = found.into_iter().find(&fits) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no such snapshot of {stream} was made");
    }

    /// The snapshot of `stream` at `revision`, once it is there.
    pub async fn snapshot_at(&self, stream: &StreamName, revision: u64) -> Snapshot {
        self.snapshot(stream, |s| s.revision == Revision(revision)).await
    }
}

pub fn name(number: u64) -> EncString {
    EncString::parse(format!("2.{number:08}|AAAA|BBBB"), 1000).unwrap()
}

fn context() -> Context {
    Context::system(Uuid::new_v4(), None)
}

pub async fn create(executor: &Executor) {
    let create = CreateFolder {
        folder: FOLDER,
        by: ANN,
        name: name(0),
    };
    executor.execute_new(&context(), &create).await.unwrap();
}

pub async fn rename(executor: &Executor, number: u64) {
    let rename = RenameFolder {
        folder: FOLDER,
        by: ANN,
        name: name(number),
    };
    executor.execute(&context(), &rename).await.unwrap();
    tokio::task::yield_now().await; // a store in memory never waits, and snapshots are made behind
}

/// A folder that was made and renamed, `events` in all; the last name is that of `events - 1`.
pub async fn long_folder(world: &World, events: u64) {
    let executor = world.started();
    create(&executor).await;
    for number in 1..events {
        rename(&executor, number).await;
    }
}
