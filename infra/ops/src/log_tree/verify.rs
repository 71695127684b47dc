//! Comparing events, tree and checkpoints.

use super::{
    Leaves, LogTree, TreeError, check,
    growing::{Growing, Row},
};
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

/// Level, index, hashes, the position before the first leaf, and where leaves lie.
type StoredTile = (i16, i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);

/// The roots that were signed at each size, and where each is from.
type Roots = BTreeMap<u64, Vec<(Hash, String)>>;

/// A tree that is computed anew, beside the stored one.
struct Anew {
    stored: LogTree,
    growing: Growing,
}

impl Anew {
    fn new(stored: LogTree) -> Self {
        let listed = matches!(stored.leaves, Leaves::Listed);
        Self {
            growing: Growing::new(stored.log.clone(), Tree::default(), None, listed),
            stored,
        }
    }

    fn size(&self) -> u64 {
        self.growing.tree.size()
    }

    /// Adds an event, and compares the root where one was signed.
    fn push(
        &mut self,
        leaf: &Leaf,
        (before, position): (Position, Position),
        roots: &HashMap<LogId, Roots>,
    ) -> Result<(), TreeError> {
        self.growing.push(leaf, before, position);
        self.stored.compare_root(&self.growing.tree, roots)
    }

    /// Compares the tiles that changed with the stored ones.
    async fn compare(&mut self) -> Result<(), TreeError> {
        if !self.growing.grown {
            return Ok(());
        }
        self.stored.compare_tiles(self.growing.take_changed()).await
    }
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
        let since = self.parts_since().await?;
        let (roots, checkpoints) = self.roots(key, known, &sizes).await?;
        let (mut all, mut after, mut later) = (Anew::new(self.clone()), Position::START, 0);
        let mut parts: HashMap<OrganizationId, Anew> = HashMap::new();
        loop {
            let page = self.store.read_all(after, PAGE).await?;
            if page.next == after {
                break;
            }
            let digests = self.store.read_leaves(after, page.events.len()).await?.leaves;
            if digests.len() < page.events.len() {
                return found(format!("events after position {after} went away while they were read"));
            }
            let stored = self.stored_leaves(all.size(), page.events.len() as u64).await?;
            for (event, beside) in page.events.iter().zip(&digests) {
                let place = (std::mem::replace(&mut after, event.position), event.position);
                if !self.counts(&event.stream) {
                    continue;
                }
                if all.size() == size {
                    later += 1;
                    continue;
                }
                let leaf = self.leaf(event, &beside.leaf, all.size(), &stored)?;
                all.push(&leaf, place, &roots)?;
                if event.position <= since {
                    continue;
                }
                for organization in organizations_in(&event.meta) {
                    let part = parts.entry(organization);
                    let part = part.or_insert_with(|| Anew::new(self.of(organization)));
                    part.push(&leaf, place, &roots)?;
                }
            }
            all.compare().await?;
            for part in parts.values_mut() {
                part.compare().await?;
            }
            progress(all.size(), size);
            after = page.next;
        }
        if all.size() < size {
            return found(format!("the log holds {size} events, the store only {}", all.size()));
        }
        let organizations = parts.len();
        let there = parts.into_values().map(|part| (part.stored.log.clone(), part.size()));
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

    /// Whether tiles are stored as they are here: hashes, and where leaves lie.
    async fn compare_tiles(&self, changed: Vec<Row>) -> Result<(), TreeError> {
        let (levels, places): (Vec<i16>, Vec<i64>) = changed
            .iter()
            .map(|row| (i16::from(row.tile.level), row.tile.index as i64))
            .unzip();
        let rows: Vec<StoredTile> = sqlx::query_as(
            "select t.level, t.index, t.hashes, t.after_position, t.positions
             from unnest($2::smallint[], $3::bigint[]) w(level, index)
             join ops.log_tree_tile t on t.log = $1 and t.level = w.level and t.index = w.index",
        )
        .bind(&self.log.0)
        .bind(&levels)
        .bind(&places)
        .fetch_all(&self.pool)
        .await?;
        let stored: HashMap<(i16, i64), _> = rows
            .into_iter()
            .map(|(level, index, hashes, after, positions)| ((level, index), (hashes, after, positions)))
            .collect();
        for Row { tile, hashes, leaves } in changed {
            let TileId { level, index } = tile;
            let same = stored
                .get(&(i16::from(level), index as i64))
                .is_some_and(|(there, after, positions)| {
                    let (expected, listed) =
                        leaves.map_or((None, None), |(after, listed)| (Some(after.0 as i64), listed));
                    let listed = match (positions, listed) {
                        (Some(positions), Some(listed)) => positions.starts_with(&listed),
                        (None, None) => true,
                        _ => false,
                    };
                    there.starts_with(&hashes.concat()) && *after == expected && listed
                });
            if !same {
                let log = &self.log;
                return found(format!(
                    "tile {index} of level {level} of the stored tree of {log} was changed"
                ));
            }
        }
        Ok(())
    }
}
