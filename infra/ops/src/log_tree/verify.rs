//! Comparing events, tree and checkpoints.

use super::{LogTree, TreeError, check};
use domain::{
    event::{Position, StoredEvent},
    id::OrganizationId,
    meta::organizations_in,
    proof::{
        Hash, LogId,
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
    /// Organizations whose logs were compared too.
    pub organizations: usize,
}

/// The roots that were signed at each size, and where each is from.
type Roots = BTreeMap<u64, Vec<(Hash, String)>>;

/// The tree of the log of an organization, computed anew.
struct Part {
    stored: LogTree,
    tree: Tree,
}

fn found<T>(what: impl Into<String>) -> Result<T, TreeError> {
    Err(TreeError::Found(what.into()))
}

impl LogTree {
    /// Computes digests, leaves and hashes of everything stored anew, and compares them with the digests beside the events,
    /// the stored trees (that of everything and those of organizations), the stored checkpoints and the `known` ones.
    /// `progress` is told of events compared, and of how many.
    ///
    /// # Errors
    /// [`TreeError::Found`] with the first difference.
    pub async fn verify(
        &self,
        key: &PublicKey,
        known: Vec<Known>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Verified, TreeError> {
        // trees that move on meanwhile only have more
        let sizes = self.sizes().await?;
        let size = sizes.get(&self.log).copied().unwrap_or_default();
        let (roots, checkpoints) = self.roots(key, known, &sizes).await?;
        let (mut tree, mut after, mut later) = (Tree::default(), Position::START, 0);
        let mut parts: HashMap<OrganizationId, Part> = HashMap::new();
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
            for (event, beside) in page.events.iter().zip(&digests) {
                if !self.counts(&event.stream) {
                    continue;
                }
                if tree.size() == size {
                    later += 1;
                    continue;
                }
                let leaf = self.leaf(event, &beside.leaf, tree.size(), &stored)?;
                tree.push(leaf.hash(&self.log, tree.size()));
                self.compare_root(&tree, &roots)?;
                for organization in organizations_in(&event.meta) {
                    let part = parts.entry(organization).or_insert_with(|| Part {
                        stored: self.of(organization),
                        tree: Tree::default(),
                    });
                    let log = &part.stored.log;
                    part.tree.push(leaf.hash(log, part.tree.size()));
                    part.stored.compare_root(&part.tree, &roots)?;
                }
            }
            self.compare_tiles(tree.take_changed()).await?;
            for part in parts.values_mut() {
                let changed = part.tree.take_changed();
                if !changed.is_empty() {
                    part.stored.compare_tiles(changed).await?;
                }
            }
            progress(tree.size(), size);
            after = page.next;
        }
        if tree.size() < size {
            return found(format!("the log holds {size} events, the store only {}", tree.size()));
        }
        let organizations = parts.len();
        let there = parts.into_values().map(|part| (part.stored.log, part.tree.size()));
        let mut there: HashMap<LogId, u64> = there.collect();
        there.insert(self.log.clone(), size);
        for (log, stored) in &sizes {
            let events = there.remove(log).unwrap_or_default();
            if events != *stored {
                return found(format!(
                    "the log {log} holds {stored} events, the store has {events} of it"
                ));
            }
        }
        match there.into_iter().find(|(_, events)| *events > 0) {
            Some((log, events)) => found(format!("the log {log} is missing: the store has {events} events of it")),
            None => Ok(Verified {
                events: size,
                later,
                checkpoints,
                organizations,
            }),
        }
    }

    /// How many leaves this tree has and those of organizations within it, all at one moment.
    async fn sizes(&self) -> Result<HashMap<LogId, u64>, TreeError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("select log, size from ops.log_tree where log = $1 or starts_with(log, $2)")
                .bind(&self.log.0)
                .bind(self.log.parts())
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(log, size)| (LogId(log), size as u64)).collect())
    }

    /// The roots that were signed, by log, and how many notes there were.
    async fn roots(
        &self,
        key: &PublicKey,
        known: Vec<Known>,
        sizes: &HashMap<LogId, u64>,
    ) -> Result<(HashMap<LogId, Roots>, usize), TreeError> {
        // those from elsewhere say themselves of which log they are
        let origin = |note: &str| {
            let origin = Checkpoint::parse(note).map(|checkpoint| checkpoint.origin);
            origin
                .filter(|log| log.is_within(&self.log))
                .unwrap_or_else(|| self.log.clone())
        };
        let known = known
            .into_iter()
            .map(|Known { source, note }| (source, origin(&note), note));
        let stored = self.checkpoints().await?.into_iter();
        let stored = stored.map(|(log, note)| ("the database".to_owned(), log, note));
        let all: Vec<_> = known.chain(stored).collect();
        let mut roots: HashMap<LogId, Roots> = HashMap::new();
        let notes = all.len();
        for (source, log, note) in all {
            let checkpoint = match Checkpoint::open(&note, &log, key, check) {
                Ok(checkpoint) => checkpoint,
                Err(e) => return found(format!("a checkpoint of {source}: {e}")),
            };
            let size = sizes.get(&log).copied().unwrap_or_default();
            if checkpoint.size > size {
                let signed = checkpoint.size;
                return found(format!(
                    "a checkpoint of {source} was signed over {signed} events, and the tree holds {size}: its end is missing"
                ));
            }
            let there = roots.entry(log).or_default().entry(checkpoint.size).or_default();
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

    /// The leaf of an event, if it is the one the tree holds at `index`.
    fn leaf(
        &self,
        event: &StoredEvent,
        beside: &Leaf,
        index: u64,
        stored: &HashMap<u64, Hash>,
    ) -> Result<Leaf, TreeError> {
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
            Some(there) if *there == hash => Ok(leaf),
            Some(_) => found(format!(
                "{at} is not the one the log holds at index {index}: changed, moved, or put in"
            )),
            None => found(format!("the stored tree lacks the leaf at index {index}")),
        }
    }

    fn compare_root(&self, tree: &Tree, roots: &HashMap<LogId, Roots>) -> Result<(), TreeError> {
        let Some(signed) = roots.get(&self.log).and_then(|roots| roots.get(&tree.size())) else {
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

    /// Whether tiles are stored as they are here.
    async fn compare_tiles(&self, changed: Vec<(TileId, Vec<Hash>)>) -> Result<(), TreeError> {
        let ids: Vec<_> = changed.iter().map(|(tile, _)| *tile).collect();
        let mut connection = self.pool.acquire().await?;
        let stored = self.tiles(&mut connection, &ids).await?;
        for (tile, hashes) in changed {
            if !stored.get(&tile).is_some_and(|there| there.starts_with(&hashes)) {
                let TileId { level, index } = tile;
                let log = &self.log;
                return found(format!(
                    "tile {index} of level {level} of the stored tree of {log} was changed"
                ));
            }
        }
        Ok(())
    }
}
