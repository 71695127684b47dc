//! The service that reads and writes.

use crate::{
    cluster::Shared,
    log::{Decision, Expected, Log, Proposed},
    proto::{
        self,
        streams::{
            AppendReq, AppendResp, DeleteReq, DeleteResp, ReadReq, ReadResp, append_req,
            read_req::options::{AllOptions, CountOption, StreamOption, StreamOptions, uuid_option},
            read_req::options::{all_options::AllOption, stream_options::RevisionOption},
            read_resp,
            streams_server::Streams,
        },
    },
    wire,
};
use futures::stream;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use uuid::Uuid;

/// One node's view of the shared log.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
}

impl Node {
    /// A follower takes what does not insist on the leader (it would pass it on).
    fn check_leader(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let insists = metadata.get("requires-leader").is_some_and(|v| v == "true");
        if insists && self.shared.leader() != self.index {
            return Err(wire::not_leader(self.shared.leader_port()));
        }
        Ok(())
    }

    fn decide(&self, log: &mut Log, stream: &str, expected: Expected, events: Vec<Proposed>) -> Answer {
        let ids: Vec<Uuid> = events.iter().map(|e| e.id).collect();
        match log.check(stream, expected, &ids) {
            Decision::Write => {
                let (revision, position) = log.write(stream, events, crate::cluster::now_ticks());
                Ok(wire::success(revision, Some(position)))
            }
            Decision::Repeated(revision) => {
                let position = log
                    .position_of(stream, revision)
                    .filter(|_| !self.shared.faults.hides_position());
                Ok(wire::success(revision, position))
            }
            Decision::Wrong(current) => Ok(wire::wrong_expected(expected, current)),
            Decision::Corrupt => Err(wire::invalid_transaction()),
            Decision::Deleted => Err(wire::stream_deleted(stream)),
        }
    }

    async fn receive(&self, mut requests: Streaming<AppendReq>) -> Result<(String, Expected, Vec<Proposed>), Status> {
        let Some(AppendReq {
            content: Some(append_req::Content::Options(options)),
        }) = requests.message().await?
        else {
            return Err(Status::invalid_argument("the first message is not the options"));
        };
        let (stream, expected) = wire::expected(options)?;
        let (mut events, mut size) = (Vec::new(), 0);
        while let Some(request) = requests.message().await? {
            let Some(append_req::Content::ProposedMessage(message)) = request.content else {
                return Err(Status::invalid_argument("a message is not an event"));
            };
            let event = wire::proposed(message)?;
            size += event.size();
            if size > self.shared.max_append_bytes {
                return Err(wire::too_large(self.shared.max_append_bytes));
            }
            events.push(event);
        }
        Ok((stream, expected, events))
    }

    fn delete_with(
        &self,
        request: Request<DeleteReq>,
        how: fn(&mut Log, &str) -> u64,
    ) -> Result<Response<DeleteResp>, Status> {
        self.check_leader(request.metadata())?;
        let options = request
            .into_inner()
            .options
            .ok_or_else(|| Status::invalid_argument("options are missing"))?;
        let (stream, expected) = wire::expected(options)?;
        let mut log = self.shared.log();
        match log.check(&stream, expected, &[Uuid::nil()]) {
            Decision::Write => Ok(Response::new(wire::deleted_at(how(&mut log, &stream)))),
            Decision::Deleted => Err(wire::stream_deleted(&stream)),
            other => Err(Status::failed_precondition(format!(
                "the stream is not as expected: {other:?}"
            ))),
        }
    }
}

type Answer = Result<AppendResp, Status>;

#[tonic::async_trait]
impl Streams for Node {
    type ReadStream = stream::Iter<std::vec::IntoIter<Result<ReadResp, Status>>>;

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        let faults = &self.shared.faults;
        let _counted = faults.append_begins();
        self.check_leader(request.metadata())?;
        let (stream, expected, events) = self.receive(request.into_inner()).await?;
        tokio::time::sleep(faults.delay_of_appends()).await;
        if faults.takes_refusal() {
            return Err(Status::unavailable("Server Is Too Busy"));
        }
        if faults.takes_not_leader() {
            return Err(wire::not_leader(self.shared.leader_port()));
        }
        let answer = self.decide(&mut self.shared.log(), &stream, expected, events)?;
        if faults.takes_lost_ack() {
            return Err(Status::unavailable("the connection broke"));
        }
        if faults.takes_time_out() {
            return Err(Status::aborted("Operation timed out: not replicated in time"));
        }
        Ok(Response::new(answer))
    }

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        self.check_leader(request.metadata())?;
        if self.shared.faults.takes_failed_read() {
            return Err(Status::unavailable("Server Is Too Busy"));
        }
        let options = request
            .into_inner()
            .options
            .ok_or_else(|| Status::invalid_argument("options are missing"))?;
        let Some(CountOption::Count(count)) = options.count_option else {
            return Err(Status::unimplemented("subscriptions"));
        };
        let structured = matches!(
            options.uuid_option.and_then(|o| o.content),
            Some(uuid_option::Content::Structured(_)) | None
        );
        let compatible = options.control_option.is_some_and(|o| o.compatibility > 0);
        let backwards = options.read_direction == 1;
        let log = self.shared.log();
        let answers = match options.stream_option {
            Some(StreamOption::All(all)) => {
                let from = all_from(all);
                if from.is_some_and(|from| !log.is_position(from)) {
                    return Err(Status::invalid_argument("the position is none of a record"));
                }
                let records = log.read_all(from, backwards, count).into_iter();
                records.map(|r| wire::read_event(r, structured)).collect()
            }
            Some(StreamOption::Stream(one)) => read_one(&log, one, backwards, count, structured, compatible)?,
            None => return Err(Status::invalid_argument("no stream is named")),
        };
        Ok(Response::new(stream::iter(
            answers.into_iter().map(Ok).collect::<Vec<_>>(),
        )))
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.delete_with(request, |log, stream| {
            let record = system_event("$metadata", br#"{"$tb":9223372036854775807}"#);
            let (_, position) = log.write(&format!("$${stream}"), vec![record], crate::cluster::now_ticks());
            log.delete_softly(stream);
            position
        })
    }

    async fn tombstone(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        self.delete_with(request, |log, stream| {
            let (_, position) = log.write(
                stream,
                vec![system_event("$streamDeleted", b"")],
                crate::cluster::now_ticks(),
            );
            log.tombstone(stream);
            position
        })
    }
}

/// An event the server writes itself.
pub(crate) fn system_event(type_name: &str, data: &'static [u8]) -> Proposed {
    #[allow(clippy::disallowed_methods, reason = "the server makes the ids of its own events")]
    let id = Uuid::new_v4();
    Proposed {
        id,
        type_name: type_name.to_owned(),
        content_type: "application/json".to_owned(),
        data: data.into(),
        metadata: bytes::Bytes::new(),
    }
}

fn all_from(all: AllOptions) -> Option<u64> {
    match all.all_option {
        Some(AllOption::Position(position)) => Some(position.commit_position),
        _ => None,
    }
}

fn read_one(
    log: &Log,
    one: StreamOptions,
    backwards: bool,
    count: u64,
    structured: bool,
    compatible: bool,
) -> Result<Vec<ReadResp>, Status> {
    let from = match one.revision_option {
        Some(RevisionOption::Revision(revision)) => Some(revision),
        _ => None,
    };
    let stream = wire::stream_name(one.stream_identifier)?;
    match log.read(&stream, from, backwards, count) {
        None => {
            let missing = read_resp::StreamNotFound {
                stream_identifier: Some(wire::identifier(&stream)),
            };
            Ok(vec![wire::content(read_resp::Content::StreamNotFound(missing))])
        }
        Some(Err(())) => Err(wire::stream_deleted(&stream)),
        Some(Ok(records)) => {
            let mut answers: Vec<_> = records.into_iter().map(|r| wire::read_event(r, structured)).collect();
            if let Some(last) = log.last_revision(&stream).filter(|_| compatible) {
                answers.push(wire::content(read_resp::Content::LastStreamPosition(last)));
            }
            Ok(answers)
        }
    }
}

#[tonic::async_trait]
impl proto::server_features::server_features_server::ServerFeatures for Node {
    async fn get_supported_methods(
        &self,
        _: Request<proto::Empty>,
    ) -> Result<Response<proto::server_features::SupportedMethods>, Status> {
        Ok(Response::new(proto::server_features::SupportedMethods {
            methods: Vec::new(),
            event_store_server_version: "24.10.0".to_owned(),
        }))
    }
}

#[tonic::async_trait]
impl proto::gossip::gossip_server::Gossip for Node {
    async fn read(&self, _: Request<proto::Empty>) -> Result<Response<proto::gossip::ClusterInfo>, Status> {
        Ok(Response::new(proto::gossip::ClusterInfo {
            members: self.shared.members(),
        }))
    }
}
