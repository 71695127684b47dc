//! Streams and events to try stores with. Ids come from seeded dice, so that a failing run can be repeated.

use bytes::Bytes;
use commands::ports::{AppendError, Appended, EventStore, Expected, StreamAppend};
use domain::event::{NewEvent, Position, Revision, StoredEvent, StreamName};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use std::borrow::Cow;
use std::time::Duration;
use uuid::Uuid;

/// A number that differs from run to run, printed so that the run can be repeated with `ANNALOCK_TEST_SEED`.
pub fn seed(what: &str) -> u64 {
    let given = std::env::var("ANNALOCK_TEST_SEED").ok().and_then(|s| s.parse().ok());
    let seed = given.unwrap_or_else(rand::random);
    println!("{what}: ANNALOCK_TEST_SEED={seed}");
    seed
}

/// Makes ids and events.
pub struct Sample {
    /// The dice.
    pub dice: StdRng,
}

impl Default for Sample {
    /// Ids that nothing else has: for a store that other tests use too.
    fn default() -> Self {
        Self {
            dice: StdRng::from_os_rng(),
        }
    }
}

impl Sample {
    /// The same ids for the same seed.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: StdRng::seed_from_u64(seed),
        }
    }

    /// A random id.
    pub fn id(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.dice.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A stream without events.
    pub fn stream(&mut self) -> StreamName {
        StreamName::new("folder", self.id())
    }

    /// An event that differs from every other.
    pub fn event(&mut self) -> NewEvent {
        let id = self.id();
        self.event_of(Bytes::from(format!(r#"{{"name":"{id}"}}"#)))
    }

    /// An event with these data.
    pub fn event_of(&mut self, data: impl Into<Bytes>) -> NewEvent {
        NewEvent {
            id: self.id(),
            type_name: Cow::Borrowed("FolderRenamed"),
            schema: 1,
            data: data.into(),
            meta: Bytes::from_static(br#"{"actor":{"kind":"system"}}"#),
        }
    }

    /// `n` events.
    pub fn events(&mut self, n: usize) -> Vec<NewEvent> {
        (0..n).map(|_| self.event()).collect()
    }

    /// `n` new events for `stream`.
    pub fn append(&mut self, stream: &StreamName, expected: Expected, n: usize) -> StreamAppend {
        StreamAppend {
            stream: stream.clone(),
            expected,
            events: self.events(n),
        }
    }

    /// `n` events that begin a new stream.
    pub fn beginning(&mut self, n: usize) -> StreamAppend {
        let stream = self.stream();
        self.append(&stream, Expected::NoStream, n)
    }
}

/// What is expected of a stream with `len` events.
pub fn after(len: u64) -> Expected {
    len.checked_sub(1)
        .map_or(Expected::NoStream, |last| Expected::Exact(Revision(last)))
}

/// Appends to one stream.
///
/// # Errors
/// Those of the store.
pub async fn append(store: &dyn EventStore, append: StreamAppend) -> Result<Appended, AppendError> {
    store.append(vec![append]).await.map(|done| done[0])
}

/// Asks again, with the same events, until the store says what became of them.
///
/// # Errors
/// [`AppendError::Conflict`] and [`AppendError::TooLarge`].
pub async fn append_surely(store: &dyn EventStore, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
    loop {
        match store.append(group.clone()).await {
            Err(AppendError::Unavailable(_) | AppendError::Busy) => tokio::time::sleep(Duration::from_millis(1)).await,
            answer => return answer,
        }
    }
}

/// All events of `stream`, however often reading must be tried.
pub async fn stream_surely(store: &dyn EventStore, stream: &StreamName) -> Vec<StoredEvent> {
    loop {
        match store.read_streams(&[(stream.clone(), 0)]).await {
            Ok(mut events) => return events.pop().unwrap_or_default(),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Everything after `position`, page by page, however often reading must be tried.
pub async fn all_after(store: &dyn EventStore, mut position: Position, page: usize) -> Vec<StoredEvent> {
    let mut all = Vec::new();
    loop {
        let Ok(page) = store.read_all(position, page).await else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        all.extend(page.events);
        position = page.next;
        if page.next >= page.head {
            return all;
        }
    }
}
