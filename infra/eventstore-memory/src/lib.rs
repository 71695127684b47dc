//! Events in memory: for tests and for trying things out. Nothing outlives the process.
//!
//! It keeps every promise of [`commands::ports::EventStore`]: groups are all or nothing, positions are dense from 1, a
//! repeated append is recognised by its event ids. What it does not keep is the events, once it is dropped.

mod log;

use async_trait::async_trait;
use commands::ports::{AppendError, Appended, Caps, Clock, EventStore, Page, ReadError, StreamAppend};
use domain::event::{Position, StoredEvent, StreamName};
use log::Log;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// The most bytes (data and metadata) one append may have: what the Postgres store takes by default.
const MAX_APPEND_BYTES: usize = 32 << 20;

/// An event store in this process.
pub struct MemoryStore {
    log: Mutex<Log>,
    clock: Arc<dyn Clock>,
    head: watch::Sender<Position>,
}

impl MemoryStore {
    /// An empty store that stamps events by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            log: Mutex::default(),
            clock,
            head: watch::channel(Position::START).0,
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("nothing panics while it holds the log")
    }

    fn store(&self, fence: Option<&StreamName>, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let bytes: usize = group
            .iter()
            .flat_map(|a| &a.events)
            .map(|e| e.data.len() + e.meta.len())
            .sum();
        if bytes > MAX_APPEND_BYTES {
            return Err(AppendError::TooLarge);
        }
        let now = self.clock.now();
        let mut log = self.log();
        let answer = log.append(fence, group, now);
        // published under the lock, so that the head never goes backwards
        self.head
            .send_if_modified(|head| std::mem::replace(head, log.head()) != log.head());
        answer
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store(None, group)
    }

    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store(Some(fence), group)
    }

    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        Ok(self.log().of_stream(stream, from).take(max).cloned().collect())
    }

    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        let log = self.log();
        Ok(streams
            .iter()
            .map(|(stream, from)| log.of_stream(stream, *from).cloned().collect())
            .collect())
    }

    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        let log = self.log();
        let events: Vec<_> = log.after(after).iter().take(max).cloned().collect();
        let next = events.last().map_or(after, |e| e.position);
        Ok(Page {
            events,
            next,
            head: log.head(),
        })
    }

    async fn head(&self) -> Result<Position, ReadError> {
        Ok(self.log().head())
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.head.subscribe()
    }

    fn caps(&self) -> Caps {
        Caps {
            atomic_multi: true,
            dense: true,
            max_append_bytes: MAX_APPEND_BYTES,
        }
    }
}
