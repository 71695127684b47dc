//! Generations: physical copies of a projector's tables, of which one is live behind the views of schema `read`.

use crate::projector::Projector;
use domain::event::Position;
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Row, migrate::Migrator, postgres::PgRow};
use std::time::Duration;

/// States: being built, read from, kept to go back to.
pub(crate) const BUILDING: &str = "building";
pub(crate) const LIVE: &str = "live";
pub(crate) const RETIRED: &str = "retired";

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Makes or updates the tables projectors keep about themselves. Several processes may call it at once.
///
/// # Errors
/// Whatever the database says.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    if is_current(pool).await {
        return Ok(());
    }
    let mut connection = pool.acquire().await?;
    // the bookkeeping table has a schema of its own, so that it meets no other set of migrations
    connection
        .execute("create schema if not exists projection; set search_path = projection")
        .await?;
    let result = MIGRATIONS.run(&mut *connection).await;
    connection.execute("reset search_path").await?;
    result
}

/// Whether exactly these migrations were run: one question, where the migrator asks some fifteen at every start. If there is
/// no list yet, or the answer is any other, the migrator says what is to be done or wrong.
async fn is_current(pool: &PgPool) -> bool {
    let done = "select version, checksum from projection._sqlx_migrations where success order by version";
    let done: Result<Vec<(i64, Vec<u8>)>, _> = sqlx::query_as(done).fetch_all(pool).await;
    let wanted = MIGRATIONS.iter().map(|m| (m.version, m.checksum.to_vec()));
    done.is_ok_and(|done| done.into_iter().eq(wanted))
}

/// One generation of a projector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The projector's name.
    pub projector: String,
    /// Its number; the schema is `read_g<number>`.
    pub number: i32,
    /// The version of the code that writes it.
    pub version: i32,
    /// `building`, `live` or `retired`.
    pub state: String,
    /// Every event up to here is in the rows.
    pub position: Position,
}

impl Generation {
    /// Its schema.
    pub fn schema(&self) -> String {
        format!("read_g{}", self.number)
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            projector: row.try_get(0)?,
            number: row.try_get(1)?,
            version: row.try_get(2)?,
            state: row.try_get(3)?,
            position: Position(row.try_get::<i64, _>(4)? as u64),
        })
    }
}

/// All generations, by projector and number.
///
/// # Errors
/// Whatever the database says.
pub async fn all(pool: &PgPool) -> Result<Vec<Generation>, sqlx::Error> {
    sqlx::query("select projector, generation, version, state, position from projection.generation order by 1, 2")
        .fetch_all(pool)
        .await?
        .iter()
        .map(Generation::read)
        .collect()
}

/// The live generation of a projector.
///
/// # Errors
/// Whatever the database says.
pub async fn live(connection: &mut PgConnection, projector: &str) -> Result<Option<Generation>, sqlx::Error> {
    sqlx::query(
        "select projector, generation, version, state, position from projection.generation
         where projector = $1 and state = 'live'",
    )
    .bind(projector)
    .fetch_optional(connection)
    .await?
    .map(|row| Generation::read(&row))
    .transpose()
}

/// The live generation as a process follows it that does not own the projector, with a mark of what is parked in it: another one when
/// anything is, or no longer, zero where nothing is.
pub(crate) async fn followed(
    connection: &mut PgConnection,
    projector: &str,
) -> Result<Option<(Generation, u64)>, sqlx::Error> {
    let row = sqlx::query(
        "select g.projector, g.generation, g.version, g.state, g.position, p.count, p.last
         from projection.generation g cross join lateral (
           select count(*) as count, coalesce(max(position), 0) as last from projection.parked p
           where p.projector = g.projector and p.generation = g.generation) p
         where g.projector = $1 and g.state = 'live'",
    )
    .bind(projector)
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        let (count, last): (i64, i64) = (row.try_get("count")?, row.try_get("last")?);
        Ok((Generation::read(&row)?, ((count as u64) << 40) ^ last as u64))
    })
    .transpose()
}

/// The retired generations of a projector, the one that was live last first.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn retired(connection: &mut PgConnection, projector: &str) -> Result<Vec<Generation>, sqlx::Error> {
    retired_for(connection, projector, Duration::ZERO).await
}

/// Those of them that have been retired for so long.
///
/// # Errors
/// Whatever the database says.
pub(crate) async fn retired_for(
    connection: &mut PgConnection,
    projector: &str,
    at_least: Duration,
) -> Result<Vec<Generation>, sqlx::Error> {
    sqlx::query(
        "select projector, generation, version, state, position from projection.generation
         where projector = $1 and state = $2
             and coalesce(retired_at, '-infinity') <= now() - make_interval(secs => $3)
         order by retired_at desc nulls last, generation desc",
    )
    .bind(projector)
    .bind(RETIRED)
    .bind(at_least.as_secs_f64())
    .fetch_all(connection)
    .await?
    .iter()
    .map(Generation::read)
    .collect()
}

/// Makes an empty generation: its schema and tables, without secondary indexes.
///
/// # Errors
/// Whatever the database says.
pub async fn create(connection: &mut PgConnection, projector: &dyn Projector) -> Result<Generation, sqlx::Error> {
    let number: i32 = sqlx::query_scalar("select nextval('projection.generation_number')::int")
        .fetch_one(&mut *connection)
        .await?;
    let generation = Generation {
        projector: projector.name().to_owned(),
        number,
        version: projector.version(),
        state: BUILDING.to_owned(),
        position: Position::START,
    };
    let schema = generation.schema();
    let statement = format!(
        "begin; create schema {schema}; set local search_path = {schema}; {}
         insert into projection.generation (projector, generation, version, state) values ('{}', {number}, {}, 'building'); commit",
        projector.schema(),
        projector.name(),
        projector.version(),
    );
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(generation)
}

/// Makes the secondary indexes of a generation and lets the planner look at its tables.
///
/// # Errors
/// Whatever the database says.
pub async fn index(
    connection: &mut PgConnection,
    projector: &dyn Projector,
    generation: &Generation,
) -> Result<(), sqlx::Error> {
    let schema = generation.schema();
    let analyse: String = projector
        .tables()
        .iter()
        .map(|(table, _)| format!("analyze {table};"))
        .collect();
    let statement = format!(
        "begin; set local search_path = {schema}; {} {analyse} commit",
        projector.indexes()
    );
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

/// Statements that point the views of schema `read` at a generation and make it the live one. To be run in a
/// transaction that holds the checkpoint rows of both. Tables of another version may have other columns, which a view
/// cannot be replaced with: it is made anew then.
pub(crate) fn swap(projector: &dyn Projector, generation: &Generation, same_version: bool) -> String {
    let (schema, name, number) = (generation.schema(), projector.name(), generation.number);
    let views: String = projector
        .tables()
        .iter()
        .map(|(table, _)| {
            let gone = if same_version {
                String::new()
            } else {
                format!("drop view if exists read.{table};")
            };
            format!("{gone} create or replace view read.{table} as select * from {schema}.{table};")
        })
        .collect();
    format!(
        "{views}
         update projection.generation set state = 'retired', retired_at = now() where projector = '{name}' and state = 'live';
         update projection.generation set state = 'live', live_at = now(), retired_at = null where projector = '{name}' and generation = {number};"
    )
}

/// Drops a generation that is not live.
///
/// # Errors
/// Whatever the database says.
pub async fn drop(connection: &mut PgConnection, generation: &Generation) -> Result<(), sqlx::Error> {
    let (schema, number) = (generation.schema(), generation.number);
    let statement = format!(
        "begin; drop schema if exists {schema} cascade;
         delete from projection.parked where generation = {number};
         delete from projection.generation where generation = {number} and state <> 'live'; commit"
    );
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}
