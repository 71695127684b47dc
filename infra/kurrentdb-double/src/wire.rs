//! Between messages and the log; answers in the form the server gives them.

use crate::{
    log::{Expected, Proposed, Record},
    proto::{
        self,
        streams::{
            AppendResp, ExpectedOptions, ReadResp,
            append_req::ProposedMessage,
            append_resp::{self, WrongExpectedVersion, success, wrong_expected_version},
            expected_options::ExpectedStreamRevision,
            read_resp,
        },
    },
};
use std::collections::HashMap;
use tonic::{Code, Status, metadata::MetadataMap};
use uuid::Uuid;

pub(crate) fn stream_name(id: Option<proto::StreamIdentifier>) -> Result<String, Status> {
    let name = id
        .ok_or_else(|| Status::invalid_argument("stream identifier is missing"))?
        .stream_name;
    String::from_utf8(name.to_vec()).map_err(|_| Status::invalid_argument("stream name is not UTF-8"))
}

pub(crate) fn expected(options: ExpectedOptions) -> Result<(String, Expected), Status> {
    let stream = stream_name(options.stream_identifier)?;
    let expected = match options.expected_stream_revision {
        Some(ExpectedStreamRevision::Revision(revision)) => Expected::Exact(revision),
        Some(ExpectedStreamRevision::NoStream(_)) => Expected::NoStream,
        Some(ExpectedStreamRevision::Any(_)) => Expected::Any,
        Some(ExpectedStreamRevision::StreamExists(_)) => Expected::Exists,
        None => return Err(Status::invalid_argument("expected revision is missing")),
    };
    Ok((stream, expected))
}

pub(crate) fn proposed(mut message: ProposedMessage) -> Result<Proposed, Status> {
    let mut required = |name: &str| {
        let missing = || Status::invalid_argument(format!("Required Metadata Property '{name}' is missing"));
        message.metadata.remove(name).ok_or_else(missing)
    };
    let (type_name, content_type) = (required("type")?, required("content-type")?);
    let id = message
        .id
        .and_then(uuid)
        .ok_or_else(|| Status::invalid_argument("event id is missing"))?;
    Ok(Proposed {
        id,
        type_name,
        content_type,
        data: message.data,
        metadata: message.custom_metadata,
    })
}

fn uuid(wire: proto::Uuid) -> Option<Uuid> {
    match wire.value? {
        proto::uuid::Value::String(text) => text.parse().ok(),
        proto::uuid::Value::Structured(s) => Some(Uuid::from_u64_pair(
            s.most_significant_bits as u64,
            s.least_significant_bits as u64,
        )),
    }
}

pub(crate) fn wire_uuid(id: Uuid, structured: bool) -> proto::Uuid {
    let value = if structured {
        let (high, low) = id.as_u64_pair();
        let (most_significant_bits, least_significant_bits) = (high as i64, low as i64);
        proto::uuid::Value::Structured(proto::uuid::Structured {
            most_significant_bits,
            least_significant_bits,
        })
    } else {
        proto::uuid::Value::String(id.to_string())
    };
    proto::Uuid { value: Some(value) }
}

fn position(at: u64) -> proto::LogPosition {
    proto::LogPosition {
        commit_position: at,
        prepare_position: at,
    }
}

pub(crate) fn success(revision: u64, at: Option<u64>) -> AppendResp {
    use success::{CurrentRevisionOption, PositionOption};
    let position = at.map_or(PositionOption::NoPosition(proto::Empty {}), |at| {
        PositionOption::Position(position(at))
    });
    AppendResp {
        result: Some(append_resp::Result::Success(append_resp::Success {
            current_revision_option: Some(CurrentRevisionOption::CurrentRevision(revision)),
            position_option: Some(position),
        })),
    }
}

pub(crate) fn wrong_expected(expected: Expected, current: Option<u64>) -> AppendResp {
    use wrong_expected_version::{CurrentRevisionOption, ExpectedRevisionOption};
    let none = proto::Empty {};
    let current = current.map_or(
        CurrentRevisionOption::CurrentNoStream(none),
        CurrentRevisionOption::CurrentRevision,
    );
    let expected = match expected {
        Expected::Any => ExpectedRevisionOption::ExpectedAny(none),
        Expected::Exists => ExpectedRevisionOption::ExpectedStreamExists(none),
        Expected::NoStream => ExpectedRevisionOption::ExpectedNoStream(none),
        Expected::Exact(revision) => ExpectedRevisionOption::ExpectedRevision(revision),
    };
    AppendResp {
        result: Some(append_resp::Result::WrongExpectedVersion(WrongExpectedVersion {
            current_revision_option: Some(current),
            expected_revision_option: Some(expected),
        })),
    }
}

pub(crate) fn deleted_at(at: u64) -> proto::streams::DeleteResp {
    use proto::streams::delete_resp::PositionOption;
    proto::streams::DeleteResp {
        position_option: Some(PositionOption::Position(position(at))),
    }
}

pub(crate) fn read_event(record: &Record, structured: bool) -> ReadResp {
    let metadata = HashMap::from([
        ("type".to_owned(), record.event.type_name.clone()),
        ("content-type".to_owned(), record.event.content_type.clone()),
        ("created".to_owned(), record.ticks.to_string()),
    ]);
    let event = read_resp::read_event::RecordedEvent {
        id: Some(wire_uuid(record.event.id, structured)),
        stream_identifier: Some(identifier(&record.stream)),
        stream_revision: record.revision,
        prepare_position: record.position,
        commit_position: record.position,
        metadata,
        custom_metadata: record.event.metadata.clone(),
        data: record.event.data.clone(),
    };
    let position = Some(read_resp::read_event::Position::CommitPosition(record.position));
    content(read_resp::Content::Event(read_resp::ReadEvent {
        event: Some(event),
        position,
    }))
}

pub(crate) fn content(content: read_resp::Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

pub(crate) fn identifier(stream: &str) -> proto::StreamIdentifier {
    proto::StreamIdentifier {
        stream_name: stream.to_owned().into(),
    }
}

/// A refusal with the trailers by which clients tell refusals apart.
fn refusal(code: Code, message: String, trailers: &[(&'static str, String)]) -> Status {
    let mut metadata = MetadataMap::new();
    for (key, value) in trailers {
        if let Ok(value) = value.parse() {
            metadata.insert(*key, value);
        }
    }
    Status::with_metadata(code, message, metadata)
}

pub(crate) fn not_leader(port: u16) -> Status {
    refusal(
        Code::NotFound,
        "Leader info available".into(),
        &[
            ("exception", "not-leader".into()),
            ("leader-endpoint-host", "127.0.0.1".into()),
            ("leader-endpoint-port", port.to_string()),
        ],
    )
}

pub(crate) fn stream_deleted(stream: &str) -> Status {
    refusal(
        Code::FailedPrecondition,
        format!("Event stream '{stream}' is deleted."),
        &[
            ("exception", "stream-deleted".into()),
            ("stream-name", stream.to_owned()),
        ],
    )
}

pub(crate) fn too_large(limit: usize) -> Status {
    refusal(
        Code::InvalidArgument,
        format!("Maximum Append Size of {limit} Exceeded."),
        &[
            ("exception", "maximum-append-size-exceeded".into()),
            ("maximum-append-size", limit.to_string()),
        ],
    )
}

pub(crate) fn invalid_transaction() -> Status {
    refusal(
        Code::InvalidArgument,
        "Invalid Transaction".into(),
        &[("exception", "invalid-transaction".into())],
    )
}
