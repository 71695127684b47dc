//! A tree that is added to: all it keeps is the last tile of each level.

use super::{Hash, root_of, tile::TileId, tile::WIDTH};

/// The right edge of a tree, and the tiles that changed since they were last taken.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    /// For each level the hashes of its last tile, fewer than [`WIDTH`].
    edge: Vec<Vec<Hash>>,
    /// Whether that tile has changed.
    changed: Vec<bool>,
    /// Tiles that became full.
    full: Vec<(TileId, Vec<Hash>)>,
}

impl Tree {
    /// Which tiles are the edge of a tree of `size` leaves, and how many hashes each has: what [`Tree::resume`] wants.
    pub fn edge_of(size: u64) -> Vec<(TileId, usize)> {
        let mut edge = Vec::new();
        let (mut nodes, mut level) = (size, 0);
        while nodes > 0 {
            let tile = TileId {
                level,
                index: nodes / WIDTH,
            };
            edge.push((tile, (nodes % WIDTH) as usize));
            nodes /= WIDTH;
            level += 1;
        }
        edge
    }

    /// The tree of `size` leaves whose edge is this; `None` if it is not one.
    pub fn resume(size: u64, edge: Vec<Vec<Hash>>) -> Option<Self> {
        let wanted = Self::edge_of(size);
        let fits = wanted.len() == edge.len() && wanted.iter().zip(&edge).all(|((_, n), tile)| tile.len() == *n);
        fits.then(|| Self {
            size,
            changed: vec![false; edge.len()],
            edge,
            full: Vec::new(),
        })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        let (mut hash, mut nodes) = (leaf, self.size);
        for level in 0_u8.. {
            let at = usize::from(level);
            if at == self.edge.len() {
                self.edge.push(Vec::new());
                self.changed.push(false);
            }
            self.edge[at].push(hash);
            self.changed[at] = true;
            if (self.edge[at].len() as u64) < WIDTH {
                break;
            }
            let tile = std::mem::take(&mut self.edge[at]);
            self.changed[at] = false;
            hash = root_of(&tile);
            nodes /= WIDTH;
            self.full.push((
                TileId {
                    level,
                    index: nodes - 1,
                },
                tile,
            ));
        }
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for tile in &self.edge {
            if tile.is_empty() {
                continue;
            }
            let mut hashes = tile.clone();
            hashes.extend(right);
            right = Some(root_of(&hashes));
        }
        right.unwrap_or_else(super::empty_root)
    }

    /// The tiles that changed since this was last asked, full ones first.
    pub fn take_changed(&mut self) -> Vec<(TileId, Vec<Hash>)> {
        let mut tiles = std::mem::take(&mut self.full);
        for (tile, _) in Self::edge_of(self.size) {
            let at = usize::from(tile.level);
            if std::mem::take(&mut self.changed[at]) {
                tiles.push((tile, self.edge[at].clone()));
            }
        }
        tiles
    }
}
