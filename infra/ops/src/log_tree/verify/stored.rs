//! The tables of the trees, as they are at one moment.

use super::{Known, LogTree, Roots, TreeError, found, named};
use crate::log_tree::{check, growing::Row};
use domain::{
    event::{Position, StoredEvent},
    id::OrganizationId,
    proof::{
        Hash, LogId,
        checkpoint::Checkpoint,
        note::PublicKey,
        tile::{TileId, WIDTH},
    },
};
use sqlx::{Postgres, Transaction};
use std::collections::HashMap;

/// Level, index, hashes, the position before the first leaf, and where leaves lie.
type StoredTile = (i16, i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);

/// The trees of a log and of those within it. Held by a transaction: who adds to them meanwhile is not seen, so each table has to
/// have exactly what belongs to the sizes read.
pub(super) struct Stored {
    tree: LogTree,
    tx: Transaction<'static, Postgres>,
    sizes: HashMap<LogId, u64>,
    /// The last event the tree over everything has looked at.
    pub position: Position,
    /// Behind which event the logs of organizations are said to begin.
    pub parts_since: Position,
}

impl Stored {
    /// What is stored of `tree` now. No tile is missing from it as a whole, and there is none too many.
    pub async fn now(tree: &LogTree) -> Result<Self, TreeError> {
        let mut tx = tree.pool.begin().await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *tx)
            .await?;
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "select log, size, position, parts_since from ops.log_tree where log = $1 or starts_with(log, $2)",
        )
        .bind(&tree.log.0)
        .bind(tree.log.parts())
        .fetch_all(&mut *tx)
        .await?;
        let own = rows.iter().find(|(log, ..)| *log == tree.log.0);
        let (position, since) = own.map_or((0, 0), |(_, _, position, since)| (*position, *since));
        let sizes = rows.iter().map(|(log, size, ..)| (LogId(log.clone()), *size as u64));
        let mut stored = Self {
            tree: tree.clone(),
            sizes: sizes.collect(),
            position: Position(position as u64),
            parts_since: Position(since as u64),
            tx,
        };
        stored.count_tiles().await?;
        Ok(stored)
    }

    /// How many leaves a tree has.
    pub fn size(&self, log: &LogId) -> u64 {
        self.sizes.get(log).copied().unwrap_or_default()
    }

    /// A tile too many would stop whoever comes to its place, and is looked for by nobody.
    async fn count_tiles(&mut self) -> Result<(), TreeError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select log, count(*) from ops.log_tree_tile where log = $1 or starts_with(log, $2) group by log",
        )
        .bind(&self.tree.log.0)
        .bind(self.tree.log.parts())
        .fetch_all(&mut *self.tx)
        .await?;
        for (log, count) in rows {
            let expected = tiles_of(self.size(&LogId(log.clone())));
            if count as u64 != expected {
                return found(format!(
                    "the stored tree of {log} has {count} tiles, and should have {expected}"
                ));
            }
        }
        Ok(())
    }

    /// The roots that were signed, by log, and how many notes there were.
    pub async fn roots(
        &mut self,
        key: &PublicKey,
        known: Vec<Known>,
    ) -> Result<(HashMap<LogId, Roots>, usize), TreeError> {
        let rows: Vec<(String, i64, String)> =
            sqlx::query_as("select log, size, note from ops.log_checkpoint where log = $1 or starts_with(log, $2)")
                .bind(&self.tree.log.0)
                .bind(self.tree.log.parts())
                .fetch_all(&mut *self.tx)
                .await?;
        // those from elsewhere say themselves of which log they are
        let origin = |note: &str| {
            let origin = Checkpoint::parse(note).map(|checkpoint| checkpoint.origin);
            let origin = origin.filter(|log| log.is_within(&self.tree.log));
            origin.unwrap_or_else(|| self.tree.log.clone())
        };
        let known = known
            .into_iter()
            .map(|Known { source, note }| (source, origin(&note), None, note));
        let stored = rows
            .into_iter()
            .map(|(log, size, note)| ("the database".to_owned(), LogId(log), Some(size as u64), note));
        let all: Vec<_> = known.chain(stored).collect();
        let mut roots: HashMap<LogId, Roots> = HashMap::new();
        let notes = all.len();
        for (source, log, listed, note) in all {
            let checkpoint = match Checkpoint::open(&note, &log, key, check) {
                Ok(checkpoint) => checkpoint,
                Err(e) => return found(format!("a checkpoint of {source}: {e}")),
            };
            let (signed, size) = (checkpoint.size, self.size(&log));
            if let Some(listed) = listed.filter(|listed| *listed != signed) {
                return found(format!(
                    "a checkpoint of {source} was signed over {signed} events, and is listed as one over {listed}"
                ));
            }
            if signed > size {
                return found(format!(
                    "a checkpoint of {source} was signed over {signed} events, and the tree holds {size}: its end is missing"
                ));
            }
            let there = roots.entry(log).or_default().entry(signed).or_default();
            if !there.iter().any(|(root, _)| *root == checkpoint.root) {
                there.push((checkpoint.root, source));
            }
        }
        Ok((roots, notes))
    }

    /// The hashes of leaves of the tree over everything from `first` on, by index.
    pub async fn leaves(&mut self, first: u64, count: u64) -> Result<HashMap<u64, Hash>, TreeError> {
        let tiles: Vec<_> = (first / WIDTH..=(first + count) / WIDTH)
            .map(|index| TileId { level: 0, index })
            .collect();
        let tiles = self.tree.tiles(&mut self.tx, &tiles).await?;
        let leaves = tiles
            .into_iter()
            .flat_map(|(tile, hashes)| (tile.index * WIDTH..).zip(hashes));
        Ok(leaves.collect())
    }

    /// An event that names organizations stands in their logs, so these cannot begin behind it. Where they were added later,
    /// events before them name none.
    pub fn begins_before(&self, event: &StoredEvent, organizations: &[OrganizationId]) -> Result<(), TreeError> {
        match organizations.first() {
            Some(organization) if event.position <= self.parts_since => found(format!(
                "the logs of organizations are said to begin behind position {}, and {} stands in that of {organization}",
                self.parts_since,
                named(event)
            )),
            _ => Ok(()),
        }
    }

    /// Whether tiles of `tree` are stored as they are here, hashes and where leaves lie, and no longer than they have to be.
    /// They may be shorter here, where not all events were taken yet.
    pub async fn compare(&mut self, tree: &LogTree, changed: Vec<Row>) -> Result<(), TreeError> {
        let (levels, places): (Vec<i16>, Vec<i64>) = changed
            .iter()
            .map(|row| (i16::from(row.tile.level), row.tile.index as i64))
            .unzip();
        let rows: Vec<StoredTile> = sqlx::query_as(
            "select t.level, t.index, t.hashes, t.after_position, t.positions
             from unnest($2::smallint[], $3::bigint[]) w(level, index)
             join ops.log_tree_tile t on t.log = $1 and t.level = w.level and t.index = w.index",
        )
        .bind(&tree.log.0)
        .bind(&levels)
        .bind(&places)
        .fetch_all(&mut *self.tx)
        .await?;
        let stored: HashMap<(i16, i64), _> = rows
            .into_iter()
            .map(|(level, index, hashes, after, positions)| ((level, index), (hashes, after, positions)))
            .collect();
        let size = self.size(&tree.log);
        for Row { tile, hashes, leaves } in changed {
            let TileId { level, index } = tile;
            let long = hashes_in(size, tile) as usize;
            let log = &tree.log;
            let Some((there, after, positions)) = stored.get(&(i16::from(level), index as i64)) else {
                return found(format!(
                    "tile {index} of level {level} of the stored tree of {log} is missing"
                ));
            };
            let begins =
                |there: &[u8], width: usize, with: &[u8]| there.len() == long * width && there.starts_with(with);
            let (expected, listed) = leaves.map_or((None, None), |(after, listed)| (Some(after.0 as i64), listed));
            let listed = match (positions, listed) {
                (Some(positions), Some(listed)) => begins(positions, 16, &listed),
                (None, None) => true,
                _ => false,
            };
            if !begins(there, 32, &hashes.concat()) || *after != expected || !listed {
                return found(format!(
                    "tile {index} of level {level} of the stored tree of {log} was changed"
                ));
            }
        }
        Ok(())
    }

    /// Whether these logs, each with so many leaves, are all there are.
    pub fn are_these(&self, mut there: HashMap<LogId, u64>) -> Result<(), TreeError> {
        for (log, stored) in &self.sizes {
            let events = there.remove(log).unwrap_or_default();
            if events != *stored {
                return found(format!(
                    "the log {log} holds {stored} events, the store has {events} of it"
                ));
            }
        }
        match there.into_iter().find(|(_, events)| *events > 0) {
            Some((log, events)) => found(format!("the log {log} is missing: the store has {events} events of it")),
            None => Ok(()),
        }
    }
}

/// How many hashes a tile of a tree of `size` leaves has.
fn hashes_in(size: u64, tile: TileId) -> u64 {
    let nodes = size.checked_shr(8 * u32::from(tile.level)).unwrap_or_default();
    nodes.saturating_sub(tile.index * WIDTH).min(WIDTH)
}

/// How many tiles a tree of `size` leaves has.
fn tiles_of(size: u64) -> u64 {
    let nodes = std::iter::successors(Some(size), |nodes| Some(nodes / WIDTH));
    nodes
        .take_while(|nodes| *nodes > 0)
        .map(|nodes| nodes.div_ceil(WIDTH))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::proof::tree::Tree;
    use std::collections::BTreeMap;

    #[test]
    fn a_tree_has_these_tiles_of_these_lengths_and_no_others() {
        let (mut tree, mut tiles) = (Tree::default(), BTreeMap::new());
        for size in 0..=70_000_u64 {
            if [0, 1, 255, 256, 257, 600, 65_535, 65_536, 65_537, 70_000].contains(&size) {
                tiles.extend(tree.take_changed().into_iter().filter(|(_, hashes)| !hashes.is_empty()));
                assert_eq!(tiles.len() as u64, tiles_of(size), "{size}");
                for (tile, hashes) in &tiles {
                    assert_eq!(hashes.len() as u64, hashes_in(size, *tile), "{tile:?} of {size}");
                }
            }
            tree.push([1; 32]);
        }
    }
}
