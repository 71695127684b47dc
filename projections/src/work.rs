//! What a projector is made of: how it reads events, and the rows it keeps in memory while it applies them.

use crate::{
    projector::{Changes, ProjectorError},
    rows::Rows,
    table::Table,
};
use domain::event::{DecodeError, Recorded, StoredEvent};
use sqlx::PgConnection;
use uuid::Uuid;

/// Rows in memory. The owner of the live tables takes one batch and saves; a rebuild takes many before it does. So what
/// is in memory and what is in the tables must together say the same at any time.
pub(crate) trait Work: Send + Sized + 'static {
    /// What an event that concerns this projector says.
    type Event: Send + 'static;

    /// Nothing in memory. `empty`: and nothing in the tables.
    fn new(empty: bool) -> Self;

    /// Reads an event; `None` if it does not concern this projector. Costly, so it is done ahead, on any thread.
    ///
    /// # Errors
    /// [`DecodeError`].
    fn decode(stored: &StoredEvent) -> Result<Option<Self::Event>, DecodeError>;

    /// Applies events in memory, after loading the rows that they touch and that are not there yet.
    fn take(
        &mut self,
        connection: &mut PgConnection,
        events: Vec<Recorded<Self::Event>>,
    ) -> impl Future<Output = Result<(), ProjectorError>> + Send;

    /// Writes what changed and forgets it. After an error nothing of it counts, and this is of no more use.
    fn save(&mut self, connection: &mut PgConnection) -> impl Future<Output = Result<Changes, ProjectorError>> + Send;

    /// Bytes of rows that were loaded and are in memory, about. What events brought is counted by the events.
    fn loaded(&self) -> usize;
}

/// Reads events, in order, without those that do not concern the projector.
pub(crate) fn decode<W: Work>(events: &[StoredEvent]) -> Result<Vec<Recorded<W::Event>>, DecodeError> {
    let mut decoded = Vec::with_capacity(events.len());
    for stored in events {
        if let Some(event) = W::decode(stored)? {
            decoded.push(Recorded {
                position: stored.position,
                stream_id: stored.stream.id,
                revision: stored.revision,
                event,
            });
        }
    }
    Ok(decoded)
}

/// Applies one batch.
pub(crate) async fn apply<W: Work>(
    connection: &mut PgConnection,
    events: &[StoredEvent],
) -> Result<Changes, ProjectorError> {
    let mut work = W::new(false);
    work.take(connection, decode::<W>(events)?).await?;
    work.save(connection).await
}

/// Loads the rows of a table that are named by the streams of the events that `concerns` picks.
pub(crate) async fn load<T: Table, E: Sync>(
    rows: &mut Rows<T>,
    connection: &mut PgConnection,
    events: &[Recorded<E>],
    concerns: fn(&Recorded<E>) -> Option<Touch>,
) -> Result<(), ProjectorError> {
    let touched = events.iter().filter_map(|event| match concerns(event)? {
        // a stream's first event finds no row; any other may
        Touch::Stream => Some((event.stream_id, event.revision.0 == 0)),
        Touch::Other(key) => Some((key, false)),
    });
    rows.load(connection, touched).await
}

/// Which row of a table an event touches.
pub(crate) enum Touch {
    /// The one that has the id of the stream, and nothing but that stream makes it.
    Stream,
    /// This one.
    Other(Uuid),
}
