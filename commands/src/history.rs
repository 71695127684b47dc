//! What there was at a moment: read from the events, not from read models.

use crate::execute::{Executor, LoadError};
use domain::{
    event::{Aggregate, DomainEvent, StoredEvent, StreamName},
    id::{CipherId, OrganizationId},
    organization::moment::{Moment, Owner},
    vault::cipher::{Cipher, CipherEvent},
};

/// Events read at once: contents are large, and none of them is kept.
const PAGE: usize = 256;

impl Executor {
    /// An organization as it was when the store had taken what it took before `until` (microseconds since 1970), by the events
    /// of `streams`: all that were ever of it, each with how many events it has, as far as that is known. Read by one question after the
    /// other, so that a long history keeps one connection and not all.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn moment(
        &self,
        organization: OrganizationId,
        streams: &[(StreamName, usize)],
        until: i64,
    ) -> Result<Moment, LoadError> {
        let mut moment = Moment::new(organization);
        let mut rest = streams;
        while let Some((first, _)) = rest.first() {
            let mut events = 0;
            let fits = rest.iter().take_while(|(_, count)| {
                events += count.max(&1);
                events <= PAGE
            });
            let (now, later) = rest.split_at(fits.count().max(1));
            match now {
                [_] => self.take_long(&mut moment, first, until).await?,
                several => {
                    let wanted: Vec<_> = several.iter().map(|(stream, _)| (stream.clone(), 0)).collect();
                    take(&mut moment, &self.stored_of(&wanted).await?, until)?;
                }
            }
            rest = later;
        }
        Ok(moment)
    }

    /// The events of a stream that may have many.
    async fn take_long(&self, moment: &mut Moment, stream: &StreamName, until: i64) -> Result<(), LoadError> {
        let mut from = 0;
        loop {
            let page = self.stored(stream, from, PAGE).await?;
            take(moment, &page, until)?;
            match page.last() {
                Some(last) if page.len() == PAGE => from = last.revision.0 + 1,
                _ => return Ok(()),
            }
        }
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

/// Takes those events that the store had before `until`.
fn take(moment: &mut Moment, events: &[StoredEvent], until: i64) -> Result<(), LoadError> {
    for event in events.iter().filter(|event| event.recorded_at_micros < until) {
        moment.take(event)?;
    }
    Ok(())
}
