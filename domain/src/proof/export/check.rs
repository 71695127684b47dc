//! Checking an export, line by line.

use super::{FORMAT, Header, LeafProof, Lines, Seal};
use crate::proof::{
    Hash, LogId,
    checkpoint::Checkpoint,
    leaf::Leaf,
    note::{Check, NoteError, PublicKey},
    path,
};
use serde::Deserialize;
use serde_json::Value;

/// Why an export is not what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// There is no header.
    #[error("this is no export with proofs: its first line is no header of version {version}", version = FORMAT)]
    NoHeader,
    /// The header names another log.
    #[error("this is an export of another log than the key or the older checkpoint belongs to")]
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
    /// How many events of the log have no record in it.
    pub missing: u64,
    /// The size of the older checkpoint it goes on from.
    pub extends: Option<u64>,
}

/// Checks an export, line after line.
#[derive(Debug)]
pub struct Checker {
    key: PublicKey,
    /// That of the key; once the header is read the one the export is of, which may lie within it.
    log: LogId,
    check: Check,
    old: Option<Checkpoint>,
    checkpoint: Option<Checkpoint>,
    lines: Lines,
    line: u64,
    /// Index, position and event of the last record.
    last: Option<(u64, u64, String)>,
    /// How many events had a record.
    events: u64,
    sealed: bool,
}

impl Checker {
    /// For exports of the log whose key this is, and of those within it; `old` is the note of an older checkpoint.
    ///
    /// # Errors
    /// If the older checkpoint is not one of these logs.
    pub fn new(key: PublicKey, old: Option<&str>, check: Check) -> Result<Self, ExportError> {
        let log = LogId(key.name.clone());
        let old = old.map(|note| {
            let origin = Checkpoint::parse(note).map(|checkpoint| checkpoint.origin);
            let origin = origin.filter(|origin| origin.is_within(&log));
            Checkpoint::open(note, origin.as_ref().unwrap_or(&log), &key, check)
        });
        Ok(Self {
            old: old.transpose().map_err(ExportError::OldCheckpoint)?,
            key,
            log,
            check,
            checkpoint: None,
            lines: Lines::default(),
            line: 0,
            last: None,
            events: 0,
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
        let log = LogId(header.log.clone());
        let other = self.old.as_ref().is_some_and(|old| old.origin != log);
        if !log.is_within(&self.log) || other {
            return Err(ExportError::OtherLog);
        }
        self.log = log;
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
        if self.last.as_ref().is_none_or(|(index, ..)| *index != proof.index) {
            self.events += 1;
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
            missing: checkpoint.size - self.events,
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
