//! Bringing schema `ops` up to date. Migrations of this schema only ever add.

use sqlx::migrate::{Migration, Migrator};
use sqlx::{Connection, PgPool};
use std::time::Duration;

pub use sqlx::migrate::MigrateError;

/// Brings schema `ops` to the shape this program wants, making it first if need be.
///
/// Several processes may call it at once: they queue on an advisory lock. What was applied is kept in `ops.migration`. A
/// migration that the database has and this program lacks (an older program beside a newer one) is left alone; one
/// whose text differs from what was applied is an error.
///
/// # Errors
/// [`MigrateError`]; every migration is a transaction, so what was not finished left nothing behind.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    if is_current(pool).await {
        return Ok(());
    }
    // a failed run keeps the advisory lock of its session: such a connection must not go back to the pool
    let mut connection = pool.acquire().await?.detach();
    let done = migrator().run(&mut connection).await;
    let closed = tokio::time::timeout(Duration::from_secs(5), connection.close()).await;
    if closed.is_err() {
        tracing::warn!("the connection that migrated schema ops did not close within 5 s");
    }
    done
}

/// Whether all our migrations were run, as they are: one question, where the migrator asks some fifteen at every start and
/// takes a connection of its own. If there is no list yet, or something is amiss, the migrator sees to it.
async fn is_current(pool: &PgPool) -> bool {
    let done = "select version, checksum from ops.migration where success";
    let done: Result<Vec<(i64, Vec<u8>)>, _> = sqlx::query_as(done).fetch_all(pool).await;
    done.is_ok_and(|done| {
        let is_done = |m: &Migration| done.iter().any(|(v, sum)| *v == m.version && *sum == *m.checksum);
        migrator().iter().all(is_done)
    })
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!();
    migrator.create_schema("ops");
    migrator.dangerous_set_table_name("ops.migration");
    migrator.set_ignore_missing(true);
    migrator
}
