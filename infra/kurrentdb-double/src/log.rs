//! The log and the rule by which an append is taken, recognised or turned down.
//!
//! Source of the rule: KurrentDB, `IndexWriter.CheckCommit` (read for its behaviour; ENGINE section 14).

use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use uuid::Uuid;

/// How many ids the server remembers for appends that expect nothing exact.
const REMEMBERED_IDS: usize = 10_000;

/// What a writer expects of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Any,
    /// That it has events.
    Exists,
    /// That it has none.
    NoStream,
    /// That this is its last revision.
    Exact(u64),
}

/// What becomes of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is written.
    Write,
    /// It was written before; this was its last revision.
    Repeated(u64),
    /// The stream is not as expected.
    Wrong(Option<u64>),
    /// A part of it was written before, another part was not.
    Corrupt,
    /// The stream was deleted for good, or (with `Exists`) softly.
    Deleted,
}

/// An event to write.
#[derive(Debug, Clone)]
pub struct Proposed {
    pub id: Uuid,
    pub type_name: String,
    pub content_type: String,
    pub data: Bytes,
    pub metadata: Bytes,
}

impl Proposed {
    /// As the server counts it against its limit.
    pub fn size(&self) -> usize {
        self.data.len() + self.metadata.len() + 2 * self.type_name.len()
    }
}

/// A written event.
#[derive(Debug, Clone)]
pub struct Record {
    pub position: u64,
    pub stream: String,
    pub revision: u64,
    pub ticks: u64,
    pub event: Proposed,
}

#[derive(Debug, Default)]
struct Stream {
    records: Vec<usize>,
    /// Revisions below it cannot be read any more.
    truncated_before: u64,
    softly_deleted: bool,
    tombstoned: bool,
}

/// Everything that was written, in one order.
#[derive(Debug, Default)]
pub struct Log {
    records: Vec<Record>,
    streams: HashMap<String, Stream>,
    remembered: HashMap<Uuid, (String, u64)>,
    remembered_order: VecDeque<Uuid>,
    end: u64,
    last_ticks: u64,
}

impl Log {
    /// What becomes of an append of events with `ids` to `stream`.
    pub fn check(&self, stream: &str, expected: Expected, ids: &[Uuid]) -> Decision {
        let found = self.streams.get(stream);
        let current = found.and_then(|s| (s.records.len() as u64).checked_sub(1));
        if found.is_some_and(|s| s.tombstoned) {
            return Decision::Deleted;
        }
        let softly_deleted = found.is_some_and(|s| s.softly_deleted);
        let next = match expected {
            Expected::Exists if softly_deleted => return Decision::Deleted,
            Expected::Exists if current.is_none() => return Decision::Wrong(None),
            Expected::Any | Expected::Exists => return self.check_by_memory(stream, ids),
            Expected::NoStream | Expected::Exact(u64::MAX) => 0, // the server counts in signed numbers
            Expected::Exact(revision) => revision + 1,
        };
        let length = current.map_or(0, |c| c + 1);
        if next == length {
            return Decision::Write;
        }
        if next > length {
            return Decision::Wrong(current);
        }
        for (revision, id) in (next..).zip(ids) {
            if self.id_at(stream, revision) == Some(*id) {
                continue;
            }
            return match revision {
                r if r > next => Decision::Corrupt,
                _ if expected == Expected::NoStream && softly_deleted => Decision::Write,
                _ => Decision::Wrong(current),
            };
        }
        Decision::Repeated(next + ids.len() as u64 - 1)
    }

    fn check_by_memory(&self, stream: &str, ids: &[Uuid]) -> Decision {
        let mut last = None;
        for id in ids {
            match self.remembered.get(id) {
                Some((known, revision)) if known == stream => last = Some(*revision),
                _ if last.is_none() => return Decision::Write,
                _ => return Decision::Corrupt,
            }
        }
        last.map_or(Decision::Write, Decision::Repeated)
    }

    fn id_at(&self, stream: &str, revision: u64) -> Option<Uuid> {
        let index = self.streams.get(stream)?.records.get(revision as usize)?;
        Some(self.records[*index].event.id)
    }

    /// Writes without asking; the last revision and position. `ticks`: 100 ns since 1970.
    pub fn write(&mut self, stream: &str, events: Vec<Proposed>, ticks: u64) -> (u64, u64) {
        self.last_ticks = self.last_ticks.max(ticks);
        let entry = self.streams.entry(stream.to_owned()).or_default();
        if entry.softly_deleted {
            entry.softly_deleted = false;
            entry.truncated_before = entry.records.len() as u64;
        }
        for event in events {
            let revision = entry.records.len() as u64;
            entry.records.push(self.records.len());
            self.remembered.insert(event.id, (stream.to_owned(), revision));
            self.remembered_order.push_back(event.id);
            let position = self.end;
            self.end += (event.size() + stream.len() + 100) as u64;
            self.records.push(Record {
                position,
                stream: stream.to_owned(),
                revision,
                ticks: self.last_ticks,
                event,
            });
        }
        let last = entry.records.len() as u64 - 1;
        while self.remembered_order.len() > REMEMBERED_IDS {
            if let Some(id) = self.remembered_order.pop_front() {
                self.remembered.remove(&id);
            }
        }
        (last, self.position_of(stream, last).unwrap_or(0))
    }

    /// Forgets the ids by which appends that expect nothing exact are recognised, as a restart does.
    pub fn forget_ids(&mut self) {
        self.remembered.clear();
        self.remembered_order.clear();
    }

    /// Where an event lies.
    pub fn position_of(&self, stream: &str, revision: u64) -> Option<u64> {
        let index = self.streams.get(stream)?.records.get(revision as usize)?;
        Some(self.records[*index].position)
    }

    /// Hides every event of `stream` until it is written again; the record of that in `$$stream` is the caller's.
    pub fn delete_softly(&mut self, stream: &str) {
        let entry = self.streams.entry(stream.to_owned()).or_default();
        entry.softly_deleted = true;
    }

    /// Deletes `stream` for good.
    pub fn tombstone(&mut self, stream: &str) {
        self.streams.entry(stream.to_owned()).or_default().tombstoned = true;
    }

    /// `None`: there is no such stream to read. `Some(Err(()))`: it was deleted for good.
    #[allow(clippy::type_complexity)]
    pub fn read(
        &self,
        stream: &str,
        from: Option<u64>,
        backwards: bool,
        count: u64,
    ) -> Option<Result<Vec<&Record>, ()>> {
        let entry = self.streams.get(stream)?;
        if entry.tombstoned {
            return Some(Err(()));
        }
        if entry.softly_deleted || entry.records.is_empty() {
            return None;
        }
        let records = entry
            .records
            .iter()
            .map(|i| &self.records[*i])
            .filter(|r| r.revision >= entry.truncated_before);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Some(Ok(match (backwards, from) {
            (false, from) => records
                .filter(|r| from.is_none_or(|f| r.revision >= f))
                .take(count)
                .collect(),
            (true, from) => records
                .rev()
                .filter(|r| from.is_none_or(|f| r.revision <= f))
                .take(count)
                .collect(),
        }))
    }

    /// The last revision of a stream that can be read.
    pub fn last_revision(&self, stream: &str) -> Option<u64> {
        (self.streams.get(stream)?.records.len() as u64).checked_sub(1)
    }

    /// Whether a record lies there: the server reads from no other position.
    pub fn is_position(&self, position: u64) -> bool {
        self.records.binary_search_by_key(&position, |r| r.position).is_ok()
    }

    /// Forwards from the record at or after `from`; backwards from the one before `from`. `None` is the start or the end.
    pub fn read_all(&self, from: Option<u64>, backwards: bool, count: u64) -> Vec<&Record> {
        let at = |position: u64| self.records.partition_point(|r| r.position < position);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if backwards {
            let end = from.map_or(self.records.len(), at);
            self.records[..end].iter().rev().take(count).collect()
        } else {
            self.records[from.map_or(0, at)..].iter().take(count).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [Uuid; 4] = [
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        Uuid::from_u128(3),
        Uuid::from_u128(4),
    ];

    fn event(id: Uuid) -> Proposed {
        Proposed {
            id,
            type_name: "Happened".into(),
            content_type: "application/json".into(),
            data: Bytes::from_static(b"{}"),
            metadata: Bytes::new(),
        }
    }

    fn log_of_three() -> Log {
        let mut log = Log::default();
        log.write("a-1", IDS[..3].iter().copied().map(event).collect(), 1);
        log
    }

    #[test]
    fn what_is_expected_exactly_is_written() {
        assert_eq!(Log::default().check("a-1", Expected::NoStream, &IDS), Decision::Write);
        assert_eq!(
            log_of_three().check("a-1", Expected::Exact(2), &IDS[3..]),
            Decision::Write
        );
    }

    #[test]
    fn the_same_ids_at_the_same_place_are_the_same_append() {
        let log = log_of_three();
        assert_eq!(log.check("a-1", Expected::NoStream, &IDS[..3]), Decision::Repeated(2));
        assert_eq!(log.check("a-1", Expected::NoStream, &IDS[..2]), Decision::Repeated(1));
        assert_eq!(log.check("a-1", Expected::Exact(0), &IDS[1..2]), Decision::Repeated(1));
    }

    #[test]
    fn other_ids_are_a_conflict_and_half_the_ids_are_corrupt() {
        let log = log_of_three();
        assert_eq!(
            log.check("a-1", Expected::NoStream, &IDS[3..]),
            Decision::Wrong(Some(2))
        );
        assert_eq!(
            log.check("a-1", Expected::Exact(7), &IDS[..1]),
            Decision::Wrong(Some(2))
        );
        assert_eq!(log.check("a-1", Expected::NoStream, &IDS), Decision::Corrupt);
        assert_eq!(log.check("a-2", Expected::Exact(0), &IDS), Decision::Wrong(None));
        assert_eq!(log.check("a-2", Expected::Exists, &IDS), Decision::Wrong(None));
    }

    #[test]
    fn appends_that_expect_nothing_are_recognised_as_long_as_the_memory_lasts() {
        let mut log = log_of_three();
        assert_eq!(log.check("a-1", Expected::Any, &IDS[..3]), Decision::Repeated(2));
        assert_eq!(log.check("a-2", Expected::Any, &IDS[..3]), Decision::Write);
        log.forget_ids();
        assert_eq!(log.check("a-1", Expected::Any, &IDS[..3]), Decision::Write);
    }

    #[test]
    fn a_softly_deleted_stream_goes_on_and_a_tombstoned_one_does_not() {
        let mut log = log_of_three();
        log.delete_softly("a-1");
        assert!(log.read("a-1", None, false, 10).is_none());
        assert_eq!(log.check("a-1", Expected::Exists, &IDS[3..]), Decision::Deleted);
        assert_eq!(log.check("a-1", Expected::NoStream, &IDS[3..]), Decision::Write);
        assert_eq!(log.write("a-1", vec![event(IDS[3])], 2).0, 3);
        assert_eq!(
            log.read("a-1", None, false, 10).map(|r| r.map(|r| r.len())),
            Some(Ok(1))
        );
        log.tombstone("a-1");
        assert_eq!(log.check("a-1", Expected::Any, &IDS[3..]), Decision::Deleted);
    }
}
