//! A line that is cut, and what is sent over it: for tests of staged appends.

use async_trait::async_trait;
use bytes::Bytes;
use commands::ports::{AppendError, Appended, Caps, EventStore, Page, ReadError, StreamAppend};
use domain::event::{NewEvent, Position, StoredEvent, StreamName};
use eventstore_kurrentdb::{KurrentSettings, KurrentStore, StagedStore};
use kurrentdb_double::Double;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::watch;
use uuid::Uuid;

/// A line that is cut after some appends: everything later is lost, and the last answer before it if `mute`.
pub struct Cut {
    inner: Arc<dyn EventStore>,
    left: AtomicUsize,
    mute: bool,
}

impl Cut {
    pub fn after(appends: usize, mute: bool, inner: &Arc<dyn EventStore>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            left: AtomicUsize::new(appends),
            mute,
        })
    }
}

#[async_trait]
impl EventStore for Cut {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let lost = || Err(AppendError::Unavailable("the line was cut".to_owned()));
        match self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
            Err(_) => lost(),
            Ok(1) if self.mute => {
                self.inner.append(group).await?;
                lost()
            }
            Ok(_) => self.inner.append(group).await,
        }
    }
    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.inner.append_unless(fence, group).await
    }
    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.inner.read_stream(stream, from, max).await
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

pub async fn on(double: &Double) -> Arc<dyn EventStore> {
    Arc::new(
        KurrentStore::connect(&double.url, KurrentSettings::default())
            .await
            .unwrap(),
    )
}

pub fn event(id: u128, bytes: usize) -> NewEvent {
    NewEvent {
        id: Uuid::from_u128(id),
        type_name: "Created".into(),
        schema: 1,
        data: Bytes::from(format!("\"{}\"", "x".repeat(bytes))),
        meta: Bytes::from_static(b"{\"actor\":{\"kind\":\"system\"}}"),
    }
}

/// Sends `group` over a line that is cut after so many appends.
pub async fn stopped_after(appends: usize, store: &Arc<dyn EventStore>, group: &[StreamAppend]) {
    let staged = StagedStore::new(Cut::after(appends, false, store));
    staged.append(group.to_vec()).await.unwrap_err();
}
