//! The store as the rest of the program sees it.

use crate::appender::Appender;
use crate::queue::Queue;
use crate::read::Reader;
use crate::session::Session;
use crate::settings::Settings;
use crate::wake::Wake;
use async_trait::async_trait;
use commands::ports::{AppendError, Appended, Caps, EventStore, LeafPage, Page, ReadError, StreamAppend};
use domain::event::{Position, StoredEvent, StreamName};
use sqlx::PgPool;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Events in PostgreSQL. Appends of all callers go through one queue and share transactions; see [`Settings`] for bounds.
///
/// Dropping it stops its tasks after what waits was stored; [`PostgresStore::close`] lets one wait for that.
pub struct PostgresStore {
    queue: Queue,
    reader: Reader,
    wake: Arc<Wake>,
    closing: watch::Sender<bool>,
    appender: Mutex<Option<JoinHandle<()>>>,
    helpers: Vec<JoinHandle<()>>,
    max_append_bytes: usize,
}

impl PostgresStore {
    /// Starts the store on the database of `pool`, with connections of its own. Call within a tokio runtime, after
    /// [`crate::migrate`].
    ///
    /// # Errors
    /// The database cannot be reached, or schema `es` is not there.
    pub async fn connect(pool: &PgPool, settings: Settings) -> Result<Self, sqlx::Error> {
        let options = pool.connect_options();
        let (session, head) = Session::open(&options, settings.lock_timeout).await?;
        let reader = Reader::new(&options, &settings);
        let wake = Arc::new(Wake::new(head));
        let (queue, receiver) = Queue::new(&settings);
        let (closing, asked_to_close) = watch::channel(false);
        let max_append_bytes = settings.max_append_bytes;
        let helpers = if settings.notify {
            let notify = tokio::spawn(wake.clone().notify(reader.pool.clone()));
            vec![notify, tokio::spawn(wake.clone().listen(reader.pool.clone()))]
        } else {
            vec![]
        };
        let appender = Appender {
            queue: receiver,
            options: (*options).clone(),
            settings,
            wake: wake.clone(),
            session: Some(session),
            known: head,
            closing: asked_to_close,
        };
        let appender = Mutex::new(Some(tokio::spawn(appender.run())));
        Ok(Self {
            queue,
            reader,
            wake,
            closing,
            appender,
            helpers,
            max_append_bytes,
        })
    }

    async fn enter(&self, fence: Option<StreamName>, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        if group.is_empty() {
            return Ok(vec![]);
        }
        let answer = self.queue.enter(fence, group)?;
        answer
            .await
            .unwrap_or_else(|_| Err(AppendError::Unavailable("the event store was stopped".to_owned())))
    }

    /// Lets no more appends in, stores those that wait, and gives the connections back.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let appender = self
            .appender
            .lock()
            .expect("nothing panics while it holds the handle")
            .take();
        if let Some(appender) = appender
            && let Err(error) = appender.await
        {
            tracing::error!(%error, "the appender ended badly");
        }
        self.helpers.iter().for_each(JoinHandle::abort);
        self.reader.pool.close().await;
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.helpers.iter().for_each(JoinHandle::abort);
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.enter(None, group).await
    }

    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.enter(Some(fence.clone()), group).await
    }

    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.reader.stream(stream, from, max).await
    }

    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        if streams.is_empty() {
            return Ok(vec![]);
        }
        self.reader.streams(streams).await
    }

    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        self.reader.all(after, max).await
    }

    async fn read_leaves(&self, after: Position, max: usize) -> Result<LeafPage, ReadError> {
        self.reader.leaves(after, max).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.reader.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.wake.subscribe()
    }

    fn caps(&self) -> Caps {
        Caps {
            atomic_multi: true,
            dense: true,
            max_append_bytes: self.max_append_bytes,
        }
    }
}
