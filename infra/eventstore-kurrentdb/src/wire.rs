//! Our events as KurrentDB's, and back.
//!
//! The shape of an event's data (`schema`) has no place of its own there. It stands with our metadata in the event's user
//! metadata: `{"schema":1,"meta":…}`. The bytes after `"meta":` are ours, unchanged.

use bytes::{BufMut, Bytes, BytesMut};
use commands::ports::{Expected, StreamAppend};
use domain::event::{NewEvent, Position, Revision, StoredEvent};
use eventstore::{EventData, ExpectedRevision, RecordedEvent};
use serde_json::value::RawValue;

const OPENING: &[u8] = b"{\"schema\":";
const MIDDLE: &[u8] = b",\"meta\":";
const CLOSING: u8 = b'}';

/// What a stream must be like, in the client's words.
pub(crate) fn expected(expected: Expected) -> ExpectedRevision {
    match expected {
        Expected::Exact(Revision(revision)) | Expected::Follows(Revision(revision)) => {
            ExpectedRevision::Exact(revision)
        }
        Expected::NoStream => ExpectedRevision::NoStream,
        Expected::Exists => ExpectedRevision::StreamExists,
        Expected::Any => ExpectedRevision::Any,
    }
}

/// How the server counts an append against its limit: data, user metadata, and the type name in UTF-16.
pub(crate) fn size(append: &StreamAppend) -> usize {
    append.events.iter().map(size_of_event).sum()
}

pub(crate) fn size_of_event(event: &NewEvent) -> usize {
    event.data.len() + event.meta.len() + frame_len(event.schema) + 2 * event.type_name.len()
}

fn frame_len(schema: u16) -> usize {
    OPENING.len() + schema.to_string().len() + MIDDLE.len() + 1
}

/// An event to append.
pub(crate) fn event_data(event: &NewEvent) -> EventData {
    // the client marks an event as JSON only if it may serialise it; bytes it would change go as they are
    let data = match serde_json::from_slice::<&RawValue>(&event.data) {
        Ok(json) if json.get().len() == event.data.len() => EventData::json(&event.type_name, &json).ok(),
        _ => None,
    };
    data.unwrap_or_else(|| EventData::binary(&event.type_name, event.data.clone()))
        .id(event.id)
        .metadata(framed(event.schema, &event.meta))
}

fn framed(schema: u16, meta: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(meta.len() + frame_len(schema));
    frame.put_slice(OPENING);
    frame.put_slice(schema.to_string().as_bytes());
    frame.put_slice(MIDDLE);
    frame.put_slice(meta);
    frame.put_u8(CLOSING);
    frame.freeze()
}

/// Schema and metadata; `None` if it is not a frame of ours.
fn unframed(frame: &Bytes) -> Option<(u16, Bytes)> {
    let rest = frame.strip_prefix(OPENING)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let schema = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let meta = rest[digits..].strip_prefix(MIDDLE)?.strip_suffix(&[CLOSING])?;
    Some((schema, frame.slice_ref(meta)))
}

/// Whether the server wrote it for itself: streams and types that begin with `$`.
fn of_the_server(event: &RecordedEvent) -> bool {
    event.stream_id.starts_with('$') || event.event_type.starts_with('$')
}

/// A stored event of ours; `None` if it belongs to the server or to a stream that is not named as ours are.
///
/// An event in one of our streams that we did not write gets schema 0, which no decoder knows: it is not passed over.
pub(crate) fn stored_event(event: RecordedEvent) -> Option<StoredEvent> {
    if of_the_server(&event) {
        return None;
    }
    let stream = event.stream_id.parse().ok()?;
    let (schema, meta) = unframed(&event.custom_metadata).unwrap_or_else(|| (0, event.custom_metadata.clone()));
    Some(StoredEvent {
        position: Position(event.position.commit),
        stream,
        revision: Revision(event.revision),
        id: event.id,
        recorded_at_micros: recorded_at_micros(&event),
        type_name: event.event_type.into(),
        schema,
        data: event.data,
        meta,
    })
}

/// The server says it in ticks of 100 ns since 1970. The client's own reading of it stops at whole seconds.
fn recorded_at_micros(event: &RecordedEvent) -> i64 {
    let ticks = event
        .metadata
        .get("created")
        .and_then(|ticks| ticks.parse::<i64>().ok());
    ticks.map_or_else(|| event.created.timestamp_micros(), |ticks| ticks / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back_byte_for_byte() {
        for meta in ["{}", " { \"a\" : \"}\" } ", "{\"schema\":7,\"meta\":{}}", "", "\u{fc}"] {
            let frame = framed(12, &Bytes::from(meta));
            assert_eq!(unframed(&frame), Some((12, Bytes::from(meta))));
        }
    }

    #[test]
    fn what_is_no_frame_is_not_taken_for_one() {
        for other in [
            "",
            "{}",
            "{\"schema\":}",
            "{\"schema\":1}",
            "{\"schema\":99999,\"meta\":{}}",
            "{\"schema\":-1,\"meta\":1}",
        ] {
            assert_eq!(unframed(&Bytes::from(other)), None, "{other}");
        }
    }

    #[test]
    fn the_frame_is_counted_as_long_as_it_is() {
        for schema in [0, 9, 10, u16::MAX] {
            assert_eq!(framed(schema, &Bytes::from_static(b"{}")).len(), frame_len(schema) + 2);
        }
    }
}
