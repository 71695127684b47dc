//! Events in PostgreSQL: schema `es`, one row locked per batch of appends, so positions are dense and in commit order.
//!
//! Many appends share one transaction: they queue, and one task stores whatever has gathered while the last commit ran
//! ([`PostgresStore`]). What is *not* here: sealing of personal data, read models, and subscriptions, which poll
//! [`commands::ports::EventStore::read_all`].

mod appender;
mod batch;
mod fault;
mod queue;
mod read;
mod session;
mod settings;
mod store;
mod wake;

pub use settings::Settings;
pub use store::PostgresStore;

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
};

/// Brings schema `es` up to date; what was done before is not done again, and two processes do not do it at once.
/// The list of what was done is kept in `es.migration`.
///
/// # Errors
/// The database cannot be reached, its user may not create a schema, or a migration is not the one that was once run.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut migrator = sqlx::migrate!();
    if is_current(pool, &migrator).await {
        return Ok(());
    }
    migrator.create_schema("es");
    migrator.dangerous_set_table_name("es.migration");
    migrator.run(pool).await
}

/// Whether exactly these migrations were run: one question, where the migrator asks some fifteen at every start. If there is
/// no list yet, or the answer is any other, the migrator says what is to be done or wrong.
async fn is_current(pool: &PgPool, migrator: &Migrator) -> bool {
    let done = "select version, checksum from es.migration where success order by version";
    let done: Result<Vec<(i64, Vec<u8>)>, _> = sqlx::query_as(done).fetch_all(pool).await;
    let wanted = migrator.iter().map(|m| (m.version, m.checksum.to_vec()));
    done.is_ok_and(|done| done.into_iter().eq(wanted))
}
