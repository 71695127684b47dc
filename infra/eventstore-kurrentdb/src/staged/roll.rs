//! From a committed batch to its streams.

use super::{ABREAST, LONG_RUN, StagedStore, batch, one, unavailable};
use commands::ports::{AppendError, Appended, Expected, READ_PAGE, StreamAppend};
use domain::event::{Revision, StoredEvent, StreamName};
use futures::{StreamExt, TryStreamExt, stream};
use std::time::Duration;
use uuid::Uuid;

/// How often others may be quicker at a stream that takes its events wherever it ends: each time it waits a millisecond longer.
const FOLLOWING: u64 = 48;

/// What became of a committed batch.
pub(super) enum Rolled {
    /// Everything is there.
    Done(Vec<Appended>),
    /// Somebody else has the gate; nothing is there.
    Refused(AppendError),
    /// Something is missing, for somebody else came to a stream behind the gate.
    Short(AppendError),
}

impl Rolled {
    pub(super) fn into_answer(self) -> Result<Vec<Appended>, AppendError> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Refused(conflict) | Self::Short(conflict) => Err(conflict),
        }
    }
}

/// Where the events of an append are that was not as expected.
enum Found {
    /// Stored by an earlier try.
    Stored(Appended),
    /// Nowhere; the stream's last revision.
    Behind(Revision),
}

/// The batch is committed, so "nothing was appended" would be wrong to say.
fn later(error: &AppendError) -> AppendError {
    AppendError::Unavailable(format!("a committed batch goes on later: {error}"))
}

impl StagedStore {
    /// Appends to the streams of batch `id`, committed at revision `committed`, and closes it. Safe to repeat: nobody's
    /// event goes away, so a stream that is not as expected now will not be as expected later.
    ///
    /// The order of the group is kept, except within a run of more than [`LONG_RUN`] streams of one category.
    pub(super) async fn roll(
        &self,
        id: Uuid,
        committed: Revision,
        group: &[StreamAppend],
    ) -> Result<Rolled, AppendError> {
        let Some((gate, others)) = group.split_first() else {
            return Ok(Rolled::Done(Vec::new()));
        };
        let mut answers = match self.append_target(gate).await? {
            Ok(done) => vec![done],
            Err((conflict, stream)) => {
                self.close(id, committed, batch::REFUSED, &[stream], gate).await;
                return Ok(Rolled::Refused(conflict));
            }
        };
        let creates = group.iter().all(|append| append.expected == Expected::NoStream);
        let (mut conflicts, mut begun) = (Vec::new(), 0);
        for run in others.chunk_by(|a, b| a.stream.category == b.stream.category) {
            let abreast = if run.len() > LONG_RUN { ABREAST } else { 1 };
            let appends = stream::iter(run.to_vec()).map(|append| async move { self.append_target(&append).await });
            let mut outcomes = std::pin::pin!(appends.buffered(abreast));
            while let Some(outcome) = outcomes.try_next().await? {
                begun += 1;
                match outcome {
                    Ok(done) => answers.push(done),
                    Err(conflict) => conflicts.push(conflict),
                }
                if abreast == 1 && !creates && !conflicts.is_empty() {
                    break;
                }
            }
            if !creates && !conflicts.is_empty() {
                break;
            }
        }
        let left = others[begun..].iter().map(|append| &append.stream);
        let refused = conflicts.iter().map(|(_, stream)| stream);
        let without: Vec<StreamName> = refused.chain(left).cloned().collect();
        self.close(id, committed, batch::FINISHED, &without, gate).await;
        match conflicts.into_iter().next() {
            None => Ok(Rolled::Done(answers)),
            Some((conflict, stream)) => {
                if creates {
                    tracing::error!(batch.id = %id, stream.category = %stream.category, "a batch was finished without a stream");
                }
                Ok(Rolled::Short(conflict))
            }
        }
    }

    /// The inner error is a conflict and its stream; the outer one leaves the batch open.
    async fn append_target(
        &self,
        append: &StreamAppend,
    ) -> Result<Result<Appended, (AppendError, StreamName)>, AppendError> {
        let mut append = append.clone();
        for lost in 0..FOLLOWING {
            match self.inner.append(vec![append.clone()]).await {
                Ok(answers) => return Ok(Ok(one(answers)?)),
                Err(AppendError::Conflict { .. }) if matches!(append.expected, Expected::Follows(_)) => {
                    // out of step with whoever was quicker, and then from where the stream ends by then
                    tokio::time::sleep(Duration::from_millis(lost)).await;
                    match self.find(&append).await? {
                        Found::Stored(done) => return Ok(Ok(done)),
                        Found::Behind(last) => append.expected = Expected::Follows(last),
                    }
                }
                Err(conflict @ AppendError::Conflict { .. }) => return Ok(Err((conflict, append.stream))),
                Err(error) => return Err(later(&error)),
            }
        }
        Err(later(&AppendError::Busy))
    }

    /// What came to a stream since the revision that was expected: the events of `append`, or those of others only.
    async fn find(&self, append: &StreamAppend) -> Result<Found, AppendError> {
        let mut last = append.expected.revision().unwrap_or(Revision(0));
        loop {
            let page = self.inner.read_stream(&append.stream, last.0 + 1, READ_PAGE).await;
            let page = page.map_err(|error| later(&unavailable(error)))?;
            let ours = |event: &StoredEvent| append.events.last().is_some_and(|ours| ours.id == event.id);
            if let Some(event) = page.iter().find(|event| ours(event)) {
                return Ok(Found::Stored(Appended {
                    revision: event.revision,
                    position: event.position,
                    repeated: true,
                }));
            }
            match page.last() {
                Some(event) => last = event.revision,
                None => return Ok(Found::Behind(last)),
            }
        }
    }

    /// Everybody who rolls a batch comes to the same outcome, so it does not matter who records it. Nor does it harm if
    /// nobody does: resuming would find everything done.
    async fn close(
        &self,
        id: Uuid,
        committed: Revision,
        how: &'static str,
        without: &[StreamName],
        gate: &StreamAppend,
    ) {
        let meta = gate.events.first().map(|event| event.meta.clone()).unwrap_or_default();
        let events = vec![batch::outcome(id, how, without, meta)];
        let expected = Expected::Exact(committed);
        let closing = vec![StreamAppend {
            stream: batch::stream(id),
            expected,
            events,
        }];
        if let Err(error) = self.inner.append(closing).await {
            tracing::debug!(%error, batch.id = %id, "a batch is done and not yet closed");
        }
    }
}
