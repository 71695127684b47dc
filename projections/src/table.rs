//! Tables that projectors write: a name and columns, from which all statements are made.

mod line;

pub(crate) use line::Line;

use line::Array;
use sqlx::{
    AssertSqlSafe, PgConnection, Postgres, Type,
    postgres::{PgRow, PgTypeInfo},
};
use uuid::Uuid;

/// From so many new rows on, COPY is cheaper than a statement with arrays: it takes a round trip more.
const COPY_FROM: usize = 64;
/// How much of a COPY is sent at once, and how much one statement with arrays holds: bytes.
const PIECE: usize = 256 << 10;
const STATEMENT: usize = 4 << 20;
/// Signature, no flags, no extension; and the end.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COPY_END: [u8; 2] = (-1_i16).to_be_bytes();

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Uuid,
    Text,
    BigInt,
    Int,
    SmallInt,
    Boolean,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::BigInt => "bigint",
            Self::Int => "int",
            Self::SmallInt => "smallint",
            Self::Boolean => "boolean",
        }
    }

    /// What `pg_type` says: the same in every PostgreSQL.
    fn oid(self) -> i32 {
        match self {
            Self::Uuid => 2950,
            Self::Text => 25,
            Self::BigInt => 20,
            Self::Int => 23,
            Self::SmallInt => 21,
            Self::Boolean => 16,
        }
    }

    fn array(self) -> PgTypeInfo {
        fn of<T: Type<Postgres>>() -> PgTypeInfo {
            T::type_info()
        }
        match self {
            Self::Uuid => of::<Vec<Uuid>>(),
            Self::Text => of::<Vec<String>>(),
            Self::BigInt => of::<Vec<i64>>(),
            Self::Int => of::<Vec<i32>>(),
            Self::SmallInt => of::<Vec<i16>>(),
            Self::Boolean => of::<Vec<bool>>(),
        }
    }
}

/// How a column that says whose a row is reads in memory.
pub(crate) type Owner<R> = (&'static str, fn(&R) -> Option<Uuid>);

/// A table whose rows depend on their own events only. [`crate::rows::Rows`] does the rest.
pub(crate) trait Table: Send + 'static {
    /// One row.
    type Row: Clone + PartialEq + Send + Sync;
    /// Its name and columns; the key, a uuid, comes first.
    const SHAPE: Shape;
    /// Columns that say whose a row is: it goes when one of them is gone.
    const OWNERS: &'static [Owner<Self::Row>] = &[];

    /// Reads the columns in their order.
    fn read(row: &PgRow) -> Result<(Uuid, Self::Row), sqlx::Error>;

    /// Writes the columns in their order.
    fn write(key: Uuid, row: &Self::Row, line: &mut Line);
}

/// Name and columns of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Without schema: that is the search path.
    pub name: &'static str,
    /// In their order.
    pub columns: &'static [(&'static str, Kind)],
}

impl Shape {
    /// The name of the first column.
    pub fn key(&self) -> &'static str {
        self.columns.first().map_or("", |(name, _)| name)
    }

    /// The names of all columns, with commas.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// Adds rows that are not there yet. `write` writes one.
    pub async fn insert<R: Sync>(
        &self,
        connection: &mut PgConnection,
        rows: &[R],
        write: impl Fn(&R, &mut Line) + Send + Sync,
    ) -> Result<(), sqlx::Error> {
        if rows.len() < COPY_FROM {
            self.by_arrays(connection, rows, write, "").await
        } else {
            self.by_copy(connection, rows, write).await
        }
    }

    /// Writes rows that may be there already.
    pub async fn upsert<R: Sync>(
        &self,
        connection: &mut PgConnection,
        rows: &[R],
        write: impl Fn(&R, &mut Line) + Send + Sync,
    ) -> Result<(), sqlx::Error> {
        let others = self.columns.iter().skip(1);
        let set: Vec<String> = others.map(|(name, _)| format!("{name} = excluded.{name}")).collect();
        let or = format!("on conflict ({}) do update set {}", self.key(), set.join(", "));
        self.by_arrays(connection, rows, write, &or).await
    }

    async fn by_copy<R: Sync>(
        &self,
        connection: &mut PgConnection,
        rows: &[R],
        write: impl Fn(&R, &mut Line) + Send + Sync,
    ) -> Result<(), sqlx::Error> {
        let statement = format!("copy {} ({}) from stdin (format binary)", self.name, self.names());
        let columns = (self.columns.len() as i16).to_be_bytes();
        let mut copy = connection.copy_in_raw(&statement).await?;
        let mut line = Line::default();
        line.bytes.extend_from_slice(COPY_HEAD);
        for row in rows {
            line.bytes.extend_from_slice(&columns);
            write(row, &mut line);
            if line.bytes.len() >= PIECE {
                copy.send(&line.bytes[..]).await?;
                line.bytes.clear();
            }
        }
        line.bytes.extend_from_slice(&COPY_END);
        copy.send(&line.bytes[..]).await?;
        copy.finish().await?;
        Ok(())
    }

    async fn by_arrays<R: Sync>(
        &self,
        connection: &mut PgConnection,
        rows: &[R],
        write: impl Fn(&R, &mut Line) + Send + Sync,
        or: &str,
    ) -> Result<(), sqlx::Error> {
        let numbered = self.columns.iter().zip(1..);
        let arrays: Vec<String> = numbered
            .map(|((_, kind), n)| format!("${n}::{}[]", kind.name()))
            .collect();
        let (names, arrays) = (self.names(), arrays.join(", "));
        let statement = format!(
            "insert into {} ({names}) select * from unnest({arrays}) {or}",
            self.name
        );
        let mut rest = rows.iter().peekable();
        while rest.peek().is_some() {
            let mut columns: Vec<Array> = self.columns.iter().map(|(_, kind)| Array::new(*kind)).collect();
            let (mut line, mut bytes) = (Line::default(), 0);
            while bytes < STATEMENT
                && let Some(row) = rest.next()
            {
                line.bytes.clear();
                write(row, &mut line);
                bytes += line.bytes.len();
                columns
                    .iter_mut()
                    .fold(&line.bytes[..], |line, column| column.take(line));
            }
            let query = sqlx::query(AssertSqlSafe(statement.clone()));
            let query = columns.into_iter().fold(query, |query, column| query.bind(column));
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}
