//! The tables of a tree.

use super::{LogKey, LogTree, TreeError};
use domain::{
    event::Position,
    proof::{
        Hash,
        checkpoint::Checkpoint,
        tile::{TileId, WIDTH},
        tree::Tree,
    },
};
use sqlx::{PgConnection, Row};
use std::collections::HashMap;

/// Where a tree is.
pub(super) struct At {
    pub tree: Tree,
    /// The last event it has looked at.
    pub position: Position,
    /// The event before the first leaf of the last tile.
    pub tile_after: Position,
}

/// Hashes one after the other.
pub(super) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let (hashes, _) = bytes.as_chunks();
    hashes.to_vec()
}

impl LogTree {
    /// The tree as it is stored; begins one if there is none.
    pub(super) async fn load(&self) -> Result<At, TreeError> {
        sqlx::query("insert into ops.log_tree(log) values ($1) on conflict do nothing")
            .bind(&self.log.0)
            .execute(&self.pool)
            .await?;
        let mut tx = self.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read")
            .execute(&mut *tx)
            .await?;
        let (size, position): (i64, i64) = sqlx::query_as("select size, position from ops.log_tree where log = $1")
            .bind(&self.log.0)
            .fetch_one(&mut *tx)
            .await?;
        let wanted = Tree::edge_of(size as u64);
        let ids: Vec<_> = wanted.iter().filter(|(_, n)| *n > 0).map(|(tile, _)| *tile).collect();
        let mut found = self.tiles(&mut tx, &ids).await?;
        let tile_after: Option<i64> = sqlx::query_scalar(
            "select after_position from ops.log_tree_tile where log = $1 and level = 0 and index = $2",
        )
        .bind(&self.log.0)
        .bind(size / WIDTH as i64)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let edge = wanted.iter().map(|(tile, _)| found.remove(tile).unwrap_or_default());
        let tree = Tree::resume(size as u64, edge.collect());
        Ok(At {
            tree: tree.ok_or_else(|| TreeError::Found("the stored tree lacks tiles of its edge".to_owned()))?,
            position: Position(position as u64),
            tile_after: Position(tile_after.unwrap_or_default() as u64),
        })
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

    /// Moves the tree on from `(size, position)`, with the tiles that changed; whether it still was there.
    pub(super) async fn save(
        &self,
        (size, position): (u64, Position),
        at: &mut At,
        starts: &HashMap<u64, Position>,
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
        .bind(at.tree.size() as i64)
        .bind(at.position.0 as i64)
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let (mut levels, mut places, mut bytes, mut after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (tile, hashes) in at.tree.take_changed() {
            levels.push(i16::from(tile.level));
            places.push(tile.index as i64);
            bytes.push(hashes.concat());
            let start = starts.get(&tile.index).filter(|_| tile.level == 0);
            after.push(start.map(|position| position.0 as i64));
        }
        sqlx::query(
            "insert into ops.log_tree_tile (log, level, index, hashes, after_position)
             select $1, * from unnest($2::smallint[], $3::bigint[], $4::bytea[], $5::bigint[])
             on conflict (log, level, index) do update set hashes = excluded.hashes",
        )
        .bind(&self.log.0)
        .bind(&levels)
        .bind(&places)
        .bind(&bytes)
        .bind(&after)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
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

    /// All signed checkpoints.
    pub(super) async fn checkpoints(&self) -> Result<Vec<String>, TreeError> {
        let notes = sqlx::query_scalar("select note from ops.log_checkpoint where log = $1")
            .bind(&self.log.0)
            .fetch_all(&self.pool)
            .await?;
        Ok(notes)
    }

    /// Signs the tree as it is stored, unless that was done; the size and the note. `None` while there are no leaves.
    ///
    /// # Errors
    /// What the database says; [`TreeError::Found`] if a larger tree was signed before.
    pub async fn sign(&self, key: &LogKey) -> Result<Option<(u64, String)>, TreeError> {
        let tree = self.load().await?.tree;
        let signed = self.latest().await?;
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
