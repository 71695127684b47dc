//! What the tree holds of an event.

use super::{Hash, LogId, leaf_hash};
use crate::event::{StoredEvent, StreamName};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The first byte of what is hashed: another way of writing a leaf gets another one.
const FORMAT: u8 = 1;

/// An event as the tree commits to it. Contents only by the digests of the stored (sealed) bytes: destroying keys, or
/// blanking the data itself, leaves the leaf as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream.
    pub revision: u64,
    /// Its id.
    pub event: Uuid,
    /// The stored name.
    pub type_name: String,
    /// The shape of its data.
    pub schema: u16,
    /// When the store took it: microseconds since 1970.
    pub recorded_at_micros: i64,
    /// SHA-256 of the stored metadata.
    pub meta: Hash,
    /// SHA-256 of the stored data.
    pub data: Hash,
}

impl Leaf {
    /// The leaf of an event whose data and metadata are as stored, sealed and not opened.
    pub fn of(event: &StoredEvent) -> Self {
        Self {
            stream: event.stream.clone(),
            revision: event.revision.0,
            event: event.id,
            type_name: event.type_name.clone().into_owned(),
            schema: event.schema,
            recorded_at_micros: event.recorded_at_micros,
            meta: Sha256::digest(&event.meta).into(),
            data: Sha256::digest(&event.data).into(),
        }
    }

    /// Its hash at `index` of `log`. Texts are written behind their length (four bytes), numbers with the highest byte first, so
    /// no two leaves are the same bytes.
    pub fn hash(&self, log: &LogId, index: u64) -> Hash {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(FORMAT);
        text(&mut bytes, &log.0);
        bytes.extend_from_slice(&index.to_be_bytes());
        text(&mut bytes, &self.stream.category);
        bytes.extend_from_slice(self.stream.id.as_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(self.event.as_bytes());
        text(&mut bytes, &self.type_name);
        bytes.extend_from_slice(&self.schema.to_be_bytes());
        bytes.extend_from_slice(&self.recorded_at_micros.to_be_bytes());
        bytes.extend_from_slice(&self.meta);
        bytes.extend_from_slice(&self.data);
        leaf_hash(&bytes)
    }
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_leaf_counts() {
        let log = LogId("annalock/test".to_owned());
        let leaf = Leaf {
            stream: StreamName::new("folder", Uuid::from_u128(1)),
            revision: 2,
            event: Uuid::from_u128(3),
            type_name: "FolderRenamed".to_owned(),
            schema: 4,
            recorded_at_micros: 5,
            meta: [6; 32],
            data: [7; 32],
        };
        let changes: [fn(&mut Leaf); 9] = [
            |l| l.stream.category = "cipher".into(),
            |l| l.stream.id = Uuid::from_u128(9),
            |l| l.revision = 9,
            |l| l.event = Uuid::from_u128(9),
            |l| l.type_name = "FolderDeleted".to_owned(),
            |l| l.schema = 9,
            |l| l.recorded_at_micros = 9,
            |l| l.meta = [9; 32],
            |l| l.data = [9; 32],
        ];
        let mut hashes = vec![
            leaf.hash(&log, 0),
            leaf.hash(&log, 1),
            leaf.hash(&LogId("annalock/other".to_owned()), 0),
        ];
        for change in changes {
            let mut changed = leaf.clone();
            change(&mut changed);
            hashes.push(changed.hash(&log, 0));
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 12);
    }
}
