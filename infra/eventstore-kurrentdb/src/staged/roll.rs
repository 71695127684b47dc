//! From a committed batch to its streams.

use super::{ABREAST, LONG_RUN, StagedStore, batch, one};
use commands::ports::{AppendError, Appended, Expected, StreamAppend};
use domain::event::{Revision, StreamName};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

/// What became of a committed batch.
pub(super) enum Rolled {
    /// Everything is there.
    Done(Vec<Appended>),
    /// Somebody else has the gate; nothing is there.
    Refused(AppendError),
    /// Everything is there but a stream that somebody else has, against the rule that only the gate is contested.
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

impl StagedStore {
    /// Appends the streams of batch `id`, committed at revision `committed`, and closes it. Safe to repeat.
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
        let mut conflicts = Vec::new();
        for run in others.chunk_by(|a, b| a.stream.category == b.stream.category) {
            let abreast = if run.len() > LONG_RUN { ABREAST } else { 1 };
            let appends = stream::iter(run.to_vec()).map(|append| async move { self.append_target(&append).await });
            for outcome in appends.buffered(abreast).try_collect::<Vec<_>>().await? {
                match outcome {
                    Ok(done) => answers.push(done),
                    Err(conflict) => conflicts.push(conflict),
                }
            }
        }
        let without: Vec<StreamName> = conflicts.iter().map(|(_, stream)| stream.clone()).collect();
        self.close(id, committed, batch::FINISHED, &without, gate).await;
        match conflicts.into_iter().next() {
            None => Ok(Rolled::Done(answers)),
            Some((conflict, stream)) => {
                tracing::error!(batch.id = %id, stream.category = %stream.category, "a batch was finished without a stream");
                Ok(Rolled::Short(conflict))
            }
        }
    }

    /// The inner error is a conflict and its stream; the outer one leaves the batch open.
    async fn append_target(
        &self,
        append: &StreamAppend,
    ) -> Result<Result<Appended, (AppendError, StreamName)>, AppendError> {
        match self.inner.append(vec![append.clone()]).await {
            Ok(answers) => Ok(Ok(one(answers)?)),
            Err(conflict @ AppendError::Conflict { .. }) => Ok(Err((conflict, append.stream.clone()))),
            // committed, so "nothing was appended" would be wrong to say
            Err(error) => Err(AppendError::Unavailable(format!(
                "a committed batch goes on later: {error}"
            ))),
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
