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
//! What is *not* proved: that a server whose key is in wrong hands put everything about a person into the export.

use super::{
    Hash, LogId,
    checkpoint::Checkpoint,
    leaf::Leaf,
    leaf_hash,
    note::{Check, NoteError, PublicKey},
    path,
    tree::Tree,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// Why an export is not what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// There is no header.
    #[error("this is no export with proofs: its first line is no header of version {version}", version = FORMAT)]
    NoHeader,
    /// The header names another log.
    #[error("this is an export of another log than the key belongs to")]
    OtherLog,
    /// The checkpoint of the header.
    #[error("the checkpoint: {0}")]
    Checkpoint(NoteError),
    /// The older checkpoint that was handed in.
    #[error("the older checkpoint: {0}")]
    OldCheckpoint(NoteError),
    /// Nothing in the export speaks of the older checkpoint.
    #[error("the export has no consistency proof from the older checkpoint (size {0}): export with --old-checkpoint")]
    NoConsistency(u64),
    /// History was rewritten between the checkpoints.
    #[error("the log does not begin with what the older checkpoint had: its history was changed")]
    NotConsistent,
    /// A line is not a record with a proof.
    #[error("line {0}: no record with a proof")]
    NoRecord(u64),
    /// A line does not fit its own proof.
    #[error("line {0}: the record says something else than its proof")]
    Differs(u64),
    /// The order of the log was not kept.
    #[error("line {0}: out of order")]
    OutOfOrder(u64),
    /// The event is not in the log.
    #[error("line {0}: the log does not hold this event at this index")]
    NotIncluded(u64),
    /// The end is missing.
    #[error("the export ends without its seal: lines are missing")]
    NoSeal,
    /// The seal itself.
    #[error("the seal: {0}")]
    Seal(NoteError),
    /// The lines are not those that were sealed.
    #[error("lines were changed, left out, added or moved since the export was written")]
    Changed,
    /// Something follows the seal.
    #[error("there are lines behind the seal")]
    BehindSeal,
}

/// What was checked and found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What the export was proved against.
    pub checkpoint: Checkpoint,
    /// How many records.
    pub records: u64,
    /// The size of the older checkpoint it goes on from.
    pub extends: Option<u64>,
}

/// Checks an export, line after line.
#[derive(Debug)]
pub struct Checker {
    key: PublicKey,
    log: LogId,
    check: Check,
    old: Option<Checkpoint>,
    checkpoint: Option<Checkpoint>,
    lines: Lines,
    line: u64,
    /// Index, position and event of the last record.
    last: Option<(u64, u64, String)>,
    sealed: bool,
}

impl Checker {
    /// For exports of the log whose key this is; `old` is the note of an older checkpoint.
    ///
    /// # Errors
    /// If the older checkpoint is not one of this log.
    pub fn new(key: PublicKey, old: Option<&str>, check: Check) -> Result<Self, ExportError> {
        let log = LogId(key.name.clone());
        let old = old.map(|note| Checkpoint::open(note, &log, &key, check));
        Ok(Self {
            old: old.transpose().map_err(ExportError::OldCheckpoint)?,
            key,
            log,
            check,
            checkpoint: None,
            lines: Lines::default(),
            line: 0,
            last: None,
            sealed: false,
        })
    }

    /// Takes the next line, without its line break.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn line(&mut self, line: &str) -> Result<(), ExportError> {
        if self.sealed {
            return Err(ExportError::BehindSeal);
        }
        self.line += 1;
        if self.checkpoint.is_none() {
            let header = serde_json::from_str(line).map_err(|_| ExportError::NoHeader)?;
            self.header(&header)?;
        } else if let Ok(seal) = serde_json::from_str::<Seal>(line) {
            self.seal(&seal)?;
            return Ok(());
        } else {
            self.record(line)?;
        }
        self.lines.push(line.as_bytes());
        Ok(())
    }

    fn header(&mut self, header: &Header) -> Result<(), ExportError> {
        if header.annalock_proof != FORMAT {
            return Err(ExportError::NoHeader);
        }
        if header.log != self.log.0 {
            return Err(ExportError::OtherLog);
        }
        let checkpoint = Checkpoint::open(&header.checkpoint, &self.log, &self.key, self.check);
        let checkpoint = checkpoint.map_err(ExportError::Checkpoint)?;
        if let Some(old) = &self.old {
            let proof = header.consistency.as_ref().filter(|proof| proof.old_size == old.size);
            let hashes: Vec<Hash> = match proof {
                Some(proof) => proof.hashes.iter().map(|hash| hash.0).collect(),
                None if old.size == checkpoint.size => Vec::new(),
                None => return Err(ExportError::NoConsistency(old.size)),
            };
            if !path::extends((old.size, &old.root), (checkpoint.size, &checkpoint.root), &hashes) {
                return Err(ExportError::NotConsistent);
            }
        }
        self.checkpoint = Some(checkpoint);
        Ok(())
    }

    fn record(&mut self, line: &str) -> Result<(), ExportError> {
        let at = self.line;
        let no_record = || ExportError::NoRecord(at);
        let record: Value = serde_json::from_str(line).map_err(|_| no_record())?;
        let proof = LeafProof::deserialize(&record["proof"]).map_err(|_| no_record())?;
        let (leaf, position) = leaf(&record, &proof).ok_or_else(no_record)?;
        if !about_its_stream(&record, &leaf) {
            return Err(ExportError::Differs(at));
        }
        // one event may have several records; those of two events lie as their events do
        let event = leaf.event.to_string();
        let in_order = match &self.last {
            None => true,
            Some((index, there, last)) if *index == proof.index => *there == position && *last == event,
            Some((index, there, _)) => *index < proof.index && *there < position,
        };
        if !in_order {
            return Err(ExportError::OutOfOrder(at));
        }
        let checkpoint = self.checkpoint.as_ref().ok_or(ExportError::NoHeader)?;
        let inclusion: Vec<Hash> = proof.inclusion.iter().map(|hash| hash.0).collect();
        let hash = leaf.hash(&self.log, proof.index);
        if !path::includes(&hash, proof.index, checkpoint.size, &inclusion, &checkpoint.root) {
            return Err(ExportError::NotIncluded(at));
        }
        self.last = Some((proof.index, position, event));
        Ok(())
    }

    fn seal(&mut self, seal: &Seal) -> Result<(), ExportError> {
        let origin = Seal::origin(&self.log);
        let sealed = Checkpoint::open(&seal.annalock_seal, &origin, &self.key, self.check);
        if sealed.map_err(ExportError::Seal)? != self.lines.checkpoint(&self.log) {
            return Err(ExportError::Changed);
        }
        self.sealed = true;
        Ok(())
    }

    /// What was checked, when all lines were taken.
    ///
    /// # Errors
    /// If the export ended too early.
    pub fn finish(self) -> Result<Checked, ExportError> {
        let checkpoint = self.checkpoint.ok_or(ExportError::NoHeader)?;
        if !self.sealed {
            return Err(ExportError::NoSeal);
        }
        Ok(Checked {
            checkpoint,
            records: self.line - 2,
            extends: self.old.map(|old| old.size),
        })
    }
}

/// The leaf a record speaks of, and its position.
fn leaf(record: &Value, proof: &LeafProof) -> Option<(Leaf, u64)> {
    let leaf = Leaf {
        stream: proof.stream.parse().ok()?,
        revision: proof.revision,
        event: record["eventId"].as_str()?.parse().ok()?,
        type_name: record["name"].as_str()?.to_owned(),
        schema: proof.schema,
        recorded_at_micros: record["recordedAtMicros"].as_i64()?,
        meta: proof.meta_digest.0,
        data: proof.data_digest.0,
    };
    Some((leaf, record["position"].as_u64()?))
}

/// Whether the ids of a record and the stream of its event name the same thing.
fn about_its_stream(record: &Value, leaf: &Leaf) -> bool {
    let field = match &*leaf.stream.category {
        "cipher" => "cipherId",
        "folder" => "folderId",
        "user" => "userId",
        _ => return true,
    };
    record[field].as_str() == Some(&leaf.stream.id.to_string())
}

#[cfg(test)]
mod tests;
