//! Sealing and opening the personal values of events: find them all, fetch the keys in one go, splice.

use crate::Keyring;
use crate::data_key::Refused;
use crate::envelope::{self, Binding, Part, Scratch};
use crate::spots::Spots;
use async_trait::async_trait;
use commands::ports::{Seal, SealError};
use domain::event::{NewEvent, StoredEvent, StreamName};
use std::collections::BTreeSet;

#[async_trait]
impl Seal for Keyring {
    async fn seal(&self, stream: &StreamName, events: Vec<NewEvent>) -> Result<Vec<NewEvent>, SealError> {
        let spots = Spots::open(events.iter().map(|e| (&e.data, &e.meta)));
        let spots = spots.map_err(|index| SealError::Damaged(events[index].id))?;
        if spots.list.is_empty() {
            return Ok(events);
        }
        let subjects: BTreeSet<_> = spots.list.iter().map(|spot| spot.what.subject).collect();
        let keys = self.for_sealing(&subjects).await?;
        let mut scratch = Scratch::for_sealing(spots.list.len()).map_err(no_random_bytes)?;
        let mut rest = &spots.list[..];
        let mut sealed = Vec::with_capacity(events.len());
        for (index, event) in events.into_iter().enumerate() {
            let mut put = |part, json| {
                spots.replace(&mut rest, index, part, json, |open, path, out| {
                    let key = keys.get(&open.subject).and_then(|keys| keys.newest());
                    let Some((key_no, Some(key))) = key else {
                        return Err(SealError::Erased(open.subject));
                    };
                    let binding = Binding {
                        stream,
                        event: event.id,
                        type_name: &event.type_name,
                        part,
                        path,
                    };
                    let done = envelope::seal(json, open, (key_no, key), &binding, &mut scratch, out);
                    done.map_err(no_random_bytes)
                })
            };
            let (data, meta) = (put(Part::Data, &event.data)?, put(Part::Meta, &event.meta)?);
            sealed.push(NewEvent { data, meta, ..event });
        }
        Ok(sealed)
    }

    async fn open(&self, events: Vec<StoredEvent>) -> Result<Vec<StoredEvent>, SealError> {
        let spots = Spots::sealed(events.iter().map(|e| (&e.data, &e.meta)));
        let spots = spots.map_err(|index| SealError::Damaged(events[index].id))?;
        if spots.list.is_empty() {
            return Ok(events);
        }
        let wanted: BTreeSet<_> = spots
            .list
            .iter()
            .map(|spot| (spot.what.subject, spot.what.key_no))
            .collect();
        let keys = self.for_opening(&wanted).await?;
        let (mut rest, mut scratch) = (&spots.list[..], Scratch::default());
        let mut opened = Vec::with_capacity(events.len());
        for (index, event) in events.into_iter().enumerate() {
            let mut put = |part, json| {
                spots.replace(&mut rest, index, part, json, |sealed, path, out| {
                    let StoredEvent {
                        stream, id, type_name, ..
                    } = &event;
                    let key = match keys.get(&sealed.subject) {
                        None => None, // the whole subject is gone
                        Some(keys) => keys.get(sealed.key_no).ok_or(SealError::Damaged(*id))?,
                    };
                    let binding = Binding {
                        stream,
                        event: *id,
                        type_name,
                        part,
                        path,
                    };
                    let done = envelope::open(json, sealed, key, &binding, &mut scratch, out);
                    done.map_err(|Refused| SealError::Damaged(*id))
                })
            };
            let (data, meta) = (put(Part::Data, &event.data)?, put(Part::Meta, &event.meta)?);
            opened.push(StoredEvent { data, meta, ..event });
        }
        Ok(opened)
    }
}

/// The only thing that can go wrong when sealing with a key at hand.
pub(crate) fn no_random_bytes(Refused: Refused) -> SealError {
    SealError::Unavailable("no random bytes".to_owned())
}
