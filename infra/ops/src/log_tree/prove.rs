//! Proofs out of stored tiles.

use super::{
    Leaves, LogTree, TreeError,
    growing::{Place, places_of},
};
use commands::ports::StoredLeaf;
use domain::{
    event::Position,
    proof::{
        Hash,
        leaf::Leaf,
        path,
        tile::{TileId, Tiles, WIDTH, tiles_of},
    },
};
use std::ops::Range;

/// Tiles kept at hand: 8 KiB each.
const KEPT: usize = 2_048;

/// Proves that events lie in the tree as it was at one size.
pub struct Prover {
    tree: LogTree,
    size: u64,
    tiles: Tiles,
    /// The events of the tile asked for last: the index of the first one, and where all of them lie.
    window: (u64, Vec<Place>),
    /// Events read lately.
    read: Vec<StoredLeaf>,
}

impl Prover {
    /// Proves against the tree of the first `size` leaves.
    pub fn new(tree: LogTree, size: u64) -> Self {
        Self {
            tree,
            size,
            tiles: Tiles::default(),
            window: (0, Vec::new()),
            read: Vec::new(),
        }
    }

    /// Index, leaf and inclusion proof of the event at `position`. Quickest when asked in order.
    ///
    /// # Errors
    /// [`TreeError::Found`] if the tree holds something else there.
    pub async fn event(&mut self, position: Position) -> Result<(u64, Leaf, Vec<Hash>), TreeError> {
        let (index, leaf) = self.find(position).await?;
        let this = index..index + 1;
        let mut ranges = path::inclusion(index, self.size);
        ranges.push(this);
        let mut proof = self.hashes(&ranges).await?;
        if proof.pop() != Some(leaf.hash(&self.tree.log, index)) {
            return Err(TreeError::Found(format!(
                "the event at position {position} is not the one the log holds at index {index}"
            )));
        }
        Ok((index, leaf, proof))
    }

    /// The proof that the tree begins with the one of `old` leaves.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn consistency(&mut self, old: u64) -> Result<Vec<Hash>, TreeError> {
        if old > self.size {
            let size = self.size;
            return Err(TreeError::Found(format!(
                "the log has {size} events, the older checkpoint {old}"
            )));
        }
        self.hashes(&path::consistency(old, self.size)).await
    }

    async fn hashes(&mut self, ranges: &[Range<u64>]) -> Result<Vec<Hash>, TreeError> {
        if self.tiles.0.len() > KEPT {
            self.tiles.0.clear();
        }
        let mut wanted: Vec<TileId> = ranges.iter().flat_map(tiles_of).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|tile| !self.tiles.0.contains_key(tile));
        if !wanted.is_empty() {
            let mut connection = self.tree.pool.acquire().await?;
            let found = self.tree.tiles(&mut connection, &wanted).await?;
            self.tiles.0.extend(found);
        }
        let hashes = ranges.iter().map(|range| self.tiles.hash(range)).collect::<Option<_>>();
        hashes.ok_or_else(|| TreeError::Found("the stored tree lacks tiles".to_owned()))
    }

    /// The position of the last event the tree covers.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn end(&mut self) -> Result<Position, TreeError> {
        match self.size.checked_sub(1) {
            None => Ok(Position::START),
            Some(last) => self.position_of(last).await,
        }
    }

    /// The position of the event at `index`.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn position_of(&mut self, index: u64) -> Result<Position, TreeError> {
        let tile: Option<(i64, Option<Vec<u8>>)> = sqlx::query_as(
            "select after_position, positions from ops.log_tree_tile where log = $1 and level = 0 and index = $2",
        )
        .bind(&self.tree.log.0)
        .bind((index / WIDTH) as i64)
        .fetch_optional(&self.tree.pool)
        .await?;
        let places = match tile {
            Some((after, listed)) => self.places(Position(after as u64), listed, None).await?,
            None => Vec::new(),
        };
        let place = places.get((index % WIDTH) as usize);
        let place =
            place.ok_or_else(|| TreeError::Found(format!("the stored tree lacks the place of index {index}")))?;
        Ok(place.position)
    }

    /// The leaf of the event at `position`, and its index.
    async fn find(&mut self, position: Position) -> Result<(u64, Leaf), TreeError> {
        if !self.window.1.iter().any(|place| place.position == position) {
            self.window = self.tile_of(position).await?;
        }
        let (first, places) = &self.window;
        let found = places
            .iter()
            .zip(*first..)
            .find(|(place, _)| place.position == position);
        let found = found
            .map(|(place, index)| (*place, index))
            .filter(|(_, index)| *index < self.size);
        let leaf = match found {
            Some((place, _)) => self.leaf_at(place).await?,
            None => None,
        };
        let index = found.map(|(_, index)| index);
        index
            .zip(leaf)
            .ok_or_else(|| TreeError::Found(format!("the log does not hold the event at position {position}")))
    }

    /// The leaf that lies there.
    async fn leaf_at(&mut self, place: Place) -> Result<Option<Leaf>, TreeError> {
        let at = |read: &[StoredLeaf]| {
            let found = read.iter().find(|stored| stored.position == place.position);
            found.map(|stored| stored.leaf.clone())
        };
        if let Some(leaf) = at(&self.read) {
            return Ok(Some(leaf));
        }
        self.read = self.tree.store.read_leaves(place.before, WIDTH as usize).await?.leaves;
        Ok(at(&self.read))
    }

    /// The events of the tile that the event at `position` belongs to: the index of the first one, and where all of them lie.
    async fn tile_of(&mut self, position: Position) -> Result<(u64, Vec<Place>), TreeError> {
        let tile: Option<(i64, i64, Option<Vec<u8>>)> = sqlx::query_as(
            "select index, after_position, positions from ops.log_tree_tile
             where log = $1 and level = 0 and after_position < $2 order by after_position desc limit 1",
        )
        .bind(&self.tree.log.0)
        .bind(position.0 as i64)
        .fetch_optional(&self.tree.pool)
        .await?;
        let Some((index, after, listed)) = tile else {
            return Ok((0, Vec::new()));
        };
        let places = self.places(Position(after as u64), listed, Some(position)).await?;
        Ok((index as u64 * WIDTH, places))
    }

    /// Where the leaves of a tile lie: as it is written down, or as they follow each other behind `after`; of these at least
    /// up to `until`.
    async fn places(
        &mut self,
        mut after: Position,
        listed: Option<Vec<u8>>,
        until: Option<Position>,
    ) -> Result<Vec<Place>, TreeError> {
        if let Leaves::Listed = self.tree.leaves {
            return Ok(listed.as_deref().map(places_of).unwrap_or_default());
        }
        let mut places = Vec::new();
        self.read.clear();
        while places.len() < WIDTH as usize && until.is_none_or(|until| after < until) {
            let page = self.tree.store.read_leaves(after, WIDTH as usize).await?;
            if page.next == after {
                break;
            }
            for stored in page.leaves {
                let (before, position) = (after, stored.position);
                after = position;
                if self.tree.counts(&stored.leaf.stream) {
                    places.push(Place { before, position });
                    self.read.push(stored);
                }
            }
            after = page.next;
        }
        Ok(places)
    }
}
