//! What there was at a moment: read from the events, not from read models.

use crate::{
    execute::{Executor, LoadError},
    ports::READ_PAGE,
};
use domain::{
    event::{Aggregate, DomainEvent, StoredEvent, StreamName},
    id::{CipherId, OrganizationId},
    organization::moment::{Moment, Owner},
    vault::cipher::{Cipher, CipherEvent},
};

/// Streams read at once.
const STREAMS: usize = READ_PAGE / 4;

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
        for some in streams.chunks(STREAMS) {
            for event in self.until(some, until).await? {
                moment.take(&event)?;
            }
        }
        Ok(moment)
    }

    /// Whose an item was then; `None` if it was not there.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn owner_of(&self, cipher: CipherId, until: i64) -> Result<Option<Owner>, LoadError> {
        let mut owner = None;
        for stored in self.until(&[Cipher::stream(cipher)], until).await? {
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
        Ok(owner)
    }

    async fn until(&self, streams: &[StreamName], until: i64) -> Result<Vec<StoredEvent>, LoadError> {
        let wanted: Vec<_> = streams.iter().map(|stream| (stream.clone(), 0)).collect();
        let read = self.stored(&wanted).await?.into_iter().flatten();
        Ok(read.filter(|event| event.recorded_at_micros < until).collect())
    }
}
