//! Takes up what was appended.

use super::{LogTree, TreeError, growing::Growing};
use domain::{event::Position, id::OrganizationId, meta::organizations_in};
use std::collections::{HashMap, hash_map::Entry};

/// Events taken up in one transaction.
const BATCH: usize = 4_096;
/// Trees of organizations kept at hand: some 10 KiB each.
const KEPT: usize = 1_024;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It reached the end of the store.
    Head,
    /// There is more.
    More,
    /// Another process took the same events up first: it does the work.
    Overtaken,
}

/// Adds to the tree over everything and to those of organizations. Any number of processes may: the tiles of all and the position
/// are one transaction, which fails where somebody else moved them on. So a crash between two steps loses nothing and
/// doubles nothing.
pub struct Follower {
    tree: LogTree,
    /// What this process knows; unknown at the start and after anything that went wrong.
    at: Option<At>,
}

/// Where the trees are.
struct At {
    all: Growing,
    /// The last event looked at.
    position: Position,
    /// Those that something was added to lately.
    parts: HashMap<OrganizationId, Growing>,
}

impl Follower {
    /// Goes on where the stored tree ends.
    pub fn new(tree: LogTree) -> Self {
        Self { tree, at: None }
    }

    /// The tree it adds to.
    pub fn tree(&self) -> &LogTree {
        &self.tree
    }

    /// How many leaves the tree has, as far as this process knows.
    pub fn size(&self) -> Option<u64> {
        self.at.as_ref().map(|at| at.all.tree.size())
    }

    /// Takes up at most one batch.
    ///
    /// # Errors
    /// [`TreeError`]; the next step begins with what is stored.
    pub async fn step(&mut self) -> Result<Step, TreeError> {
        self.step_of(BATCH).await
    }

    /// Takes up at most `max` events.
    ///
    /// # Errors
    /// As [`Follower::step`].
    pub async fn step_of(&mut self, max: usize) -> Result<Step, TreeError> {
        let mut at = match self.at.take() {
            Some(at) => at,
            None => {
                self.tree.begin().await?;
                let (all, position) = self.tree.load().await?;
                let parts = HashMap::new();
                At { all, position, parts }
            }
        };
        let page = self.tree.store.read_leaves(at.position, max).await?;
        let step = if page.next >= page.head { Step::Head } else { Step::More };
        if page.next == at.position {
            self.at = Some(at);
            return Ok(step);
        }
        let before = (at.all.tree.size(), at.position);
        if at.parts.len() > KEPT {
            at.parts.clear();
        }
        for stored in &page.leaves {
            if self.tree.counts(&stored.leaf.stream) {
                at.all.push(&stored.leaf, at.position, stored.position);
                for organization in organizations_in(&stored.meta) {
                    let part = match at.parts.entry(organization) {
                        Entry::Occupied(part) => part.into_mut(),
                        Entry::Vacant(unknown) => unknown.insert(self.tree.of(organization).load().await?.0),
                    };
                    part.push(&stored.leaf, at.position, stored.position);
                }
            }
            at.position = stored.position;
        }
        at.position = page.next;
        let moved = self.tree.save(before, &mut at.all, at.position, at.parts.values_mut());
        if !moved.await? {
            return Ok(Step::Overtaken);
        }
        self.at = Some(at);
        Ok(step)
    }

    /// Takes up everything there is.
    ///
    /// # Errors
    /// As [`Follower::step`].
    pub async fn catch_up(&mut self) -> Result<(), TreeError> {
        while self.step().await? != Step::Head {}
        Ok(())
    }
}
