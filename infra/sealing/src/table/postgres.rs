//! Keys in `ops.subject_key`. Its migration is in `infra/ops`.

use super::{KeyRow, KeyTable, Rewrap, TableError};
use async_trait::async_trait;
use domain::id::SubjectId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// [`KeyTable`] on Postgres.
///
/// A destroyed key is gone from the table at once, and from the disk when Postgres has vacuumed the old row and recycled
/// the log it stood in; until then it is still wrapped.
pub struct PostgresKeyTable(PgPool);

impl PostgresKeyTable {
    /// The table of this database, which `ops::migrate` has made.
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }
}

const LOAD: &str = "select subject_id, key_no, kek_id, wrapped_dek from ops.subject_key where subject_id = any($1)";

const CREATE: &str = "insert into ops.subject_key (subject_id, key_no, kek_id, wrapped_dek)
    select * from unnest($1::uuid[], $2::int[], $3::text[], $4::bytea[]) on conflict do nothing";

/// For a subject that has no key.
const DESTROYED: &str = "insert into ops.subject_key (subject_id, key_no, kek_id, destroyed)
    values ($1, 1, '', clock_timestamp()) on conflict do nothing";

const DESTROY: &str = "update ops.subject_key set wrapped_dek = null, destroyed = clock_timestamp()
    where subject_id = $1 and destroyed is null";

const UNDER_OTHERS: &str = "select subject_id, key_no, kek_id, wrapped_dek from ops.subject_key
    where wrapped_dek is not null and kek_id <> $1 and ($2::uuid is null or (subject_id, key_no) > ($2, $3))
    order by subject_id, key_no limit $4";

const REWRAP: &str = "update ops.subject_key k set kek_id = n.kek_id, wrapped_dek = n.wrapped
    from unnest($1::uuid[], $2::int[], $3::bytea[], $4::text[], $5::bytea[]) n(subject_id, key_no, old, kek_id, wrapped)
    where k.subject_id = n.subject_id and k.key_no = n.key_no and k.wrapped_dek = n.old";

type Row = (Uuid, i32, String, Option<Vec<u8>>);

fn row((subject, key_no, kek_id, wrapped): Row) -> KeyRow {
    KeyRow {
        subject: SubjectId(subject),
        key_no,
        kek_id,
        wrapped,
    }
}

async fn load(connection: &mut PgConnection, subjects: &[Uuid]) -> sqlx::Result<Vec<KeyRow>> {
    let rows: Vec<Row> = sqlx::query_as(LOAD).bind(subjects).fetch_all(connection).await?;
    Ok(rows.into_iter().map(row).collect())
}

impl PostgresKeyTable {
    /// A transaction that is on disk when its commit returns, whatever the pool's connections are set to.
    async fn durable(&self) -> sqlx::Result<sqlx::Transaction<'static, sqlx::Postgres>> {
        let mut tx = self.0.begin().await?;
        sqlx::query("set local synchronous_commit = on")
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }

    async fn try_create(&self, mut rows: Vec<KeyRow>) -> sqlx::Result<Vec<KeyRow>> {
        rows.sort_by_key(|row| (row.subject, row.key_no)); // in one order everywhere: creators cannot deadlock
        let mut subjects: Vec<Uuid> = rows.iter().map(|row| row.subject.0).collect();
        let numbers: Vec<i32> = rows.iter().map(|row| row.key_no).collect();
        let keks: Vec<&str> = rows.iter().map(|row| row.kek_id.as_str()).collect();
        let wrapped: Vec<Option<&[u8]>> = rows.iter().map(|row| row.wrapped.as_deref()).collect();
        let mut tx = self.durable().await?;
        sqlx::query(CREATE)
            .bind(&subjects)
            .bind(numbers)
            .bind(keks)
            .bind(wrapped)
            .execute(&mut *tx)
            .await?;
        subjects.dedup();
        let now = load(&mut tx, &subjects).await?;
        tx.commit().await?;
        Ok(now)
    }

    async fn try_destroy(&self, subject: SubjectId) -> sqlx::Result<()> {
        let mut tx = self.durable().await?;
        // first, for it waits for one who is just making the key: the update then sees it
        sqlx::query(DESTROYED).bind(subject.0).execute(&mut *tx).await?;
        sqlx::query(DESTROY).bind(subject.0).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn try_rewrap(&self, mut changes: Vec<Rewrap>) -> sqlx::Result<u64> {
        changes.retain(|change| change.old.wrapped.is_some());
        let subjects: Vec<Uuid> = changes.iter().map(|c| c.old.subject.0).collect();
        let numbers: Vec<i32> = changes.iter().map(|c| c.old.key_no).collect();
        let old: Vec<Option<&[u8]>> = changes.iter().map(|c| c.old.wrapped.as_deref()).collect();
        let keks: Vec<&str> = changes.iter().map(|c| c.kek_id.as_str()).collect();
        let wrapped: Vec<&[u8]> = changes.iter().map(|c| c.wrapped.as_slice()).collect();
        let mut tx = self.durable().await?;
        let query = sqlx::query(REWRAP)
            .bind(subjects)
            .bind(numbers)
            .bind(old)
            .bind(keks)
            .bind(wrapped);
        let done = query.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}

#[async_trait]
impl KeyTable for PostgresKeyTable {
    async fn load(&self, subjects: &[SubjectId]) -> Result<Vec<KeyRow>, TableError> {
        let subjects: Vec<Uuid> = subjects.iter().map(|subject| subject.0).collect();
        let mut connection = self.0.acquire().await.map_err(failed)?;
        load(&mut connection, &subjects).await.map_err(failed)
    }

    async fn create(&self, rows: Vec<KeyRow>) -> Result<Vec<KeyRow>, TableError> {
        self.try_create(rows).await.map_err(failed)
    }

    async fn destroy(&self, subject: SubjectId) -> Result<(), TableError> {
        self.try_destroy(subject).await.map_err(failed)
    }

    async fn under_others(
        &self,
        kek_id: &str,
        after: Option<(SubjectId, i32)>,
        max: usize,
    ) -> Result<Vec<KeyRow>, TableError> {
        let query = sqlx::query_as::<_, Row>(UNDER_OTHERS)
            .bind(kek_id)
            .bind(after.map(|(subject, _)| subject.0));
        let query = query
            .bind(after.map(|(_, key_no)| key_no))
            .bind(i64::try_from(max).unwrap_or(i64::MAX));
        Ok(query
            .fetch_all(&self.0)
            .await
            .map_err(failed)?
            .into_iter()
            .map(row)
            .collect())
    }

    async fn rewrap(&self, changes: Vec<Rewrap>) -> Result<u64, TableError> {
        self.try_rewrap(changes).await.map_err(failed)
    }
}

fn failed(e: sqlx::Error) -> TableError {
    TableError(e.to_string())
}
