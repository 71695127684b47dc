//! A tree that is being added to, and what of it is not stored yet.

use domain::{
    event::Position,
    proof::{
        Hash, LogId,
        leaf::Leaf,
        tile::{TileId, WIDTH},
        tree::Tree,
    },
};
use std::collections::BTreeMap;

/// A tree, and what is known of the leaves in its last tiles.
pub(super) struct Growing {
    log: LogId,
    pub tree: Tree,
    /// By tile of level 0: its leaves.
    leaves: BTreeMap<u64, Leaves>,
    /// Whether positions of leaves are to be stored.
    listed: bool,
    /// Whether anything was added that is not stored.
    pub grown: bool,
}

/// Where the leaves of a tile lie.
pub(super) struct Leaves {
    /// Somewhere behind the leaf before the first one, and before that.
    pub after: Position,
    /// Theirs, if they are to be stored.
    pub positions: Vec<Place>,
}

/// Where a leaf lies: behind which event, and at which position. Positions need not be dense, and nobody adds to one or takes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub before: Position,
    pub position: Position,
}

/// A tile to be stored.
pub(super) struct Row {
    pub tile: TileId,
    pub hashes: Vec<Hash>,
    pub leaves: Option<(Position, Option<Vec<u8>>)>,
}

impl Growing {
    /// A tree as it is stored, with the leaves of its last tile.
    pub fn new(log: LogId, tree: Tree, last: Option<Leaves>, listed: bool) -> Self {
        let leaves = last.map(|leaves| (tree.size() / WIDTH, leaves)).into_iter().collect();
        Self {
            log,
            tree,
            leaves,
            listed,
            grown: false,
        }
    }

    pub fn log(&self) -> &LogId {
        &self.log
    }

    /// Adds the event at `position`; `before` is the position of the event before it, whether it is in this tree or not.
    pub fn push(&mut self, leaf: &Leaf, before: Position, position: Position) {
        let index = self.tree.size();
        let leaves = self.leaves.entry(index / WIDTH).or_insert_with(|| Leaves {
            after: before,
            positions: Vec::new(),
        });
        if self.listed {
            leaves.positions.push(Place { before, position });
        }
        self.tree.push(leaf.hash(&self.log, index));
        self.grown = true;
    }

    /// The tiles that changed since this was last asked.
    pub fn take_changed(&mut self) -> Vec<Row> {
        self.grown = false;
        let changed = self.tree.take_changed();
        let rows = changed.into_iter().map(|(tile, hashes)| {
            let leaves = self.leaves.get(&tile.index).filter(|_| tile.level == 0);
            let leaves = leaves.map(|leaves| (leaves.after, self.listed.then(|| bytes_of(&leaves.positions))));
            Row { tile, hashes, leaves }
        });
        let rows = rows.collect();
        let last = self.tree.size() / WIDTH;
        self.leaves.retain(|tile, _| *tile >= last);
        rows
    }
}

/// Places as they are stored: sixteen bytes each, numbers with the highest byte first.
pub(super) fn bytes_of(places: &[Place]) -> Vec<u8> {
    let numbers = places.iter().flat_map(|place| [place.before.0, place.position.0]);
    numbers.flat_map(u64::to_be_bytes).collect()
}

/// What [`bytes_of`] wrote.
pub(super) fn places_of(bytes: &[u8]) -> Vec<Place> {
    let (numbers, _) = bytes.as_chunks();
    let numbers: Vec<_> = numbers
        .iter()
        .map(|bytes| Position(u64::from_be_bytes(*bytes)))
        .collect();
    let (places, _) = numbers.as_chunks();
    let place = |[before, position]: &[Position; 2]| Place {
        before: *before,
        position: *position,
    };
    places.iter().map(place).collect()
}
