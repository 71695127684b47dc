//! What there was at a moment: read from the events, not from read models.

use crate::execute::{Executor, LoadError};
use domain::{
    event::{Aggregate, DomainEvent, StoredEvent, StreamName},
    id::{CipherId, OrganizationId},
    organization::moment::{Moment, Owner},
    vault::cipher::{Cipher, CipherEvent},
};
use futures::StreamExt;

/// Streams read at the same time, and events of each: contents are large, and none of them is kept.
const ABREAST: usize = 2;
const PAGE: usize = 32;

impl Executor {
    /// An organization as it was when the store had taken what it took before `until` (microseconds since 1970), by the events
    /// of `streams`: all that were ever of it.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn moment(
        &self,
        organization: OrganizationId,
        streams: &[StreamName],
        until: i64,
    ) -> Result<Moment, LoadError> {
        let mut moment = Moment::new(organization);
        let reading = futures::stream::iter(streams.iter().cloned()).map(|stream| self.first_of(stream));
        let mut reading = std::pin::pin!(reading.buffer_unordered(ABREAST));
        while let Some(first) = reading.next().await {
            let (stream, mut page) = first?;
            loop {
                let next = page
                    .last()
                    .map(|event| event.revision.0 + 1)
                    .filter(|_| page.len() == PAGE);
                for event in page.iter().filter(|event| event.recorded_at_micros < until) {
                    moment.take(event)?;
                }
                let Some(next) = next else { break };
                page = self.stored(&stream, next, PAGE).await?;
            }
        }
        Ok(moment)
    }

    async fn first_of(&self, stream: StreamName) -> Result<(StreamName, Vec<StoredEvent>), LoadError> {
        let page = self.stored(&stream, 0, PAGE).await?;
        Ok((stream, page))
    }

    /// Whose an item was then; `None` if it was not there.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn owner_of(&self, cipher: CipherId, until: i64) -> Result<Option<Owner>, LoadError> {
        let (mut owner, mut from) = (None, 0);
        loop {
            let page = self.stored(&Cipher::stream(cipher), from, PAGE).await?;
            for stored in page.iter().filter(|event| event.recorded_at_micros < until) {
                match CipherEvent::decode(&stored.type_name, stored.schema, &stored.data)? {
                    CipherEvent::Created {
                        owner: by,
                        organization,
                        ..
                    } => owner = Some(organization.map_or(Owner::Person(by), Owner::Organization)),
                    CipherEvent::Shared { organization, .. } => owner = Some(Owner::Organization(organization)),
                    CipherEvent::Deleted { .. } => owner = None,
                    _ => {}
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => from = last.revision.0 + 1,
                _ => return Ok(owner),
            }
        }
    }
}
