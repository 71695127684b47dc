//! Which waiting appends go into one transaction, how they lie in its arrays, and whose answer is whose. Plain data.

use crate::queue::{Answer, Group, Member};
use crate::settings::Settings;
use commands::ports::{AppendError, Appended, Expected};
use domain::event::{Position, Revision, StreamName};
use std::collections::{HashMap, HashSet, VecDeque};

/// Takes from `waiting`, oldest first, what fits into one transaction. A stream occurs once in it (but any number of
/// single `Any` appends to one stream share its place): later appends to the same stream stay, and keep their order. So
/// does what closes a fence and what stands behind it.
pub(crate) fn take(waiting: &mut VecDeque<Group>, settings: &Settings) -> Vec<Group> {
    let mut taken: Vec<Group> = Vec::with_capacity(waiting.len().min(settings.batch_groups));
    let mut left = VecDeque::new();
    let mut shared: HashMap<StreamName, bool> = HashMap::with_capacity(taken.capacity());
    let mut fences: HashSet<StreamName> = HashSet::new();
    let (mut events, mut bytes) = (0, 0);
    while let Some(group) = waiting.pop_front() {
        let full = taken.len() >= settings.batch_groups
            || events + group.events > settings.batch_events
            || bytes + group.bytes > settings.batch_bytes;
        if full && !taken.is_empty() {
            left.push_back(group);
            break;
        }
        let coalescable = group.is_coalescable();
        let free = group
            .members
            .iter()
            .all(|m| shared.get(&m.stream).is_none_or(|open| *open && coalescable) && !fences.contains(&m.stream))
            && group.fence.as_ref().is_none_or(|fence| !shared.contains_key(fence));
        for member in &group.members {
            shared.insert(member.stream.clone(), free && coalescable);
        }
        fences.extend(group.fence.clone());
        if free {
            events += group.events;
            bytes += group.bytes;
            taken.push(group);
        } else {
            left.push_back(group);
        }
    }
    left.append(waiting);
    *waiting = left;
    taken
}

/// One stream of a batch, and which members of which groups are appended to it.
pub(crate) struct Row {
    pub parts: Vec<(usize, usize)>,
}

/// What `es.append_batch` says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub status: i16,
    pub last_revision: i64,
    pub last_position: Option<i64>,
}

/// Lays `groups` (as [`take`] gives them) out in rows; members of a group stand together.
pub(crate) fn rows(groups: &[Group]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(groups.len());
    let mut open: HashMap<&StreamName, usize> = HashMap::new();
    for (g, group) in groups.iter().enumerate() {
        if group.is_coalescable() {
            let row = *open.entry(&group.members[0].stream).or_insert(rows.len());
            if row < rows.len() {
                rows[row].parts.push((g, 0));
                continue;
            }
        }
        rows.extend((0..group.members.len()).map(|m| Row { parts: vec![(g, m)] }));
    }
    rows
}

/// The arguments of `es.append_batch`: per row, then per event; payloads are borrowed.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub category: Vec<&'a str>,
    pub stream: Vec<uuid::Uuid>,
    pub expected: Vec<i64>,
    pub count: Vec<i32>,
    pub group: Vec<i32>,
    pub fence_category: Vec<Option<&'a str>>,
    pub fence: Vec<Option<uuid::Uuid>>,
    pub id: Vec<uuid::Uuid>,
    pub type_name: Vec<&'a str>,
    pub schema: Vec<i16>,
    pub data: Vec<&'a [u8]>,
    pub meta: Vec<&'a [u8]>,
    pub data_digest: Vec<&'a [u8]>,
    pub meta_digest: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    pub fn new(groups: &'a [Group], rows: &[Row]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            let (g, m) = row.parts[0];
            let member = &groups[g].members[m];
            columns.category.push(&member.stream.category);
            columns.stream.push(member.stream.id);
            columns.expected.push(number(member.expected));
            columns.group.push(g as i32);
            let fence = groups[g]
                .fence
                .as_ref()
                .filter(|_| groups[g].fenced_member() == Some(m));
            columns.fence_category.push(fence.map(|fence| &*fence.category));
            columns.fence.push(fence.map(|fence| fence.id));
            let before = columns.id.len();
            row.parts
                .iter()
                .for_each(|(g, m)| columns.push_events(&groups[*g].members[*m]));
            columns.count.push((columns.id.len() - before) as i32);
        }
        columns
    }

    fn push_events(&mut self, member: &'a Member) {
        for digested in &member.events {
            let event = &digested.event;
            self.id.push(event.id);
            self.type_name.push(&event.type_name);
            // smallint is signed: the upper half of the shapes lies below zero
            self.schema.push(event.schema.cast_signed());
            self.data.push(&event.data);
            self.meta.push(&event.meta);
            self.data_digest.push(&digested.data);
            self.meta_digest.push(&digested.meta);
        }
    }
}

/// What nobody's stream will ever reach; sums with it still fit a bigint.
const UNREACHABLE: i64 = 1 << 62;

/// An expectation as the database function takes it.
fn number(expected: Expected) -> i64 {
    match expected {
        Expected::Exact(revision) | Expected::Follows(revision) => {
            i64::try_from(revision.0).unwrap_or(UNREACHABLE).min(UNREACHABLE)
        }
        Expected::NoStream => -1,
        Expected::Any => -2,
        Expected::Exists => -4,
    }
}

/// The answer to each group, given the outcome of each row.
pub(crate) fn answers(groups: &[Group], rows: &[Row], outcomes: &[Outcome]) -> Vec<Answer> {
    let mut answers: Vec<Answer> = groups.iter().map(|g| Ok(Vec::with_capacity(g.members.len()))).collect();
    for (row, outcome) in rows.iter().zip(outcomes) {
        let mut after = 0; // events of this row behind the part looked at
        for (g, m) in row.parts.iter().rev() {
            let member = &groups[*g].members[*m];
            match (&mut answers[*g], outcome.status, outcome.last_position) {
                (Ok(appended), 0 | 1, Some(position)) => appended.push(Appended {
                    revision: Revision(outcome.last_revision.cast_unsigned() - after),
                    position: Position(position.cast_unsigned() - after),
                    repeated: outcome.status == 1,
                }),
                (answer @ Ok(_), 2, _) => {
                    let current = u64::try_from(outcome.last_revision).ok().map(Revision);
                    *answer = Err(AppendError::Conflict {
                        stream: member.stream.clone(),
                        current,
                    });
                }
                (answer @ Ok(_), 4, _) => *answer = Err(AppendError::Fenced),
                // 3: another row of the group says why; an earlier one may have said it already
                _ => {}
            }
            after += member.events.len() as u64;
        }
    }
    answers
}

#[cfg(test)]
mod tests;
