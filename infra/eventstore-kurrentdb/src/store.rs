//! [`KurrentStore`].

use crate::{
    link::{ConnectError, Link},
    reader::Reader,
    tail::{FRESH, Tail},
    wire,
};
use async_trait::async_trait;
use commands::ports::{AppendError, Appended, Caps, EventStore, Page, ReadError, StreamAppend};
use domain::event::{Position, Revision, StoredEvent, StreamName};
use eventstore::{AppendToStreamOptions, Client, CurrentRevision, Error};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    task::AbortHandle,
    time::Instant,
};

/// The code of gRPC for an argument that cannot be right.
const INVALID_ARGUMENT: i32 = 3;
/// The server counts in signed numbers; what is beyond it takes for "the end" or for "no stream".
const LAST_REVISION: u64 = i64::MAX as u64;
/// How many streams one question for several is about at one time.
const ABREAST: usize = 8;
/// The fewest and the most events of everybody that one read of the whole store asks for.
const READ_ALL: std::ops::RangeInclusive<usize> = 64..=1024;

/// How the adapter behaves. The server's address is not here: it is the connection string.
#[derive(Debug, Clone)]
pub struct KurrentSettings {
    /// The most appends sent and not yet answered.
    pub in_flight: usize,
    /// The most appends that wait for their turn; one more is [`AppendError::Busy`].
    pub queue: usize,
    /// For the first connection.
    pub connect: Duration,
    /// For one stream of an append, or one read, with all repetitions.
    pub deadline: Duration,
    /// For one try of these.
    pub each_try: Duration,
    /// As the server is configured (`MaxAppendSize`).
    pub max_append_bytes: usize,
}

impl Default for KurrentSettings {
    fn default() -> Self {
        Self {
            in_flight: 48,
            queue: 1024,
            connect: Duration::from_secs(30),
            deadline: Duration::from_secs(10),
            each_try: Duration::from_secs(4),
            max_append_bytes: 1024 * 1024,
        }
    }
}

/// An event store on KurrentDB.
///
/// A stream is named as [`StreamName`] displays; a [`Position`] is the commit position. Everything is asked of the
/// leader. The database is ours alone: streams that are not named like ours are passed over.
///
/// What differs from the other stores:
/// - A group of several streams is appended stream by stream ([`Caps::atomic_multi`] is false). When one is refused, those
///   before it are stored; the same group again is answered as before. [`crate::StagedStore`] makes creation atomic.
/// - The server recognises a repeated append but does not say so. [`Appended::repeated`] is true if the events lie no
///   further than what was known when they were sent, so `true` is certain and `false` is not.
/// - `Any` and `Exists` are recognised only as long as the server remembers the ids (a cache, lost in a restart).
/// - An append is measured as the server does: data, metadata with some 20 bytes around it, type names twice.
/// - A fence is judged by what this process has seen of the store, 2 s old at most, and then the append is sent:
///   [`EventStore::let_land`] waits until what passed so has arrived.
/// - `recorded_at_micros` is the leader's clock; it does not go backwards as long as that clock does not.
pub struct KurrentStore {
    reader: Reader,
    tail: Arc<Tail>,
    /// In flight or waiting: `in_flight + queue` at most.
    admission: Semaphore,
    turns: Semaphore,
    settings: KurrentSettings,
    watcher: AbortHandle,
}

impl KurrentStore {
    /// Connects to `url` (`esdb://host:2113?tls=false`, several hosts with commas, `esdb+discover://…`).
    ///
    /// To be called before anything in the process installs a rustls provider: the client installs it itself
    /// (aws-lc-rs) and cannot live with another's. After this returns, well or badly, a provider is installed unless
    /// the error is [`ConnectError::BadUrl`]. Later stores in the same process are free of that.
    ///
    /// # Errors
    /// [`ConnectError`]; `Unreachable` after [`KurrentSettings::connect`].
    pub async fn connect(url: &str, settings: KurrentSettings) -> Result<Self, ConnectError> {
        let link = Arc::new(Link::open(url, Instant::now() + settings.connect).await?);
        let reader = Reader {
            link,
            deadline: settings.deadline,
            each: settings.each_try,
        };
        let tail = Tail::find(&reader)
            .await
            .map_err(|e| ConnectError::Unreachable(e.to_string()))?;
        let tail = Arc::new(tail);
        let watcher = tokio::spawn(Arc::clone(&tail).watch(reader.clone())).abort_handle();
        Ok(Self {
            reader,
            tail,
            admission: Semaphore::new(settings.in_flight + settings.queue),
            turns: Semaphore::new(settings.in_flight),
            settings,
            watcher,
        })
    }

    async fn turn(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), AppendError> {
        let admitted = self.admission.try_acquire().map_err(|_| AppendError::Busy)?;
        let turn = tokio::time::timeout(self.settings.deadline, self.turns.acquire()).await;
        let turn = turn.map_err(|_| AppendError::Busy)?.map_err(|_| AppendError::Busy)?;
        Ok((admitted, turn))
    }

    async fn store(&self, fence: Option<&StreamName>, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        if group
            .iter()
            .any(|append| wire::size(append) > self.settings.max_append_bytes)
        {
            return Err(AppendError::TooLarge);
        }
        let _turn = self.turn().await?;
        let mut appended = Vec::with_capacity(group.len());
        for append in group {
            if let Some(fence) = fence {
                self.check(fence).await?;
            }
            appended.push(self.append_one(append).await?);
        }
        Ok(appended)
    }

    async fn check(&self, fence: &StreamName) -> Result<(), AppendError> {
        match self.tail.is_closed(fence, &self.reader).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(AppendError::Fenced),
            Err(ReadError::Unavailable(why)) => Err(AppendError::Unavailable(why)),
        }
    }

    async fn append_one(&self, append: StreamAppend) -> Result<Appended, AppendError> {
        if append
            .expected
            .revision()
            .is_some_and(|revision| revision.0 > LAST_REVISION)
        {
            let current = self.last_revision(&append.stream).await;
            return Err(AppendError::Conflict {
                stream: append.stream,
                current,
            });
        }
        let name = append.stream.to_string();
        let options = AppendToStreamOptions::default()
            .expected_revision(wire::expected(append.expected))
            .requires_leader(true)
            .deadline(self.settings.each_try);
        let (name, options) = (name.as_str(), &options);
        let send = |client: Client| {
            let events: Vec<_> = append.events.iter().map(wire::event_data).collect();
            async move { client.append_to_stream(name, options, events).await }.boxed()
        };
        let deadline = Instant::now() + self.settings.deadline;
        let known = self.tail.known();
        match self.reader.link.call(deadline, self.settings.each_try, send).await {
            Ok(done) => {
                let revision = Revision(done.next_expected_version);
                let position = self.position(&append.stream, revision, done.position.commit).await?;
                self.tail.raise(position);
                self.tail.note(&append.stream);
                Ok(Appended {
                    revision,
                    position,
                    repeated: position <= known,
                })
            }
            Err(error) => Err(self.refusal(append.stream, error).await),
        }
    }

    /// The server may recognise an append and not know where it lies; the client says 0 then.
    async fn position(&self, stream: &StreamName, revision: Revision, told: u64) -> Result<Position, AppendError> {
        if told != 0 {
            return Ok(Position(told));
        }
        let found = self.reader.stream(stream, revision.0, 1).await;
        let found = found.map_err(|ReadError::Unavailable(why)| AppendError::Unavailable(why))?;
        let missing = || AppendError::Unavailable("a stored event could not be read back".to_owned());
        found.first().map(|event| event.position).ok_or_else(missing)
    }

    async fn refusal(&self, stream: StreamName, error: Error) -> AppendError {
        match error {
            Error::WrongExpectedVersion { current, .. } => {
                let current = match current {
                    CurrentRevision::Current(revision) => Some(Revision(revision)),
                    CurrentRevision::NoStream => None,
                };
                AppendError::Conflict { stream, current }
            }
            Error::ResourceDeleted => AppendError::Conflict { stream, current: None },
            Error::Grpc { code, message } if i32::from(code) == INVALID_ARGUMENT => {
                if message.starts_with("Maximum Append") {
                    AppendError::TooLarge
                } else if message.contains("Transaction") {
                    // the first of these events is stored and a later one is not: the stream went another way
                    let current = self.last_revision(&stream).await;
                    AppendError::Conflict { stream, current }
                } else {
                    AppendError::Unavailable(message)
                }
            }
            other => AppendError::Unavailable(other.to_string()),
        }
    }

    async fn last_revision(&self, stream: &StreamName) -> Option<Revision> {
        let read = self.read_streams(&[(stream.clone(), 0)]).await.ok()?;
        read.first()?.last().map(|event| event.revision)
    }
}

impl Drop for KurrentStore {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

#[async_trait]
impl EventStore for KurrentStore {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store(None, group).await
    }

    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store(Some(fence), group).await
    }

    /// What passed a fence did so by a look that was [`FRESH`], and was sent for the last time before its deadline.
    async fn let_land(&self) -> Result<Position, ReadError> {
        tokio::time::sleep(FRESH + self.settings.deadline + self.settings.each_try).await;
        self.head().await
    }

    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        if max == 0 || from > LAST_REVISION {
            return Ok(Vec::new());
        }
        self.reader.stream(stream, from, max).await
    }

    /// The server takes one stream a question; [`ABREAST`] are asked at a time, for appends go over the same connection.
    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        let reading: Vec<_> = streams
            .iter()
            .map(async |(stream, from)| match *from > LAST_REVISION {
                true => Ok(Vec::new()),
                false => self.reader.whole(stream, *from).await,
            })
            .collect();
        stream::iter(reading).buffered(ABREAST).try_collect().await
    }

    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        let mut events: Vec<StoredEvent> = Vec::new();
        let mut from = self.tail.read_from(after);
        while events.len() < max {
            let wanted = (max - events.len()).clamp(*READ_ALL.start(), *READ_ALL.end());
            let page = self.reader.all(from, false, wanted).await?;
            let short = page.len() < wanted;
            from = page.last().map(|event| event.position.commit).or(from);
            let missing = max - events.len();
            let ours = page
                .into_iter()
                .filter_map(wire::stored_event)
                .filter(|event| event.position > after);
            events.extend(ours.take(missing));
            if short {
                break;
            }
        }
        let next = events.last().map_or(after, |event| event.position);
        if !events.is_empty() {
            self.tail.raise(next);
        }
        // a full page may end anywhere: only the end itself may look like the end
        let full = events.len() == max;
        let head = if full && self.tail.known() <= next {
            self.head().await?
        } else {
            self.tail.known()
        };
        Ok(Page { events, next, head })
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.tail.advance(&self.reader).await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.tail.wake()
    }

    fn caps(&self) -> Caps {
        Caps {
            atomic_multi: false,
            dense: false,
            max_append_bytes: self.settings.max_append_bytes,
        }
    }
}
