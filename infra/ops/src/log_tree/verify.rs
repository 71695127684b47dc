//! Comparing events, trees and checkpoints.

mod stored;

use super::{Leaves, LogTree, TreeError, growing::Growing};
use domain::{
    event::{Position, StoredEvent},
    id::OrganizationId,
    meta::organizations_in,
    proof::{Hash, LogId, leaf::Leaf, note::PublicKey, tree::Tree},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use stored::Stored;

/// Events compared at once.
const PAGE: usize = 2_048;
/// How much of the history, by the times of its events, may lie between the end of the tree and where other work of the server is.
/// Both follow within seconds while a server runs, and stop together with it.
pub const LAG: Duration = Duration::from_secs(600);

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
    /// Events appended since: compared with the digests beside them, for the tree does not hold them yet.
    pub later: u64,
    /// Checkpoints whose signature and root hold.
    pub checkpoints: usize,
    /// Organizations whose logs were compared too.
    pub organizations: usize,
    /// The last event the tree has looked at.
    pub position: Position,
    /// Behind which event the logs of organizations begin; [`Position::START`] where they were there from the first event on.
    pub parts_since: Position,
}

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
        let tree = &self.growing.tree;
        let Some(signed) = roots.get(&self.stored.log).and_then(|roots| roots.get(&tree.size())) else {
            return Ok(());
        };
        let root = tree.root();
        match signed.iter().find(|(signed, _)| *signed != root) {
            None => Ok(()),
            Some((_, source)) => found(format!(
                "the first {} events of {} do not have the root signed in a checkpoint of {source}",
                tree.size(),
                self.stored.log
            )),
        }
    }

    /// Compares the tiles that changed with the stored ones.
    async fn compare(&mut self, stored: &mut Stored) -> Result<(), TreeError> {
        if !self.growing.grown {
            return Ok(());
        }
        stored.compare(&self.stored, self.growing.take_changed()).await
    }
}

/// Events behind the end of the tree.
#[derive(Default)]
struct Later {
    count: u64,
    /// The first one, and when it was stored: microseconds since 1970.
    first: Option<(Position, i64)>,
}

impl Later {
    /// One more. `at` is how far the tree has looked, `worked` how far other work of the server is.
    fn take(&mut self, event: &StoredEvent, at: Position, worked: Position) -> Result<(), TreeError> {
        if event.position <= at {
            return found(format!(
                "the tree goes on behind position {at}, and does not hold {}: it was moved past it",
                named(event)
            ));
        }
        self.count += 1;
        let (first, since) = *self.first.get_or_insert((event.position, event.recorded_at_micros));
        let waited = Duration::from_micros(
            event
                .recorded_at_micros
                .saturating_sub(since)
                .try_into()
                .unwrap_or_default(),
        );
        if event.position <= worked && waited > LAG {
            return found(format!(
                "the tree does not hold the event at position {first}, and the server has been at work for {} minutes of history \
                 since: the tree does not move on",
                waited.as_secs() / 60
            ));
        }
        Ok(())
    }
}

fn found<T>(what: impl Into<String>) -> Result<T, TreeError> {
    Err(TreeError::Found(what.into()))
}

/// An event, for messages.
fn named(event: &StoredEvent) -> String {
    format!("the event at position {} ({})", event.position, event.stream)
}

impl LogTree {
    /// Computes digests, leaves and hashes of everything stored anew, and compares them with the digests beside the events,
    /// the stored trees (that of everything and those of organizations), the stored checkpoints and the `known` ones. What was
    /// appended since is compared with its digests. `worked` is how far other work of the server is known to be: a tree that
    /// stands still while a server runs shows by it. `progress` is told of events compared, and of how many.
    ///
    /// All tables of the trees are read as they are at one moment, whoever adds to them meanwhile.
    ///
    /// # Errors
    /// [`TreeError::Found`] with the first difference.
    pub async fn verify(
        &self,
        key: &PublicKey,
        known: Vec<Known>,
        worked: Position,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Verified, TreeError> {
        let mut stored = Stored::now(self).await?;
        let (roots, checkpoints) = stored.roots(key, known).await?;
        let size = stored.size(&self.log);
        let (mut all, mut after, mut later) = (Anew::new(self.clone()), Position::START, Later::default());
        let mut parts: HashMap<OrganizationId, Anew> = HashMap::new();
        loop {
            let page = self.store.read_all(after, PAGE).await?;
            if page.next == after {
                let (head, at) = (page.head, stored.position);
                if self.store.caps().dense && head != after {
                    return found(format!("the history ends at position {after}, and should at {head}"));
                }
                if at > head.max(after) {
                    return found(format!(
                        "the tree goes on behind position {at}, and the history ends at {after}"
                    ));
                }
                break;
            }
            let digests = self.store.read_leaves(after, page.events.len()).await?.leaves;
            if digests.len() < page.events.len() {
                return found(format!("events after position {after} went away while they were read"));
            }
            let leaves = stored.leaves(all.size(), page.events.len() as u64).await?;
            for (event, beside) in page.events.iter().zip(&digests) {
                let place = (std::mem::replace(&mut after, event.position), event.position);
                let leaf = self.leaf(event, &beside.leaf, place.0)?;
                if !self.counts(&event.stream) {
                    continue;
                }
                let organizations = organizations_in(&event.meta);
                stored.begins_before(event, &organizations)?;
                if all.size() == size {
                    later.take(event, stored.position, worked)?;
                    continue;
                }
                self.is_held(event, &leaf, all.size(), &leaves)?;
                all.push(&leaf, place, &roots)?;
                for organization in organizations {
                    let part = parts.entry(organization);
                    let part = part.or_insert_with(|| Anew::new(self.of(organization)));
                    part.push(&leaf, place, &roots)?;
                }
                if all.size() == size && event.position > stored.position {
                    let at = stored.position;
                    return found(format!(
                        "the tree goes on behind position {at}, and holds {} already",
                        named(event)
                    ));
                }
            }
            all.compare(&mut stored).await?;
            for part in parts.values_mut() {
                part.compare(&mut stored).await?;
            }
            progress(all.size(), size);
            after = page.next;
        }
        if all.size() < size {
            return found(format!("the log holds {size} events, the store only {}", all.size()));
        }
        let organizations = parts.len();
        let there = parts.into_values().map(|part| (part.stored.log.clone(), part.size()));
        stored.are_these(there.chain([(self.log.clone(), size)]).collect())?;
        Ok(Verified {
            events: size,
            later: later.count,
            checkpoints,
            organizations,
            position: stored.position,
            parts_since: stored.parts_since,
        })
    }

    /// The leaf of an event, if it follows the one at `before` and is what the digests beside it are of.
    fn leaf(&self, event: &StoredEvent, beside: &Leaf, before: Position) -> Result<Leaf, TreeError> {
        let at = named(event);
        if self.store.caps().dense && event.position.0 != before.0 + 1 {
            return found(format!(
                "{at} should have the position {}: one is missing or moved",
                before.0 + 1
            ));
        }
        let leaf = Leaf::of(event);
        if leaf != *beside {
            return found(format!(
                "{at} does not have the digests stored beside it: it was changed"
            ));
        }
        Ok(leaf)
    }

    /// Whether a leaf is the one the tree holds at `index`.
    fn is_held(
        &self,
        event: &StoredEvent,
        leaf: &Leaf,
        index: u64,
        stored: &HashMap<u64, Hash>,
    ) -> Result<(), TreeError> {
        match stored.get(&index) {
            Some(there) if *there == leaf.hash(&self.log, index) => Ok(()),
            Some(_) => found(format!(
                "{} is not the one the log holds at index {index}: changed, moved, or put in",
                named(event)
            )),
            None => found(format!("the stored tree lacks the leaf at index {index}")),
        }
    }
}
