//! What stands in the stream of a batch.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use commands::ports::{AppendError, EventStore, Expected, ReadError, StreamAppend};
use domain::event::{NewEvent, Revision, StoredEvent, StreamName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::HashMap};
use uuid::Uuid;

pub(super) const CATEGORY: &str = "batch";
const STAGED: &str = "BatchStaged";
pub(super) const COMMITTED: &str = "BatchCommitted";
pub(super) const FINISHED: &str = "BatchFinished";
pub(super) const REFUSED: &str = "BatchRefused";

/// The most bytes of JSON in one `BatchStaged`; less if the store takes less.
pub const PART_BYTES: usize = 900_000;
/// What an append may have besides the JSON of its events: metadata, names.
const ROOM: usize = 16 * 1024;
/// What the JSON of an event has besides its data and metadata, and that of a stream besides its events; generous.
const EVENT_BYTES: usize = 160;
const STREAM_BYTES: usize = 120;
/// How many events of a batch are read at once; each may have [`PART_BYTES`].
const PAGE: usize = 4;

/// Data of `BatchStaged`: events of streams in the order of the group. A stream may go on in the next part.
#[derive(Default, Serialize, Deserialize)]
struct Part {
    streams: Vec<Fragment>,
}

#[derive(Serialize, Deserialize)]
struct Fragment {
    stream: String,
    #[serde(default, skip_serializing_if = "Was::is_absent")]
    was: Was,
    events: Vec<Copy>,
}

/// What was expected of a stream.
#[derive(Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Was {
    #[default]
    Absent,
    At(u64),
    Before(u64),
    There,
    Whatever,
}

impl Was {
    fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl From<Expected> for Was {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::NoStream => Self::Absent,
            Expected::Exact(Revision(revision)) => Self::At(revision),
            Expected::Follows(Revision(revision)) => Self::Before(revision),
            Expected::Exists => Self::There,
            Expected::Any => Self::Whatever,
        }
    }
}

impl From<Was> for Expected {
    fn from(was: Was) -> Self {
        match was {
            Was::Absent => Self::NoStream,
            Was::At(revision) => Self::Exact(Revision(revision)),
            Was::Before(revision) => Self::Follows(Revision(revision)),
            Was::There => Self::Exists,
            Was::Whatever => Self::Any,
        }
    }
}

/// An event; its bytes in base64, for they must come back as they are.
#[derive(Serialize, Deserialize)]
struct Copy {
    id: Uuid,
    #[serde(rename = "type")]
    type_name: String,
    schema: u16,
    data: String,
    meta: String,
}

/// Data of `BatchCommitted`.
#[derive(Clone, Serialize, Deserialize)]
struct Committed {
    /// How many streams the batch appends to.
    streams: usize,
    parts: Vec<PartName>,
}

#[derive(Clone, Serialize, Deserialize)]
struct PartName {
    /// The id of the `BatchStaged`.
    id: Uuid,
    /// Of its data, hexadecimal.
    sha256: String,
}

/// Data of `BatchFinished` (the streams that got nothing) and of `BatchRefused` (the gate).
#[derive(Serialize)]
struct Outcome<'a> {
    without: &'a [String],
}

/// A group, ready to be written as a batch.
pub(super) struct Staging {
    pub(super) id: Uuid,
    parts: Vec<NewEvent>,
    commit: NewEvent,
    /// For data, in one append.
    budget: usize,
}

/// The stream of a batch.
pub(super) fn stream(id: Uuid) -> StreamName {
    StreamName::new(CATEGORY, id)
}

fn bookkeeping(id: Uuid, type_name: &'static str, data: Bytes, meta: Bytes) -> NewEvent {
    NewEvent {
        id,
        type_name: Cow::Borrowed(type_name),
        schema: 1,
        data,
        meta,
    }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("strings, numbers and lists are JSON")
        .into()
}

fn sha256(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id of a group's batch. A command that decides anew has the same ids for its events, and other expectations.
fn id_of(group: &[StreamAppend], first: Uuid) -> Uuid {
    if group.iter().all(|append| append.expected == Expected::NoStream) {
        return Uuid::new_v5(&first, b"batch");
    }
    let expectations: Vec<_> = group
        .iter()
        .map(|append| (append.stream.to_string(), Was::from(append.expected)))
        .collect();
    Uuid::new_v5(&first, &Sha256::digest(json(&expectations)))
}

/// Prepares `group` for a store that takes `max` bytes at once. The group is not empty, and no stream in it is.
pub(super) fn stage(group: &[StreamAppend], max: usize) -> Result<Staging, AppendError> {
    let budget = PART_BYTES.min(max.saturating_sub(ROOM));
    let first = group.first().and_then(|append| append.events.first());
    let first = first.ok_or_else(|| AppendError::Unavailable("a group without events".to_owned()))?;
    let id = id_of(group, first.id);
    let part = |part: Part| {
        let data = json(&part);
        bookkeeping(
            Uuid::new_v5(&id, &Sha256::digest(&data)),
            STAGED,
            data,
            first.meta.clone(),
        )
    };
    let parts: Vec<NewEvent> = cut(group, budget)?.into_iter().map(part).collect();
    let names = parts
        .iter()
        .map(|part| PartName {
            id: part.id,
            sha256: sha256(&part.data),
        })
        .collect();
    let committed = json(&Committed {
        streams: group.len(),
        parts: names,
    });
    let commit = bookkeeping(
        Uuid::new_v5(&id, b"committed"),
        COMMITTED,
        committed,
        first.meta.clone(),
    );
    Ok(Staging {
        id,
        parts,
        commit,
        budget,
    })
}

/// Parts of at most `budget` bytes of JSON each.
fn cut(group: &[StreamAppend], budget: usize) -> Result<Vec<Part>, AppendError> {
    let base64_len = |bytes: &Bytes| bytes.len().div_ceil(3) * 4;
    let (mut parts, mut size) = (vec![Part::default()], 0);
    for append in group {
        let stream = append.stream.to_string();
        let empty = || Fragment {
            stream: stream.clone(),
            was: append.expected.into(),
            events: Vec::new(),
        };
        let mut fragment = empty();
        size += STREAM_BYTES;
        for event in &append.events {
            let len = base64_len(&event.data) + base64_len(&event.meta) + event.type_name.len() + EVENT_BYTES;
            if len + STREAM_BYTES > budget {
                return Err(AppendError::TooLarge);
            }
            if size + len > budget {
                push(&mut parts, std::mem::replace(&mut fragment, empty()));
                parts.push(Part::default());
                size = STREAM_BYTES;
            }
            size += len;
            fragment.events.push(Copy::of(event));
        }
        push(&mut parts, fragment);
    }
    Ok(parts)
}

fn push(parts: &mut [Part], fragment: Fragment) {
    if let (Some(part), false) = (parts.last_mut(), fragment.events.is_empty()) {
        part.streams.push(fragment);
    }
}

impl Staging {
    /// The appends that commit this group, given what of it is there already. The last event is the commit.
    pub(super) fn appends(&self, there: &Batch) -> Vec<Vec<NewEvent>> {
        let missing = self.parts.iter().filter(|part| !there.parts.contains_key(&part.id));
        let mut appends: Vec<Vec<NewEvent>> = missing.map(|part| vec![part.clone()]).collect();
        match appends.last_mut() {
            Some(last) if last[0].data.len() + self.commit.data.len() <= self.budget => last.push(self.commit.clone()),
            _ => appends.push(vec![self.commit.clone()]),
        }
        appends
    }
}

impl Copy {
    fn of(event: &NewEvent) -> Self {
        Self {
            id: event.id,
            type_name: event.type_name.to_string(),
            schema: event.schema,
            data: STANDARD.encode(&event.data),
            meta: STANDARD.encode(&event.meta),
        }
    }

    fn into_event(self) -> Option<NewEvent> {
        let bytes = |text: String| STANDARD.decode(text).ok().map(Bytes::from);
        Some(NewEvent {
            id: self.id,
            type_name: Cow::Owned(self.type_name),
            schema: self.schema,
            data: bytes(self.data)?,
            meta: bytes(self.meta)?,
        })
    }
}

/// The stream of a batch as it was read.
pub(super) struct Batch {
    pub(super) id: Uuid,
    /// Its last revision.
    pub(super) last: Option<Revision>,
    parts: HashMap<Uuid, Bytes>,
    committed: Option<(Revision, Bytes)>,
    /// Nothing is left to be done.
    pub(super) closed: bool,
}

impl Batch {
    pub(super) async fn load(store: &dyn EventStore, id: Uuid) -> Result<Self, ReadError> {
        let stream = stream(id);
        let mut batch = Self {
            id,
            last: None,
            parts: HashMap::new(),
            committed: None,
            closed: false,
        };
        loop {
            let page = store
                .read_stream(&stream, batch.last.map_or(0, |last| last.0 + 1), PAGE)
                .await?;
            let short = page.len() < PAGE;
            page.into_iter().for_each(|event| batch.take(event));
            if short {
                return Ok(batch);
            }
        }
    }

    fn take(&mut self, event: StoredEvent) {
        self.last = Some(event.revision);
        match &*event.type_name {
            STAGED => {
                self.parts.insert(event.id, event.data);
            }
            COMMITTED => self.committed = Some((event.revision, event.data)),
            FINISHED | REFUSED => self.closed = true,
            _ => {}
        }
    }

    /// Where it was committed, if it was.
    pub(super) fn committed(&self) -> Option<Revision> {
        self.committed.as_ref().map(|(revision, _)| *revision)
    }

    /// Where it was committed, and what is to be appended: checked against the digests of the commit.
    pub(super) fn content(&self) -> Result<(Revision, Vec<StreamAppend>), AppendError> {
        let damaged = || AppendError::Unavailable(format!("batch {} does not hold what was committed", self.id));
        let (revision, committed) = self.committed.as_ref().ok_or_else(damaged)?;
        let committed: Committed = serde_json::from_slice(committed).map_err(|_| damaged())?;
        let mut group: Vec<StreamAppend> = Vec::with_capacity(committed.streams);
        for name in &committed.parts {
            let data = self
                .parts
                .get(&name.id)
                .filter(|data| sha256(data) == name.sha256)
                .ok_or_else(damaged)?;
            let part: Part = serde_json::from_slice(data).map_err(|_| damaged())?;
            for fragment in part.streams {
                let stream: StreamName = fragment.stream.parse().map_err(|_| damaged())?;
                let copies = fragment.events.into_iter().map(Copy::into_event);
                let events = copies.collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
                match group.last_mut() {
                    Some(last) if last.stream == stream => last.events.extend(events),
                    _ => group.push(StreamAppend {
                        stream,
                        expected: fragment.was.into(),
                        events,
                    }),
                }
            }
        }
        if group.len() != committed.streams {
            return Err(damaged());
        }
        Ok((*revision, group))
    }
}

/// The event that closes a batch.
pub(super) fn outcome(id: Uuid, type_name: &'static str, without: &[StreamName], meta: Bytes) -> NewEvent {
    let without: Vec<String> = without.iter().map(ToString::to_string).collect();
    bookkeeping(
        Uuid::new_v5(&id, b"outcome"),
        type_name,
        json(&Outcome { without: &without }),
        meta,
    )
}

#[cfg(test)]
mod tests;
