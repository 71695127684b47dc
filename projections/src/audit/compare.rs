//! Whether the audit log says what the events say. Its rows are made of events by a pure map, so they can be made again and compared.
//!
//! `projections verify` compares too, but builds all tables a second time for it. Here nothing is built: events and rows are read side
//! by side, a page at a time, through the view that everybody reads.

use super::{
    AuditProjector, NAME,
    read::{self, COLUMNS, Cursor},
    record::{self, AuditRecord},
};
use crate::{
    ahead,
    feed::{FeedError, Subscription},
    generation::{self, Generation},
    projector::Projector,
};
use domain::{
    event::{Aggregate, Position, StoredEvent},
    id::{MembershipId, UserId},
    meta::Meta,
    organization::membership::Membership,
};
use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row};
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// Why the log was not compared, or how it differs.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The events cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The rows cannot be read.
    #[error("the audit log: {0}")]
    Database(#[from] sqlx::Error),
    /// The log says something else than the events, or cannot be compared with them.
    #[error("{0}")]
    Found(String),
}

fn found<T>(what: String) -> Result<T, CompareError> {
    Err(CompareError::Found(what))
}

/// What was compared, and found to be as the events say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Events whose records were compared, those without any among them.
    pub events: u64,
    /// Their records.
    pub records: u64,
    /// Of how many of them the address is not compared: the key it is sealed with is gone.
    pub unknown_addresses: u64,
    /// The last event the log has taken; [`Position::START`] too if there is no log yet.
    pub position: Position,
}

/// Whose memberships are, from when somebody took them, as the projector keeps it.
#[derive(Debug, Default)]
struct Whose(HashMap<MembershipId, UserId>);

impl Whose {
    /// Takes the next event of the history: its records, with whose membership they are about.
    fn told(&mut self, event: StoredEvent) -> Result<Told, CompareError> {
        let told = Told::by(event)?;
        let Some(membership) = told.membership() else {
            return Ok(told);
        };
        match told.member() {
            Some(user) if told.is_of_a_membership() => drop(self.0.insert(membership, user)),
            Some(_) => {}
            None => return Ok(told.about(self.0.get(&membership).copied())),
        }
        Ok(told)
    }
}

/// What the log has to say of one event: its records in order, to be taken one after the other.
pub struct Told {
    event: StoredEvent,
    rest: VecDeque<(i16, AuditRecord)>,
}

impl Told {
    /// The records of an event, personal data opened, as the projector makes and writes them.
    ///
    /// # Errors
    /// [`CompareError::Found`] if the event cannot be read.
    pub fn by(event: StoredEvent) -> Result<Self, CompareError> {
        let records = record::records(&event);
        let records = records.or_else(|e| found(format!("{} cannot be read: {e}", named(&event))))?;
        let written = |record: AuditRecord| AuditRecord {
            // as it is when it was written and read: a number may be another one in its last digit
            detail: serde_json::from_str(&record.detail.to_string()).unwrap_or_default(),
            ..record
        };
        Ok(Self {
            rest: (0..).zip(records.into_iter().map(written)).collect(),
            event,
        })
    }

    /// Only those records that are `wanted`, as [`read::page`] gives them.
    #[must_use]
    pub fn read(mut self, wanted: impl Fn(Cursor, &AuditRecord) -> bool) -> Self {
        let position = self.event.position;
        self.rest.retain(|(ordinal, record)| {
            let ordinal = *ordinal;
            wanted(Cursor { position, ordinal }, record)
        });
        let shown = |(ordinal, record)| (ordinal, read::shown(record));
        self.rest = self.rest.into_iter().map(shown).collect();
        self
    }

    /// The membership it is about.
    pub fn membership(&self) -> Option<MembershipId> {
        self.rest.front()?.1.membership
    }

    /// Whose that is, if the event says it; else an event before it may have.
    pub fn member(&self) -> Option<UserId> {
        self.rest.front()?.1.member
    }

    fn is_of_a_membership(&self) -> bool {
        self.event.stream.category == Membership::CATEGORY
    }

    /// With whose membership it is about, where the event does not say it.
    #[must_use]
    pub fn about(mut self, member: Option<UserId>) -> Self {
        for (_, record) in &mut self.rest {
            record.member = record.member.or(member);
        }
        self
    }

    /// Where the event lies.
    pub fn position(&self) -> Position {
        self.event.position
    }

    /// Compares the next record. The network address of somebody who was erased is known to the log at most, and not compared.
    ///
    /// # Errors
    /// [`CompareError::Found`] if the event says something else.
    pub fn take(&mut self, ordinal: i16, there: &AuditRecord) -> Result<(), CompareError> {
        match self.rest.front() {
            Some((next, _)) if *next < ordinal => return self.end(),
            Some((next, said)) if *next == ordinal => {
                let mut differing = differing(said, there);
                if said.ip.is_none() && differing.contains(&"ip".to_owned()) && address_is_erased(&self.event) {
                    differing.retain(|name| name != "ip");
                }
                if !differing.is_empty() {
                    return found(format!(
                        "record {ordinal} of {} does not say what the event says: {}",
                        named(&self.event),
                        differing.join(", ")
                    ));
                }
            }
            _ => return found(format!("record {ordinal} of {} was put in", named(&self.event))),
        }
        self.rest.pop_front();
        Ok(())
    }

    /// Whether nobody can say from where the event came any more: the key its address is sealed with is gone.
    pub fn is_address_unknown(&self) -> bool {
        address_is_erased(&self.event)
    }

    /// Whether all were taken.
    ///
    /// # Errors
    /// [`CompareError::Found`] if a record is missing.
    pub fn end(&self) -> Result<(), CompareError> {
        match self.rest.front() {
            None => Ok(()),
            Some((ordinal, _)) => found(format!("record {ordinal} of {} is missing", named(&self.event))),
        }
    }
}

/// An event, for messages.
fn named(event: &StoredEvent) -> String {
    format!(
        "the event at position {} ({}, {})",
        event.position, event.stream, event.type_name
    )
}

/// The members that differ, as they are called in exports. What they are is not told: it may be about people.
fn differing(said: &AuditRecord, there: &AuditRecord) -> Vec<String> {
    if said == there {
        return Vec::new();
    }
    let other_member = said.member != there.member;
    let members = |record| match serde_json::to_value(record) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (said, there) = (members(said), members(there));
    let differs = said.into_iter().filter(|(name, value)| there.get(name) != Some(value));
    let mut names: Vec<String> = differs.map(|(name, _)| name).collect();
    if other_member {
        names.push("userId".to_owned());
    }
    names
}

fn address_is_erased(event: &StoredEvent) -> bool {
    let meta = serde_json::from_slice(&event.meta);
    meta.is_ok_and(|meta: Meta| meta.ip.is_some_and(|ip| ip.known().is_none()))
}

/// How far the log is; [`Position::START`] if there is none.
///
/// # Errors
/// Whatever the database says.
pub async fn position(pool: &PgPool) -> Result<Position, sqlx::Error> {
    let live = generation::live(&mut *pool.acquire().await?, NAME).await?;
    Ok(live.map_or(Position::START, |live| live.position))
}

/// Compares all records with what the events up to the projector's checkpoint say. `worked` is how far other work of the server is
/// known to be: a log that is behind it by more than `lag` of history does not move on. `progress` is told of the position reached, and of
/// the last one.
///
/// # Errors
/// [`CompareError::Found`] with the first difference.
pub async fn compare(
    pool: &PgPool,
    feed: &dyn Subscription,
    (worked, lag): (Position, Duration),
    progress: &(dyn Fn(Position, Position) + Sync),
) -> Result<Compared, CompareError> {
    let mut connection = pool.acquire().await?;
    let Some(live) = generation::live(&mut connection, NAME).await? else {
        return none_yet(&mut connection).await;
    };
    let (theirs, ours) = (live.version, AuditProjector.version());
    if theirs != ours {
        return found(format!(
            "the audit log was written by version {theirs} of its projector, and this program has version {ours}: \
             the server of this version makes it anew when it starts"
        ));
    }
    let mut compared = Compared {
        position: live.position,
        ..Compared::default()
    };
    let (mut after, mut size, mut whose) = (Position::START, ahead::FIRST, Whose::default());
    while after < live.position {
        let batch = ahead::cut(feed.next(after, size).await?, Some(live.position));
        size = ahead::next_size(size, &batch);
        if batch.next <= after {
            return found(format!(
                "the audit log is at position {}, and the history ends at {after}",
                live.position
            ));
        }
        compared.events += batch.events.len() as u64;
        // a record before the first event was put in too
        let from = if after == Position::START {
            i64::MIN
        } else {
            after.0 as i64
        };
        let page = compare_page(&mut connection, (from, batch.next), batch.events, &mut whose).await;
        let (records, unknown_addresses) = match page {
            Err(CompareError::Found(what)) => return found(explained(&mut connection, &live, what).await?),
            page => page?,
        };
        compared.records += records;
        compared.unknown_addresses += unknown_addresses;
        after = batch.next;
        progress(after, live.position);
    }
    nothing_behind(&mut connection).await?;
    keeps_up(feed, after, (worked, lag)).await?;
    Ok(compared)
}

/// Compares the records of a stretch; how many there are, and of how many of them the address could not be.
async fn compare_page(
    connection: &mut PgConnection,
    (from, to): (i64, Position),
    events: Vec<StoredEvent>,
    whose: &mut Whose,
) -> Result<(u64, u64), CompareError> {
    let statement = format!(
        "select {COLUMNS} from read.audit_record where position > $1 and position <= $2 order by position, ordinal"
    );
    let statement = sqlx::query(AssertSqlSafe(statement)).bind(from).bind(to.0 as i64);
    let mut rows = statement.fetch(connection);
    let (mut events, mut records, mut unknown) = (events.into_iter(), 0, 0);
    let mut told: Option<Told> = None;
    while let Some(row) = rows.try_next().await? {
        let position: i64 = row.try_get(0)?;
        let (cursor, there) = match read::stored(&row) {
            Err(sqlx::Error::Decode(e)) => {
                return found(format!(
                    "a record of the event at position {position} cannot be read: {e}"
                ));
            }
            read => read?,
        };
        while told.as_ref().is_none_or(|told| (told.position().0 as i64) < position) {
            if let Some(told) = &told {
                told.end()?;
            }
            match events.next() {
                Some(event) => told = Some(whose.told(event)?),
                None => return found(format!("the record at {cursor} was put in: no event lies there")),
            }
        }
        match &mut told {
            Some(told) if told.position() == cursor.position => {
                told.take(cursor.ordinal, &there)?;
                unknown += u64::from(there.ip.is_some() && told.is_address_unknown());
            }
            _ => {
                return found(format!(
                    "the record at {position}.{} was put in: no event lies there",
                    cursor.ordinal
                ));
            }
        }
        records += 1;
    }
    if let Some(told) = &told {
        told.end()?;
    }
    for event in events {
        whose.told(event)?.end()?;
    }
    Ok((records, unknown))
}

/// What was found, and what may be the reason.
async fn explained(connection: &mut PgConnection, live: &Generation, what: String) -> Result<String, CompareError> {
    let parked = "select count(*) from projection.parked where projector = $1 and generation = $2";
    let parked: i64 = sqlx::query_scalar(parked)
        .bind(NAME)
        .bind(live.number)
        .fetch_one(connection)
        .await?;
    Ok(match parked {
        0 => what,
        parked => {
            format!("{what} (parked for the audit log: {parked}; see `annalock projections parked list`)")
        }
    })
}

/// Where no projector has made a log there must be no records either.
async fn none_yet(connection: &mut PgConnection) -> Result<Compared, CompareError> {
    let there: bool = sqlx::query_scalar("select to_regclass('read.audit_record') is not null")
        .fetch_one(connection)
        .await?;
    if there {
        return found("there are records, and no projector that says how far they go".to_owned());
    }
    Ok(Compared::default())
}

/// Records and checkpoint move on together, so no record lies behind it.
async fn nothing_behind(connection: &mut PgConnection) -> Result<(), CompareError> {
    let behind: Option<i64> = sqlx::query_scalar(
        "select position from read.audit_record
         where position > (select position from projection.generation where projector = $1 and state = 'live')
         order by position limit 1",
    )
    .bind(NAME)
    .fetch_optional(connection)
    .await?;
    match behind {
        None => Ok(()),
        Some(position) => found(format!(
            "there is a record at position {position}, and the audit log has not got there"
        )),
    }
}

/// Whether what other work of the server has passed is not in the log for no longer than `lag`.
async fn keeps_up(
    feed: &dyn Subscription,
    mut after: Position,
    (worked, lag): (Position, Duration),
) -> Result<(), CompareError> {
    let mut first: Option<StoredEvent> = None;
    let mut size = ahead::FIRST;
    while after < worked {
        let batch = ahead::cut(feed.next(after, size).await?, Some(worked));
        size = ahead::next_size(size, &batch);
        if batch.next <= after {
            break;
        }
        after = batch.next;
        let Some(last) = batch.events.last().cloned() else {
            continue;
        };
        let first = first.get_or_insert_with(|| batch.events.first().cloned().unwrap_or(last.clone()));
        let waited = last.recorded_at_micros.saturating_sub(first.recorded_at_micros);
        let waited = Duration::from_micros(waited.try_into().unwrap_or_default());
        if waited > lag {
            return found(format!(
                "the audit log has no record of {}, and the server has been at work for {} minutes of history since: \
                 it does not move on",
                named(first),
                waited.as_secs() / 60
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
