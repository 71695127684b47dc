//! Saved folds of long streams in `ops.snapshot`, and in memory for tests.
//!
//! They lie here and not in schema `es`, because events may lie in another store and keys never do. The table is unlogged.

mod memory;

pub use memory::MemorySnapshots;

use async_trait::async_trait;
use commands::ports::{SNAPSHOT_EVERY, Snapshot, SnapshotError, Snapshots};
use domain::event::{Revision, StreamName};
use sqlx::PgPool;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};
use uuid::Uuid;

/// Of how many streams it is remembered that there is one: 16 bytes each. Others show that they are long when read.
const REMEMBERED: usize = 262_144;

const LONGEST: &str = "select category, stream_id from ops.snapshot order by revision desc limit $1";

const LOAD: &str = "select s.category, s.stream_id, s.revision, s.event_id, s.fold, s.state
    from unnest($1::text[], $2::uuid[]) r(category, stream_id) join ops.snapshot s using (category, stream_id)";

const SAVE: &str = "insert into ops.snapshot as s (category, stream_id, revision, event_id, fold, state)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (category, stream_id) do update
    set revision = excluded.revision, event_id = excluded.event_id, fold = excluded.fold, state = excluded.state
    where s.fold <> excluded.fold or s.revision + $7 <= excluded.revision";

const DELETE: &str = "delete from ops.snapshot where category = $1 and stream_id = $2 and event_id = $3 and fold = $4";

type Row = (String, Uuid, i64, Uuid, String, Vec<u8>);

/// [`Snapshots`] on Postgres.
pub struct PostgresSnapshots {
    pool: PgPool,
    /// Hashes of the streams that have one, as far as this process knows.
    known: RwLock<HashSet<u64>>,
    hasher: RandomState,
}

impl PostgresSnapshots {
    /// The table of this database, which [`crate::migrate`] has made. Asks which streams it has.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn open(pool: PgPool) -> Result<Self, SnapshotError> {
        let query = sqlx::query_as::<_, (String, Uuid)>(LONGEST).bind(REMEMBERED as i64);
        let streams = query.fetch_all(&pool).await.map_err(failed)?;
        let hasher = RandomState::new();
        let known = streams.iter().map(|(category, id)| hasher.hash_one((&**category, id)));
        Ok(Self {
            known: RwLock::new(known.collect()),
            pool,
            hasher,
        })
    }

    fn hash(&self, stream: &StreamName) -> u64 {
        self.hasher.hash_one((&*stream.category, &stream.id))
    }

    fn remember(&self, stream: &StreamName) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < REMEMBERED {
            known.insert(self.hash(stream));
        }
    }
}

#[async_trait]
impl Snapshots for PostgresSnapshots {
    fn likely(&self, stream: &StreamName) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains(&self.hash(stream))
    }

    async fn load(&self, streams: &[StreamName]) -> Result<Vec<Snapshot>, SnapshotError> {
        let categories: Vec<&str> = streams.iter().map(|stream| &*stream.category).collect();
        let ids: Vec<Uuid> = streams.iter().map(|stream| stream.id).collect();
        let query = sqlx::query_as::<_, Row>(LOAD).bind(categories).bind(ids);
        let rows = query.fetch_all(&self.pool).await.map_err(failed)?;
        let snapshot = |(category, id, revision, event, fold, state): Row| Snapshot {
            stream: StreamName::new(category, id),
            revision: Revision(revision.cast_unsigned()),
            event,
            fold,
            state: state.into(),
        };
        let found: Vec<Snapshot> = rows.into_iter().map(snapshot).collect();
        found.iter().for_each(|snapshot| self.remember(&snapshot.stream));
        Ok(found)
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let query = sqlx::query(SAVE)
            .bind(&*snapshot.stream.category)
            .bind(snapshot.stream.id)
            .bind(snapshot.revision.0.cast_signed())
            .bind(snapshot.event)
            .bind(&snapshot.fold)
            .bind(&*snapshot.state)
            .bind(SNAPSHOT_EVERY.cast_signed());
        query.execute(&self.pool).await.map_err(failed)?;
        self.remember(&snapshot.stream);
        Ok(())
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let query = sqlx::query(DELETE)
            .bind(&*snapshot.stream.category)
            .bind(snapshot.stream.id)
            .bind(snapshot.event)
            .bind(&snapshot.fold);
        let gone = query.execute(&self.pool).await.map_err(failed)?.rows_affected() > 0;
        if gone {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.remove(&self.hash(&snapshot.stream));
        }
        Ok(())
    }
}

fn failed(e: sqlx::Error) -> SnapshotError {
    SnapshotError(e.to_string())
}
