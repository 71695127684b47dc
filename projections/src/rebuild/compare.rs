//! Whether tables built anew are those that are live, row by row.

use super::{Comparison, RebuildError, build::Build};
use crate::generation;
use futures::{Stream, TryStreamExt};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};

/// Compares the tables at one position: that of a snapshot of the live ones.
pub(super) async fn compare(build: &mut Build<'_>, pool: &PgPool) -> Result<Comparison, RebuildError> {
    let mut live = PgConnection::connect_with(&pool.connect_options()).await?;
    live.execute("begin isolation level repeatable read read only").await?;
    let generation = generation::live(&mut live, build.projector.name())
        .await?
        .ok_or(RebuildError::NoLive)?;
    build.catch_up(Some(generation.position)).await?;
    let mut tables = Vec::new();
    for (table, key) in build.projector.tables() {
        let ours = format!("{}.{table}", build.generation.schema());
        let theirs = format!("{}.{table}", generation.schema());
        let difference = first_difference((&mut build.connection, &ours), (&mut live, &theirs), key).await?;
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {ours}")))
            .persistent(false)
            .fetch_one(&mut build.connection)
            .await?;
        tables.push(((*table).to_owned(), rows as u64, difference));
    }
    live.execute("rollback").await?;
    Ok(Comparison {
        position: generation.position,
        tables,
    })
}

/// The key of the first row that is in one table only or not the same in both. Two rows at a time are in memory.
async fn first_difference(
    (our_connection, ours): (&mut PgConnection, &str),
    (their_connection, theirs): (&mut PgConnection, &str),
    key: &str,
) -> Result<Option<String>, sqlx::Error> {
    let mut our_rows = rows(our_connection, ours, key);
    let mut their_rows = rows(their_connection, theirs, key);
    let (our, their) = loop {
        match tokio::try_join!(our_rows.try_next(), their_rows.try_next())? {
            (None, None) => return Ok(None),
            (Some(our), Some(their)) if our == their => {}
            (our, their) => break (our.map(|(key, _)| key), their.map(|(key, _)| key)),
        }
    };
    drop((our_rows, their_rows));
    let (Some(our), Some(their)) = (our.clone(), their.clone()) else {
        return Ok(our.or(their));
    };
    // both are in the database's order of keys, which is not that of their texts: a key that comes later in the other
    // table is not missing there, but what stands before it there is too much
    let later = format!("select exists (select 1 from {theirs} where ({key})::text = $1)");
    let later: bool = sqlx::query_scalar(AssertSqlSafe(later))
        .bind(&our)
        .persistent(false)
        .fetch_one(their_connection)
        .await?;
    Ok(Some(if later { their } else { our }))
}

/// Key and all columns of each row of a table as text, in order of the key.
fn rows<'a>(
    connection: &'a mut PgConnection,
    table: &str,
    key: &str,
) -> impl Stream<Item = Result<(String, String), sqlx::Error>> + Unpin + use<'a> {
    let statement = format!("select ({key})::text, t::text from {table} t order by {key}");
    sqlx::query(AssertSqlSafe(statement))
        .persistent(false)
        .fetch(connection)
        .and_then(|row| std::future::ready(row.try_get(0).and_then(|key| Ok((key, row.try_get(1)?)))))
}
