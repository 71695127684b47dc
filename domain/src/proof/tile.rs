//! Tiles: the hashes of a tree in pieces of 256, as in C2SP tlog-tiles. A tile of level `l` holds hashes of the subtrees
//! over 256^l leaves; the last one of a level may hold fewer, and only such a one ever grows.

use super::{Hash, root_of, split};
use std::{collections::HashMap, ops::Range};

/// The most hashes of a tile.
pub const WIDTH: u64 = 256;

/// Which tile of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    /// 0 holds the hashes of leaves.
    pub level: u8,
    /// Its place in the level.
    pub index: u64,
}

/// The full subtrees, left to right, that the leaves of `range` fall into when a tree ends with it: height and place.
fn subtrees(range: &Range<u64>, into: &mut Vec<(u32, u64)>) {
    let n = range.end - range.start;
    if n.is_power_of_two() && range.start.is_multiple_of(n) {
        into.push((n.trailing_zeros(), range.start / n));
    } else {
        let middle = range.start + split(n);
        subtrees(&(range.start..middle), into);
        subtrees(&(middle..range.end), into);
    }
}

/// Where the hashes below a full subtree lie: the tile, and which of its hashes.
fn place(height: u32, index: u64) -> (TileId, Range<usize>) {
    let below = height % 8;
    let first = index << below;
    let start = (first % WIDTH) as usize;
    let tile = TileId {
        level: (height / 8) as u8,
        index: first / WIDTH,
    };
    (tile, start..start + (1 << below))
}

/// The tiles needed to hash the leaves of `range`, which is one that a proof asks for (see [`super::path`]).
pub fn tiles_of(range: &Range<u64>) -> Vec<TileId> {
    let mut nodes = Vec::new();
    subtrees(range, &mut nodes);
    let mut tiles: Vec<_> = nodes
        .into_iter()
        .map(|(height, index)| place(height, index).0)
        .collect();
    tiles.dedup();
    tiles
}

/// Tiles at hand.
#[derive(Debug, Default)]
pub struct Tiles(pub HashMap<TileId, Vec<Hash>>);

impl Tiles {
    /// The hash over the leaves of `range`; `None` if a tile of [`tiles_of`] is not at hand, or too short.
    pub fn hash(&self, range: &Range<u64>) -> Option<Hash> {
        let mut nodes = Vec::new();
        subtrees(range, &mut nodes);
        let hashes = nodes.into_iter().map(|(height, index)| {
            let (tile, part) = place(height, index);
            self.0.get(&tile)?.get(part).map(root_of)
        });
        // the last subtree is the smallest: they are put together from the right
        let hashes: Vec<_> = hashes.collect::<Option<_>>()?;
        let mut from_right = hashes.into_iter().rev();
        let last = from_right.next()?;
        Some(from_right.fold(last, |right, left| super::node_hash(&left, &right)))
    }
}
