//! The tables of a tree.

use super::{
    LogKey, LogTree, TreeError,
    growing::{Growing, Leaves, Row, places_of},
};
use domain::{
    event::Position,
    proof::{
        Hash, LogId,
        checkpoint::Checkpoint,
        tile::{TileId, WIDTH},
        tree::Tree,
    },
};
use sqlx::{PgConnection, Row as _};
use std::collections::HashMap;

/// Hashes one after the other.
pub(super) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let (hashes, _) = bytes.as_chunks();
    hashes.to_vec()
}

impl LogTree {
    /// Begins the tree, if there is none.
    pub(super) async fn begin(&self) -> Result<(), TreeError> {
        sqlx::query("insert into ops.log_tree(log) values ($1) on conflict do nothing")
            .bind(&self.log.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Behind which event the logs of organizations begin.
    ///
    /// # Errors
    /// What the database says.
    pub async fn parts_since(&self) -> Result<Position, TreeError> {
        let since: Option<i64> = sqlx::query_scalar("select parts_since from ops.log_tree where log = $1")
            .bind(&self.log.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(Position(since.unwrap_or_default() as u64))
    }

    /// The tree as it is stored, and the last event it has looked at.
    pub(super) async fn load(&self) -> Result<(Growing, Position), TreeError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read")
            .execute(&mut *tx)
            .await?;
        let row: Option<(i64, i64)> = sqlx::query_as("select size, position from ops.log_tree where log = $1")
            .bind(&self.log.0)
            .fetch_optional(&mut *tx)
            .await?;
        let (size, position) = row.unwrap_or_default();
        let wanted = Tree::edge_of(size as u64);
        let ids: Vec<_> = wanted.iter().filter(|(_, n)| *n > 0).map(|(tile, _)| *tile).collect();
        let mut found = self.tiles(&mut tx, &ids).await?;
        let last: Option<(i64, Option<Vec<u8>>)> = sqlx::query_as(
            "select after_position, positions from ops.log_tree_tile where log = $1 and level = 0 and index = $2",
        )
        .bind(&self.log.0)
        .bind(size / WIDTH as i64)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let edge = wanted.iter().map(|(tile, _)| found.remove(tile).unwrap_or_default());
        let tree = Tree::resume(size as u64, edge.collect());
        let tree = tree.ok_or_else(|| TreeError::Found("the stored tree lacks tiles of its edge".to_owned()))?;
        let last = last.map(|(after, positions)| Leaves {
            after: Position(after as u64),
            positions: positions.as_deref().map(places_of).unwrap_or_default(),
        });
        let listed = matches!(self.leaves, super::Leaves::Listed);
        let growing = Growing::new(self.log.clone(), tree, last, listed);
        Ok((growing, Position(position as u64)))
    }

    /// How many leaves the stored tree has, and the last event it has looked at.
    ///
    /// # Errors
    /// What the database says.
    pub async fn extent(&self) -> Result<(u64, Position), TreeError> {
        let row: Option<(i64, i64)> = sqlx::query_as("select size, position from ops.log_tree where log = $1")
            .bind(&self.log.0)
            .fetch_optional(&self.pool)
            .await?;
        let (size, position) = row.unwrap_or_default();
        Ok((size as u64, Position(position as u64)))
    }

    /// Tiles, those that there are.
    pub(super) async fn tiles(
        &self,
        connection: &mut PgConnection,
        ids: &[TileId],
    ) -> Result<HashMap<TileId, Vec<Hash>>, TreeError> {
        let levels: Vec<i16> = ids.iter().map(|tile| i16::from(tile.level)).collect();
        let places: Vec<i64> = ids.iter().map(|tile| tile.index as i64).collect();
        let rows = sqlx::query(
            "select t.level, t.index, t.hashes from unnest($2::smallint[], $3::bigint[]) w(level, index)
             join ops.log_tree_tile t on t.log = $1 and t.level = w.level and t.index = w.index",
        )
        .bind(&self.log.0)
        .bind(&levels)
        .bind(&places)
        .fetch_all(connection)
        .await?;
        rows.iter()
            .map(|row| {
                let tile = TileId {
                    level: u8::try_from(row.try_get::<i16, _>(0)?).unwrap_or(u8::MAX),
                    index: row.try_get::<i64, _>(1)? as u64,
                };
                Ok((tile, hashes(row.try_get(2)?)))
            })
            .collect()
    }

    /// Moves this tree on from `(size, position)` to `next`, and `parts` with it, with the tiles that changed; whether it still
    /// was there.
    pub(super) async fn save(
        &self,
        (size, position): (u64, Position),
        all: &mut Growing,
        next: Position,
        parts: impl Iterator<Item = &mut Growing> + Send,
    ) -> Result<bool, TreeError> {
        let mut tx = self.pool.begin().await?;
        // what a crash takes it takes from tiles and position together, and it is taken up again from the events
        sqlx::query("set local synchronous_commit = off")
            .execute(&mut *tx)
            .await?;
        let moved = sqlx::query(
            "update ops.log_tree set size = $4, position = $5 where log = $1 and size = $2 and position = $3",
        )
        .bind(&self.log.0)
        .bind(size as i64)
        .bind(position.0 as i64)
        .bind(all.tree.size() as i64)
        .bind(next.0 as i64)
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let mut rows = Rows::default();
        rows.put(all);
        let (mut logs, mut sizes) = (Vec::new(), Vec::new());
        for part in parts.filter(|part| part.grown) {
            logs.push(part.log().0.clone());
            sizes.push(part.tree.size() as i64);
            rows.put(part);
        }
        if !logs.is_empty() {
            sqlx::query(
                "insert into ops.log_tree (log, size, position) select *, $3 from unnest($1::text[], $2::bigint[])
                 on conflict (log) do update set size = excluded.size, position = excluded.position",
            )
            .bind(&logs)
            .bind(&sizes)
            .bind(next.0 as i64)
            .execute(&mut *tx)
            .await?;
        }
        rows.store(&mut tx).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Signs the logs of organizations that grew since they were signed; how many.
    ///
    /// # Errors
    /// As [`LogTree::sign`].
    pub async fn sign_parts(&self, key: &LogKey) -> Result<usize, TreeError> {
        let grown: Vec<String> = sqlx::query_scalar(
            "select t.log from ops.log_tree t where starts_with(t.log, $1)
             and not exists (select from ops.log_checkpoint c where c.log = t.log and c.size = t.size)",
        )
        .bind(self.log.parts())
        .fetch_all(&self.pool)
        .await?;
        let (mut count, mut failed) = (0, None);
        for log in grown {
            let part = Self {
                log: LogId(log),
                leaves: super::Leaves::Listed,
                ..self.clone()
            };
            // that one cannot be signed is no reason to leave the others out
            match part.sign(key).await {
                Ok(_) => count += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(count), Err)
    }

    /// The newest signed checkpoint.
    ///
    /// # Errors
    /// What the database says.
    pub async fn latest(&self) -> Result<Option<(u64, String)>, TreeError> {
        let latest: Option<(i64, String)> =
            sqlx::query_as("select size, note from ops.log_checkpoint where log = $1 order by size desc limit 1")
                .bind(&self.log.0)
                .fetch_optional(&self.pool)
                .await?;
        Ok(latest.map(|(size, note)| (size as u64, note)))
    }

    /// Signs the tree as it is stored, unless that was done; the size and the note. `None` while there are no leaves.
    ///
    /// # Errors
    /// What the database says; [`TreeError::Found`] if a larger tree was signed before.
    pub async fn sign(&self, key: &LogKey) -> Result<Option<(u64, String)>, TreeError> {
        // what was signed first: another process may take up more and sign it in between
        let signed = self.latest().await?;
        let tree = self.load().await?.0.tree;
        match signed {
            Some((size, _)) if size > tree.size() => Err(TreeError::Found(format!(
                "a checkpoint of size {size} was signed, and the tree has only {} leaves",
                tree.size()
            ))),
            Some((size, note)) if size == tree.size() => Ok(Some((size, note))),
            None if tree.size() == 0 => Ok(None),
            _ => {
                let note = key.sign(&Checkpoint {
                    origin: self.log.clone(),
                    size: tree.size(),
                    root: tree.root(),
                });
                sqlx::query(
                    "insert into ops.log_checkpoint(log, size, note) values ($1, $2, $3) on conflict do nothing",
                )
                .bind(&self.log.0)
                .bind(tree.size() as i64)
                .bind(&note)
                .execute(&self.pool)
                .await?;
                Ok(Some((tree.size(), note)))
            }
        }
    }
}

/// Tiles to be stored, column by column.
#[derive(Default)]
struct Rows {
    logs: Vec<String>,
    levels: Vec<i16>,
    places: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    after: Vec<Option<i64>>,
    positions: Vec<Option<Vec<u8>>>,
}

impl Rows {
    fn put(&mut self, tree: &mut Growing) {
        for Row { tile, hashes, leaves } in tree.take_changed() {
            let (after, positions) = leaves.unzip();
            self.logs.push(tree.log().0.clone());
            self.levels.push(i16::from(tile.level));
            self.places.push(tile.index as i64);
            self.hashes.push(hashes.concat());
            self.after.push(after.map(|position: Position| position.0 as i64));
            self.positions.push(positions.flatten());
        }
    }

    async fn store(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into ops.log_tree_tile (log, level, index, hashes, after_position, positions)
             select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bytea[])
             on conflict (log, level, index) do update set hashes = excluded.hashes, positions = excluded.positions",
        )
        .bind(&self.logs)
        .bind(&self.levels)
        .bind(&self.places)
        .bind(&self.hashes)
        .bind(&self.after)
        .bind(&self.positions)
        .execute(connection)
        .await?;
        Ok(())
    }
}
