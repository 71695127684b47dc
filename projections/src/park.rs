//! Events a projector could not take. The later events of the same stream are parked with them, in order.

use crate::{generation::Generation, projector::Projector};
use domain::event::{Position, StoredEvent, StreamName};
use sqlx::{PgConnection, PgPool, Row};
use std::{borrow::Cow, collections::HashSet};
use uuid::Uuid;

/// One event that is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which projector could not take it.
    pub projector: String,
    /// In which generation.
    pub generation: i32,
    /// Where it lies.
    pub position: Position,
    /// `cipher-2f1c…`.
    pub stream: String,
    /// Its stored name.
    pub type_name: String,
    /// What went wrong.
    pub error: String,
    /// How often it was tried.
    pub tries: i32,
}

/// The streams of a generation that are blocked: an event of theirs is parked.
pub(crate) async fn blocked(
    connection: &mut PgConnection,
    projector: &str,
    generation: i32,
) -> Result<HashSet<(String, Uuid)>, sqlx::Error> {
    sqlx::query("select distinct category, stream_id from projection.parked where projector = $1 and generation = $2")
        .bind(projector)
        .bind(generation)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// Parks an event.
pub(crate) async fn park(
    connection: &mut PgConnection,
    projector: &str,
    generation: i32,
    event: &StoredEvent,
    error: &str,
    tries: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into projection.parked (projector, generation, position, category, stream_id, type, error, tries)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
    )
    .bind(projector)
    .bind(generation)
    .bind(event.position.0 as i64)
    .bind(&*event.stream.category)
    .bind(event.stream.id)
    .bind(&*event.type_name)
    .bind(error)
    .bind(tries)
    .execute(connection)
    .await?;
    Ok(())
}

/// Parts the events a projector is to apply from those whose streams are blocked. Events it does not want are in
/// neither.
pub(crate) fn divide<'a>(
    projector: &dyn Projector,
    blocked: &HashSet<(String, Uuid)>,
    events: &'a [StoredEvent],
) -> (Cow<'a, [StoredEvent]>, Vec<&'a StoredEvent>) {
    if blocked.is_empty() && events.iter().all(|event| projector.wants(&event.stream.category)) {
        return (Cow::Borrowed(events), Vec::new());
    }
    let concerned = events.iter().filter(|event| projector.wants(&event.stream.category));
    let (held, wanted): (Vec<_>, Vec<_>) = concerned.partition(|event| blocked.contains(&stream_of(event)));
    (Cow::Owned(wanted.into_iter().cloned().collect()), held)
}

/// The events among those a projector wants whose streams are blocked.
pub(crate) fn held<'a>(
    projector: &dyn Projector,
    blocked: &HashSet<(String, Uuid)>,
    events: &'a [StoredEvent],
) -> Vec<&'a StoredEvent> {
    if blocked.is_empty() {
        return Vec::new();
    }
    let concerned = events.iter().filter(|event| projector.wants(&event.stream.category));
    concerned.filter(|event| blocked.contains(&stream_of(event))).collect()
}

/// How a blocked stream is remembered.
pub(crate) fn stream_of(event: &StoredEvent) -> (String, Uuid) {
    (event.stream.category.to_string(), event.stream.id)
}

/// Parks events behind others of their streams.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    generation: &Generation,
    held: &[&StoredEvent],
) -> Result<(), sqlx::Error> {
    for event in held {
        let why = "an earlier event is parked";
        park(connection, &generation.projector, generation.number, event, why, 0).await?;
    }
    Ok(())
}

/// What is parked, oldest first.
///
/// # Errors
/// Whatever the database says.
pub async fn list(pool: &PgPool) -> Result<Vec<Parked>, sqlx::Error> {
    sqlx::query(
        "select projector, generation, position, category || '-' || stream_id, type, error, tries
         from projection.parked order by projector, generation, position",
    )
    .fetch_all(pool)
    .await?
    .iter()
    .map(|row| {
        Ok(Parked {
            projector: row.try_get(0)?,
            generation: row.try_get(1)?,
            position: Position(row.try_get::<i64, _>(2)? as u64),
            stream: row.try_get(3)?,
            type_name: row.try_get(4)?,
            error: row.try_get(5)?,
            tries: row.try_get(6)?,
        })
    })
    .collect()
}

/// Asks the owner of the projector to try a parked event again, and what is parked behind it in its stream. `false` if
/// there is none.
///
/// # Errors
/// Whatever the database says.
pub async fn retry(pool: &PgPool, projector: &str, position: Position) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("update projection.parked set retry = true where projector = $1 and position = $2")
        .bind(projector)
        .bind(position.0 as i64)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The parked events of streams that are to be tried again, oldest first.
pub(crate) async fn wanted(
    connection: &mut PgConnection,
    projector: &str,
    generation: i32,
) -> Result<Vec<(StreamName, Position)>, sqlx::Error> {
    let found: Vec<(String, Uuid, i64)> = sqlx::query_as(
        "select category, stream_id, position from projection.parked p where projector = $1 and generation = $2 and exists (
             select 1 from projection.parked w where w.projector = p.projector and w.generation = p.generation
             and w.category = p.category and w.stream_id = p.stream_id and w.retry)
         order by position",
    )
    .bind(projector)
    .bind(generation)
    .fetch_all(connection)
    .await?;
    let named =
        |(category, id, position): (String, Uuid, i64)| (StreamName::new(category, id), Position(position as u64));
    Ok(found.into_iter().map(named).collect())
}

/// Takes an event out, because it was applied.
pub(crate) async fn unpark(
    connection: &mut PgConnection,
    projector: &str,
    generation: i32,
    position: Position,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from projection.parked where projector = $1 and generation = $2 and position = $3")
        .bind(projector)
        .bind(generation)
        .bind(position.0 as i64)
        .execute(connection)
        .await?;
    Ok(())
}

/// Nobody wants a parked stream tried again any more: it failed again.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    projector: &str,
    generation: i32,
    position: Position,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update projection.parked p set retry = false, tries = p.tries + (p.position = $3)::int,
             error = case when p.position = $3 then $4 else p.error end
         from projection.parked w where w.projector = $1 and w.generation = $2 and w.position = $3
             and p.projector = w.projector and p.generation = w.generation and p.category = w.category
             and p.stream_id = w.stream_id",
    )
    .bind(projector)
    .bind(generation)
    .bind(position.0 as i64)
    .bind(error)
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up on a parked event: it will never be in the rows of this generation. The later events of its stream stay
/// parked until they are retried. `false` if there is none.
///
/// # Errors
/// Whatever the database says.
pub async fn skip(pool: &PgPool, projector: &str, position: Position) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("delete from projection.parked where projector = $1 and position = $2")
        .bind(projector)
        .bind(position.0 as i64)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() > 0)
}
