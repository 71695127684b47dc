//! Reads, each repeated until it worked or took too long.

use crate::{link::Link, wire};
use commands::ports::{READ_PAGE, ReadError};
use domain::event::{StoredEvent, StreamName};
use eventstore::{
    Client, Error, Position, ReadAllOptions, ReadStream, ReadStreamOptions, RecordedEvent, StreamPosition,
};
use futures::{FutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// What reads need.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) link: Arc<Link>,
    /// For a read with its repetitions, and for one try.
    pub(crate) deadline: Duration,
    pub(crate) each: Duration,
}

impl Reader {
    /// Events of everybody, the server's own too: forwards those after `from`, backwards those before it.
    pub(crate) async fn all(
        &self,
        from: Option<u64>,
        backwards: bool,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        // forwards the event at the position is among what the server answers: one more is asked for, and dropped
        let inclusive = !backwards && from.is_some();
        let options = ReadAllOptions::default()
            .requires_leader(true)
            .max_count(max + usize::from(inclusive));
        let options = match (from, backwards) {
            (Some(at), _) => options.position(StreamPosition::Position(Position {
                commit: at,
                prepare: at,
            })),
            (None, false) => options.position(StreamPosition::Start),
            (None, true) => options.position(StreamPosition::End),
        };
        let options = if backwards {
            options.backwards()
        } else {
            options.forwards()
        };
        let options = &options;
        let read = |client: Client| async move { drain(client.read_all(options).await?).await }.boxed();
        let mut events = self.call(read).await.map_err(unavailable)?;
        if inclusive {
            events.retain(|e| Some(e.position.commit) > from);
            events.truncate(max);
        }
        Ok(events)
    }

    /// Events of one stream; none if there is no such stream, or it was deleted.
    pub(crate) async fn stream(
        &self,
        stream: &StreamName,
        from: u64,
        max: usize,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        let name = stream.to_string();
        let options = ReadStreamOptions::default()
            .requires_leader(true)
            .position(StreamPosition::Position(from))
            .forwards()
            .max_count(max);
        let (name, options) = (name.as_str(), &options);
        let read = |client: Client| async move { drain(client.read_stream(name, options).await?).await }.boxed();
        match self.call(read).await {
            Ok(events) => Ok(events.into_iter().filter_map(wire::stored_event).collect()),
            Err(Error::ResourceNotFound | Error::ResourceDeleted) => Ok(Vec::new()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// All events of one stream from revision `from` on.
    pub(crate) async fn whole(&self, stream: &StreamName, from: u64) -> Result<Vec<StoredEvent>, ReadError> {
        let mut events: Vec<StoredEvent> = Vec::new();
        loop {
            let page = self.stream(stream, from + events.len() as u64, READ_PAGE).await?;
            let short = page.len() < READ_PAGE;
            events.extend(page);
            if short {
                return Ok(events);
            }
        }
    }

    async fn call<'a, T>(&self, read: impl Fn(Client) -> BoxFuture<'a, Result<T, Error>> + Send) -> Result<T, Error> {
        self.link.call(Instant::now() + self.deadline, self.each, read).await
    }
}

async fn drain(mut answers: ReadStream) -> Result<Vec<RecordedEvent>, Error> {
    let mut events = Vec::new();
    while let Some(answer) = answers.next().await? {
        events.extend(answer.event);
    }
    Ok(events)
}

fn unavailable(error: Error) -> ReadError {
    ReadError::Unavailable(error.to_string())
}
