//! Comparing events, tree and checkpoints.

use super::{LogTree, TreeError, check};
use domain::{
    event::{Position, StoredEvent},
    proof::{
        Hash,
        checkpoint::Checkpoint,
        leaf::Leaf,
        note::PublicKey,
        tile::{TileId, WIDTH},
        tree::Tree,
    },
};
use std::collections::{BTreeMap, HashMap};

/// Events compared at once.
const PAGE: usize = 2_048;

/// A signed checkpoint from elsewhere, and where from, for messages.
#[derive(Debug, Clone)]
pub struct Known {
    /// As `checkpoints/history`.
    pub source: String,
    /// The signed note.
    pub note: String,
}

/// What was compared, and found to be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Events in the tree.
    pub events: u64,
    /// Events appended since.
    pub later: u64,
    /// Checkpoints whose signature and root hold.
    pub checkpoints: usize,
}

fn found<T>(what: impl Into<String>) -> Result<T, TreeError> {
    Err(TreeError::Found(what.into()))
}

impl LogTree {
    /// Computes digests, leaves and hashes of everything stored anew, and compares them with the digests beside the events,
    /// the stored tree, the stored checkpoints and the `known` ones. `progress` is told of events compared, and of how many.
    ///
    /// # Errors
    /// [`TreeError::Found`] with the first difference.
    pub async fn verify(
        &self,
        key: &PublicKey,
        known: Vec<Known>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Verified, TreeError> {
        // a tree that moves on meanwhile only has more
        let (size, _) = self.extent().await?;
        let (roots, checkpoints) = self.roots(key, known, size).await?;
        let (mut tree, mut after, mut later) = (Tree::default(), Position::START, 0);
        loop {
            let page = self.store.read_all(after, PAGE).await?;
            if page.next == after {
                break;
            }
            let digests = self.store.read_leaves(after, page.events.len()).await?.leaves;
            if digests.len() < page.events.len() {
                return found(format!("events after position {after} went away while they were read"));
            }
            let stored = self.stored_leaves(tree.size(), page.events.len() as u64).await?;
            for (event, (_, beside)) in page.events.iter().zip(&digests) {
                if !(self.counts)(&event.stream) {
                    continue;
                }
                if tree.size() == size {
                    later += 1;
                    continue;
                }
                let hash = self.leaf(event, beside, tree.size(), &stored)?;
                tree.push(hash);
                self.compare_root(&tree, &roots)?;
            }
            self.compare_tiles(&mut tree).await?;
            progress(tree.size(), size);
            after = page.next;
        }
        if tree.size() < size {
            return found(format!("the log holds {size} events, the store only {}", tree.size()));
        }
        Ok(Verified {
            events: size,
            later,
            checkpoints,
        })
    }

    /// The roots at each size that was signed, with the source of each, and how many notes there were.
    async fn roots(
        &self,
        key: &PublicKey,
        mut known: Vec<Known>,
        size: u64,
    ) -> Result<(BTreeMap<u64, Vec<(Hash, String)>>, usize), TreeError> {
        known.extend(self.checkpoints().await?.into_iter().map(|note| Known {
            source: "the database".to_owned(),
            note,
        }));
        let mut roots: BTreeMap<u64, Vec<(Hash, String)>> = BTreeMap::new();
        let notes = known.len();
        for Known { source, note } in known {
            let checkpoint = match Checkpoint::open(&note, &self.log, key, check) {
                Ok(checkpoint) => checkpoint,
                Err(e) => return found(format!("a checkpoint of {source}: {e}")),
            };
            if checkpoint.size > size {
                let signed = checkpoint.size;
                return found(format!(
                    "a checkpoint of {source} was signed over {signed} events, and the tree holds {size}: its end is missing"
                ));
            }
            let there = roots.entry(checkpoint.size).or_default();
            if !there.iter().any(|(root, _)| *root == checkpoint.root) {
                there.push((checkpoint.root, source));
            }
        }
        Ok((roots, notes))
    }

    /// The stored hashes of leaves from `first` on, by index.
    async fn stored_leaves(&self, first: u64, count: u64) -> Result<HashMap<u64, Hash>, TreeError> {
        let tiles: Vec<_> = (first / WIDTH..=(first + count) / WIDTH)
            .map(|index| TileId { level: 0, index })
            .collect();
        let mut connection = self.pool.acquire().await?;
        let tiles = self.tiles(&mut connection, &tiles).await?;
        let leaves = tiles
            .into_iter()
            .flat_map(|(tile, hashes)| (tile.index * WIDTH..).zip(hashes));
        Ok(leaves.collect())
    }

    /// The hash of an event, if it is the one the tree holds at `index`.
    fn leaf(
        &self,
        event: &StoredEvent,
        beside: &Leaf,
        index: u64,
        stored: &HashMap<u64, Hash>,
    ) -> Result<Hash, TreeError> {
        let at = format!("the event at position {} ({})", event.position, event.stream);
        if self.store.caps().dense && event.position.0 != index + 1 {
            return found(format!(
                "{at} should have the position {}: one is missing or moved",
                index + 1
            ));
        }
        let leaf = Leaf::of(event);
        if leaf != *beside {
            return found(format!(
                "{at} does not have the digests stored beside it: it was changed"
            ));
        }
        let hash = leaf.hash(&self.log, index);
        match stored.get(&index) {
            Some(there) if *there == hash => Ok(hash),
            Some(_) => found(format!(
                "{at} is not the one the log holds at index {index}: changed, moved, or put in"
            )),
            None => found(format!("the stored tree lacks the leaf at index {index}")),
        }
    }

    fn compare_root(&self, tree: &Tree, roots: &BTreeMap<u64, Vec<(Hash, String)>>) -> Result<(), TreeError> {
        let Some(signed) = roots.get(&tree.size()) else {
            return Ok(());
        };
        let root = tree.root();
        match signed.iter().find(|(signed, _)| *signed != root) {
            None => Ok(()),
            Some((_, source)) => found(format!(
                "the first {} events do not have the root signed in a checkpoint of {source}",
                tree.size()
            )),
        }
    }

    /// Whether the tiles that changed are stored as they are here.
    async fn compare_tiles(&self, tree: &mut Tree) -> Result<(), TreeError> {
        let changed = tree.take_changed();
        let ids: Vec<_> = changed.iter().map(|(tile, _)| *tile).collect();
        let mut connection = self.pool.acquire().await?;
        let stored = self.tiles(&mut connection, &ids).await?;
        for (tile, hashes) in changed {
            if !stored.get(&tile).is_some_and(|there| there.starts_with(&hashes)) {
                let TileId { level, index } = tile;
                return found(format!("tile {index} of level {level} of the stored tree was changed"));
            }
        }
        Ok(())
    }
}
