//! An export with proofs, line by line, and checking it without anything else at hand.
//!
//! The first line is a [`Header`] with a signed checkpoint. Every further line is a record, with a [`LeafProof`] that its
//! event lies in the tree of the checkpoint. The last line is a [`Seal`]: a signed checkpoint of a tree over the lines before it,
//! as bytes. So two things are proved, and they are not the same:
//!
//! * by each inclusion proof: the log holds, at this index, an event with this id, type, time and stream, whose stored bytes have
//!   these digests. The signed root cannot be had with any other.
//! * by the seal: the server wrote exactly these lines, in this order. That holds together what digests alone do not show
//!   (who, from where, details), and shows a line left out: the events between those of one person are other people's.
//!
//! In an export of the log of an organization the indices of a whole one run from 0 to the end of the log, so a record that the server
//! itself left out shows too ([`Checked::missing`]).
//!
//! What is *not* proved: that a server whose key is in wrong hands put everything about a person into the export.

mod check;

pub use check::{Checked, Checker, ExportError};

use super::{Hash, LogId, checkpoint::Checkpoint, leaf::Leaf, leaf_hash, tree::Tree};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// The version of this format.
pub const FORMAT: u32 = 1;

/// A hash in JSON: base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(pub Hash);

impl From<Text> for String {
    fn from(hash: Text) -> Self {
        BASE64_STANDARD.encode(hash.0)
    }
}

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| "not base64")?;
        bytes.try_into().map(Self).map_err(|_| "not 32 bytes")
    }
}

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT`].
    pub annalock_proof: u32,
    /// Which log.
    pub log: String,
    /// The signed checkpoint everything is proved against.
    pub checkpoint: String,
    /// That it only added to an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
}

/// That a checkpoint only added to an older one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consistency {
    /// How many leaves the older one has.
    pub old_size: u64,
    /// The proof.
    pub hashes: Vec<Text>,
}

/// What stands in a record as `proof`. The rest of its leaf are fields of the record: `eventId`, `name`, `recordedAtMicros`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeafProof {
    /// Where in the log.
    pub index: u64,
    /// The stream of the event.
    pub stream: String,
    /// Its place in the stream.
    pub revision: u64,
    /// The shape of its data.
    pub schema: u16,
    /// Of the stored metadata.
    pub meta_digest: Text,
    /// Of the stored data.
    pub data_digest: Text,
    /// The inclusion proof.
    pub inclusion: Vec<Text>,
}

impl LeafProof {
    /// Of `leaf` at `index`.
    pub fn new(index: u64, leaf: &Leaf, inclusion: Vec<Hash>) -> Self {
        Self {
            index,
            stream: leaf.stream.to_string(),
            revision: leaf.revision,
            schema: leaf.schema,
            meta_digest: Text(leaf.meta),
            data_digest: Text(leaf.data),
            inclusion: inclusion.into_iter().map(Text).collect(),
        }
    }
}

/// The last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// A signed checkpoint with the origin [`Seal::origin`].
    pub annalock_seal: String,
}

impl Seal {
    /// The origin of the seals of a log's exports: never taken for a checkpoint of the log.
    pub fn origin(log: &LogId) -> LogId {
        LogId(format!("{log}/export"))
    }
}

/// The tree over the lines of an export.
#[derive(Debug, Default)]
pub struct Lines(Tree);

impl Lines {
    /// Takes the next line, without its line break.
    pub fn push(&mut self, line: &[u8]) {
        self.0.push(leaf_hash(line));
        self.0.take_changed(); // only the edge is needed
    }

    /// What a seal behind these lines signs.
    pub fn checkpoint(&self, log: &LogId) -> Checkpoint {
        Checkpoint {
            origin: Seal::origin(log),
            size: self.0.size(),
            root: self.0.root(),
        }
    }
}

#[cfg(test)]
mod tests;
