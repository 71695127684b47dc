//! What must not go on at once: locks of PostgreSQL, held by a connection.

use super::{AT_ONCE, RebuildError};
use sqlx::{Connection, Executor, PgConnection, PgPool};

/// A connection that holds the lock of this projector's rebuilds and one of the few places for any. They go with a
/// builder that dies.
pub(super) async fn enter(pool: &PgPool, projector: &str) -> Result<PgConnection, RebuildError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    if !try_lock(&mut connection, &format!("annalock:rebuild:{projector}")).await? {
        return Err(RebuildError::Running(projector.to_owned()));
    }
    for place in 1..=AT_ONCE {
        if try_lock(&mut connection, &format!("annalock:rebuilds:{place}")).await? {
            return Ok(connection);
        }
    }
    close(connection).await?;
    Err(RebuildError::TooMany)
}

/// Takes the lock of what is retired, if nobody has it.
pub(super) async fn try_retired(connection: &mut PgConnection, projector: &str) -> Result<bool, sqlx::Error> {
    try_lock(connection, &retired(projector)).await
}

/// Who holds it may feed, swap or drop what is retired.
fn retired(projector: &str) -> String {
    format!("annalock:retired:{projector}")
}

/// Takes the lock of the projector's owner, if there is none.
pub(super) async fn try_owner(connection: &mut PgConnection, projector: &str) -> Result<bool, sqlx::Error> {
    try_lock(connection, &owner(projector)).await
}

/// Gives it back.
pub(super) async fn leave_owner(connection: &mut PgConnection, projector: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_unlock(hashtextextended($1, 0))")
        .bind(owner(projector))
        .execute(connection)
        .await
        .map(drop)
}

/// Who holds it owns the projector.
fn owner(projector: &str) -> String {
    format!("annalock:{projector}")
}

async fn try_lock(connection: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(name)
        .fetch_one(connection)
        .await
}

/// Waits until nobody feeds what is retired: a moment, unless it is far behind.
pub(super) async fn wait_for_retired(connection: &mut PgConnection, projector: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_lock(hashtextextended($1, 0))")
        .bind(retired(projector))
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives locks back at once: a closed connection would keep them until the server notices, and the next one shall find
/// them free.
pub(super) async fn close(mut connection: PgConnection) -> Result<(), sqlx::Error> {
    connection.execute("select pg_advisory_unlock_all()").await?;
    connection.close().await
}
