//! Takes up what was appended.

use super::{LogTree, TreeError, rows::At};
use domain::proof::tile::WIDTH;
use std::collections::HashMap;

/// Events taken up in one transaction.
const BATCH: usize = 4_096;

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

/// Adds to a tree. Any number of processes may: tiles and position are one transaction, which fails where somebody else moved
/// the tree on. So a crash between two steps loses nothing and doubles nothing.
pub struct Follower {
    tree: LogTree,
    /// What this process knows; unknown at the start and after anything that went wrong.
    at: Option<At>,
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
        self.at.as_ref().map(|at| at.tree.size())
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
            None => self.tree.load().await?,
        };
        let page = self.tree.store.read_leaves(at.position, max).await?;
        let step = if page.next >= page.head { Step::Head } else { Step::More };
        if page.next == at.position {
            self.at = Some(at);
            return Ok(step);
        }
        let before = (at.tree.size(), at.position);
        let mut starts = HashMap::from([(at.tree.size() / WIDTH, at.tile_after)]);
        for (position, leaf) in &page.leaves {
            if (self.tree.counts)(&leaf.stream) {
                let index = at.tree.size();
                if index % WIDTH == 0 {
                    at.tile_after = at.position;
                    starts.insert(index / WIDTH, at.tile_after);
                }
                at.tree.push(leaf.hash(&self.tree.log, index));
            }
            at.position = *position;
        }
        at.position = page.next;
        if !self.tree.save(before, &mut at, &starts).await? {
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
