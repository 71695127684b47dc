//! Bringing schema `ops` up to date. Migrations of this schema only ever add.

use sqlx::migrate::Migrator;
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
    // a failed run keeps the advisory lock of its session: such a connection must not go back to the pool
    let mut connection = pool.acquire().await?.detach();
    let done = migrator().run(&mut connection).await;
    let closed = tokio::time::timeout(Duration::from_secs(5), connection.close()).await;
    if closed.is_err() {
        tracing::warn!("the connection that migrated schema ops did not close within 5 s");
    }
    done
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!();
    migrator.create_schema("ops");
    migrator.dangerous_set_table_name("ops.migration");
    migrator.set_ignore_missing(true);
    migrator
}
