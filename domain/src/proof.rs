//! Proofs over a history: a Merkle tree as in RFC 6962 (the same in RFC 9162), kept in tiles, and signed checkpoints of it.
//!
//! Whoever holds a signed checkpoint (size and root) can be shown that an event lies in the log at its index (inclusion),
//! and that a later checkpoint only added to it (consistency). Both need some 20 hashes at a million events.
//!
//! What is *not* here: where tiles lie and who signs (`infra/ops`), and signatures themselves: the caller hands in what
//! checks them.
//!
//! Source: RFC 6962 section 2.1, RFC 9162 section 2.1; C2SP tlog-tiles, tlog-checkpoint and signed-note.

pub mod checkpoint;
pub mod export;
pub mod leaf;
pub mod note;
pub mod path;
pub mod tile;
pub mod tree;

use crate::id::OrganizationId;
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256.
pub type Hash = [u8; 32];

/// Which log a tree is over. It stands in every leaf and is the origin of every checkpoint, so nothing of one log proves
/// anything about another. No line breaks, spaces or `+`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogId(pub String);

impl LogId {
    /// The log of an organization, within that of its installation.
    #[must_use]
    pub fn of(&self, organization: OrganizationId) -> Self {
        Self(format!("{}{organization}", self.parts()))
    }

    /// What the names of the logs of organizations begin with.
    pub fn parts(&self) -> String {
        format!("{self}/organization/")
    }

    /// Whether this is `log`, or the log of an organization within it.
    pub fn is_within(&self, log: &Self) -> bool {
        let part = self.0.strip_prefix(&log.parts());
        self == log || part.is_some_and(|id| id.parse().is_ok_and(|id: OrganizationId| log.of(id) == *self))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hash of a leaf that is these bytes.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// The hash of a node over two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of no leaves at all.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over subtrees that stand side by side, each full but for the last one.
pub(crate) fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split(more.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The largest power of two below `n`, for `n` of two or more: where a tree of `n` leaves is split.
pub(crate) fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}
