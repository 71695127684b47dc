//! Reading, on connections of its own: read models that are slow do not keep decisions waiting.

use crate::fault::{is_lost, unreadable};
use crate::settings::Settings;
use bytes::{Bytes, BytesMut};
use commands::ports::{LeafPage, Page, ReadError, StoredLeaf};
use domain::event::{Position, Revision, StoredEvent, StreamName};
use domain::proof::{Hash, leaf::Leaf};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, PgPool, Row, query::Query};
use std::{borrow::Cow, time::Duration};

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// How long a read waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);
/// PostgreSQL counts microseconds from 2000-01-01; events from 1970.
const EPOCH_2000_MICROS: i64 = 946_684_800_000_000;

const OF_STREAM: &str = "select position, category, stream_id, revision, event_id, type, schema, recorded_at, data, meta \
    from es.event where category = $1 and stream_id = $2 and revision >= $3 order by revision limit $4";
const OF_STREAMS: &str = "select e.*, r.o from unnest($1::text[], $2::uuid[], $3::bigint[]) with ordinality r(c, s, f, o) \
    cross join lateral ( \
      select position, category, stream_id, revision, event_id, type, schema, recorded_at, data, meta \
      from es.event where category = r.c and stream_id = r.s and revision >= r.f order by revision offset 0) e";
/// Head and events by one statement: one snapshot, one way to the database.
const OF_ALL: &str = "select e.*, h.position from es.log_head h left join lateral ( \
      select position, category, stream_id, revision, event_id, type, schema, recorded_at, data, meta \
      from es.event where position > $1 order by position limit $2) e on true where h.one";
/// The same with digests in the place of what they are of.
const LEAVES_OF_ALL: &str = "select e.*, h.position from es.log_head h left join lateral ( \
      select position, category, stream_id, revision, event_id, type, schema, recorded_at, data_digest, meta_digest, meta \
      from es.event where position > $1 order by position limit $2) e on true where h.one";
const HEAD: &str = "select position from es.log_head where one";

/// The place of the extra column behind those of an event.
const EXTRA: usize = 10;

/// Reads events.
#[derive(Clone)]
pub(crate) struct Reader {
    pub pool: PgPool,
}

impl Reader {
    /// Connects when first used.
    pub fn new(options: &PgConnectOptions, settings: &Settings) -> Self {
        let options = options
            .clone()
            .application_name("annalock events")
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(settings.readers.max(1) + if settings.notify { 2 } else { 0 })
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false) // a dead connection shows in the read, which is then done again
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // a plan made while the tables were small must still be good when they are not
                    let settled = "select set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false), \
                                   set_config('synchronous_commit', 'off', false)";
                    sqlx::query(settled).execute(connection).await.map(|_| ())
                })
            });
        Self {
            pool: pool.connect_lazy_with(options),
        }
    }

    pub async fn stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        let statement = || {
            sqlx::query(OF_STREAM)
                .bind(&*stream.category)
                .bind(stream.id)
                .bind(bigint(from))
                .bind(bigint(max as u64))
        };
        let rows = self.rows(statement).await?;
        rows.iter().map(event).collect::<Result<_, _>>().map_err(unreadable)
    }

    pub async fn streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        let categories: Vec<&str> = streams.iter().map(|(s, _)| &*s.category).collect();
        let ids: Vec<_> = streams.iter().map(|(s, _)| s.id).collect();
        let from: Vec<i64> = streams.iter().map(|(_, from)| bigint(*from)).collect();
        let rows = self
            .rows(|| sqlx::query(OF_STREAMS).bind(&categories).bind(&ids).bind(&from))
            .await?;
        let mut all = vec![Vec::new(); streams.len()];
        for row in &rows {
            let ordinal = usize::try_from(row.try_get::<i64, _>(EXTRA).map_err(unreadable)?).unwrap_or_default();
            if let Some(events) = all.get_mut(ordinal.wrapping_sub(1)) {
                events.push(event(row).map_err(unreadable)?);
            }
        }
        all.iter_mut().for_each(|events| events.sort_by_key(|e| e.revision)); // as they come; a plan need not keep it
        Ok(all)
    }

    pub async fn all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        let (mut events, head) = self.page(OF_ALL, after, max, event).await?;
        events.sort_by_key(|e| e.position); // as they come; a plan need not keep it
        let next = events.last().map_or(after, |e| e.position);
        Ok(Page { events, next, head })
    }

    pub async fn leaves(&self, after: Position, max: usize) -> Result<LeafPage, ReadError> {
        let (mut leaves, head) = self.page(LEAVES_OF_ALL, after, max, leaf).await?;
        leaves.sort_by_key(|leaf| leaf.position);
        let next = leaves.last().map_or(after, |leaf| leaf.position);
        Ok(LeafPage { leaves, next, head })
    }

    /// What `read` makes of the rows after `after`, and the head, which is their last column.
    async fn page<T>(
        &self,
        statement: &'static str,
        after: Position,
        max: usize,
        read: fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<(Vec<T>, Position), ReadError> {
        let rows = self
            .rows(|| sqlx::query(statement).bind(bigint(after.0)).bind(bigint(max as u64)))
            .await?;
        let head = match rows.first() {
            Some(row) => position(row, row.len() - 1).map_err(unreadable)?,
            None => return Err(ReadError::Unavailable("es.log_head is empty".to_owned())),
        };
        let is_event = |row: &&PgRow| row.try_get_raw(0).is_ok_and(|p| !sqlx::ValueRef::is_null(&p));
        let read = rows.iter().filter(is_event).map(read).collect::<Result<_, _>>();
        Ok((read.map_err(unreadable)?, head))
    }

    pub async fn head(&self) -> Result<Position, ReadError> {
        let rows = self.rows(|| sqlx::query(HEAD)).await?;
        rows.first()
            .map_or(Ok(Position::START), |row| position(row, 0))
            .map_err(unreadable)
    }

    /// Runs a statement; when its connection turns out to be dead, again on another one, until none of the pool's old
    /// ones is left.
    async fn rows<'q>(&self, statement: impl Fn() -> Statement<'q>) -> Result<Vec<PgRow>, ReadError> {
        let mut tries = self.pool.options().get_max_connections() + 1;
        loop {
            match statement().fetch_all(&self.pool).await {
                Err(error) if is_lost(&error) && tries > 0 => tries -= 1,
                answer => return answer.map_err(unreadable),
            }
        }
    }
}

/// What is larger than any revision, position or page there is counts as the largest.
fn bigint(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn position(row: &PgRow, column: usize) -> Result<Position, sqlx::Error> {
    Ok(Position(row.try_get::<i64, _>(column)?.cast_unsigned()))
}

/// An event from the first [`EXTRA`] columns.
fn event(row: &PgRow) -> Result<StoredEvent, sqlx::Error> {
    let (data, meta) = payloads(row.try_get(8)?, row.try_get(9)?);
    Ok(StoredEvent {
        position: position(row, 0)?,
        stream: StreamName {
            category: Cow::Owned(row.try_get(1)?),
            id: row.try_get(2)?,
        },
        revision: Revision(row.try_get::<i64, _>(3)?.cast_unsigned()),
        id: row.try_get(4)?,
        type_name: Cow::Owned(row.try_get(5)?),
        schema: row.try_get::<i16, _>(6)?.cast_unsigned(),
        recorded_at_micros: micros(row, 7)?,
        data,
        meta,
    })
}

/// A leaf from the same columns, where digests stand in the place of data and metadata, and metadata behind them.
fn leaf(row: &PgRow) -> Result<StoredLeaf, sqlx::Error> {
    let leaf = Leaf {
        stream: StreamName {
            category: Cow::Owned(row.try_get(1)?),
            id: row.try_get(2)?,
        },
        revision: row.try_get::<i64, _>(3)?.cast_unsigned(),
        event: row.try_get(4)?,
        type_name: row.try_get(5)?,
        schema: row.try_get::<i16, _>(6)?.cast_unsigned(),
        recorded_at_micros: micros(row, 7)?,
        data: digest(row, 8)?,
        meta: digest(row, 9)?,
    };
    Ok(StoredLeaf {
        position: position(row, 0)?,
        leaf,
        meta: Bytes::copy_from_slice(row.try_get(EXTRA)?),
    })
}

fn digest(row: &PgRow, column: usize) -> Result<Hash, sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| sqlx::Error::ColumnDecode {
        index: column.to_string(),
        source: "a digest has 32 bytes".into(),
    })
}

/// Both in one piece of memory: an event lives and dies as a whole.
fn payloads(data: &[u8], meta: &[u8]) -> (Bytes, Bytes) {
    let mut both = BytesMut::with_capacity(data.len() + meta.len());
    both.extend_from_slice(data);
    both.extend_from_slice(meta);
    let mut both = both.freeze();
    (both.split_to(data.len()), both)
}

/// A `timestamptz` in the binary format, which is a number of microseconds already.
fn micros(row: &PgRow, column: usize) -> Result<i64, sqlx::Error> {
    let broken = |why: &str| sqlx::Error::ColumnDecode {
        index: column.to_string(),
        source: why.into(),
    };
    let raw = row.try_get_raw(column)?;
    let bytes = raw.as_bytes().map_err(|_| broken("no time"))?;
    let since_2000 = i64::from_be_bytes(bytes.try_into().map_err(|_| broken("not eight bytes"))?);
    Ok(since_2000.saturating_add(EPOCH_2000_MICROS))
}
