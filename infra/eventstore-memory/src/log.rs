//! The events and the rules of appending; plain data, no locks.

use commands::ports::{AppendError, Appended, Expected, StreamAppend};
use domain::event::{Position, Revision, StoredEvent, StreamName};
use domain::time::Timestamp;
use std::collections::{HashMap, HashSet};

/// Everything stored, by position; position `p` lies at index `p - 1`.
#[derive(Default)]
pub(crate) struct Log {
    events: Vec<StoredEvent>,
    streams: HashMap<StreamName, Vec<usize>>,
}

impl Log {
    pub(crate) fn head(&self) -> Position {
        Position(self.events.len() as u64)
    }

    /// Events after `position`.
    pub(crate) fn after(&self, position: Position) -> &[StoredEvent] {
        let start = usize::try_from(position.0).unwrap_or(usize::MAX).min(self.events.len());
        &self.events[start..]
    }

    /// Events of `stream` from revision `from` on.
    pub(crate) fn of_stream(&self, stream: &StreamName, from: u64) -> impl Iterator<Item = &StoredEvent> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let start = usize::try_from(from).unwrap_or(usize::MAX).min(places.len());
        places[start..].iter().map(|place| &self.events[*place])
    }

    /// Appends all of `group` or nothing; nothing once `fence` has an event.
    ///
    /// A stream named twice, or without events, is refused as a conflict of that stream: callers never ask for it.
    pub(crate) fn append(
        &mut self,
        fence: Option<&StreamName>,
        group: Vec<StreamAppend>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, AppendError> {
        if let Some(odd) = malformed(&group) {
            return Err(self.conflict(odd));
        }
        if let Some(moved) = group.iter().find(|a| !self.is_as_expected(a)) {
            let closed = fence.is_some_and(|fence| self.len_of(fence) > 0);
            let refused = || {
                if closed {
                    AppendError::Fenced
                } else {
                    self.conflict(moved)
                }
            };
            return self.repeated(&group).ok_or_else(refused);
        }
        if fence.is_some_and(|fence| self.len_of(fence) > 0) {
            return Err(AppendError::Fenced);
        }
        let recorded_at_micros = now
            .0
            .saturating_mul(1_000)
            .max(self.events.last().map_or(i64::MIN, |e| e.recorded_at_micros));
        Ok(group
            .into_iter()
            .map(|append| self.push(append, recorded_at_micros))
            .collect())
    }

    fn push(&mut self, append: StreamAppend, recorded_at_micros: i64) -> Appended {
        let places = self.streams.entry(append.stream.clone()).or_default();
        for event in append.events {
            let revision = Revision(places.len() as u64);
            places.push(self.events.len());
            self.events.push(StoredEvent {
                position: Position(self.events.len() as u64 + 1),
                stream: append.stream.clone(),
                revision,
                id: event.id,
                type_name: event.type_name,
                schema: event.schema,
                recorded_at_micros,
                data: event.data,
                meta: event.meta,
            });
        }
        Appended {
            revision: Revision(places.len() as u64 - 1),
            position: self.head(),
            repeated: false,
        }
    }

    fn len_of(&self, stream: &StreamName) -> u64 {
        self.streams.get(stream).map_or(0, |places| places.len() as u64)
    }

    fn is_as_expected(&self, append: &StreamAppend) -> bool {
        let len = self.len_of(&append.stream);
        match append.expected {
            Expected::Any => true,
            Expected::Exists => len > 0,
            Expected::NoStream => len == 0,
            Expected::Exact(revision) | Expected::Follows(revision) => revision.0.checked_add(1) == Some(len),
        }
    }

    fn conflict(&self, append: &StreamAppend) -> AppendError {
        let current = self.len_of(&append.stream).checked_sub(1).map(Revision);
        AppendError::Conflict {
            stream: append.stream.clone(),
            current,
        }
    }

    /// The answer of an earlier try of `group`, if there was one: every stream whose revision was given holds the very
    /// ids in the very slots. Streams of the group that were given none lie beside them, for a group is stored in one
    /// piece; without a single given revision nothing is recognised.
    fn repeated(&self, group: &[StreamAppend]) -> Option<Vec<Appended>> {
        let mut first_slot = 0_u64;
        let mut start = None;
        for append in group {
            if let Some(from) = slot(append.expected) {
                let found = self.same_ids(self.of_stream(&append.stream, from), append)?;
                start = start.or(Some(found.first.0.checked_sub(first_slot)?));
            }
            first_slot += append.events.len() as u64;
        }
        let mut next = start?;
        group
            .iter()
            .map(|append| {
                let found = match slot(append.expected) {
                    Some(from) => self.same_ids(self.of_stream(&append.stream, from), append)?,
                    None => self.same_ids(self.after(Position(next.checked_sub(1)?)).iter(), append)?,
                };
                next += append.events.len() as u64;
                Some(found.answer)
            })
            .collect()
    }

    fn same_ids<'a>(&self, stored: impl Iterator<Item = &'a StoredEvent>, append: &StreamAppend) -> Option<Found> {
        let stored: Vec<_> = stored.take(append.events.len()).collect();
        let same = stored.len() == append.events.len()
            && stored
                .iter()
                .zip(&append.events)
                .all(|(s, e)| s.id == e.id && s.stream == append.stream);
        let (first, last) = (stored.first()?, stored.last()?);
        let answer = Appended {
            revision: last.revision,
            position: last.position,
            repeated: true,
        };
        same.then_some(Found {
            first: first.position,
            answer,
        })
    }
}

struct Found {
    first: Position,
    answer: Appended,
}

/// The first revision an append would have taken, where its expectation says it.
fn slot(expected: Expected) -> Option<u64> {
    match expected {
        Expected::NoStream => Some(0),
        Expected::Exact(revision) | Expected::Follows(revision) => revision.0.checked_add(1),
        Expected::Exists | Expected::Any => None,
    }
}

fn malformed(group: &[StreamAppend]) -> Option<&StreamAppend> {
    let mut seen = HashSet::with_capacity(group.len());
    group
        .iter()
        .find(|append| append.events.is_empty() || !seen.insert(&append.stream))
}
