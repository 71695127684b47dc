//! The places in a batch of events where something is to be sealed or opened, and putting bytes in their stead.

use crate::envelope::{self, Open, Part, Sealed};
use crate::json::{Broken, Path, walk};
use bytes::Bytes;
use std::ops::Range;

/// One place.
pub struct Spot<T> {
    /// The index of the event in its batch.
    event: usize,
    part: Part,
    /// What is to be replaced.
    range: Range<usize>,
    /// Where the path to it stands in [`Spots::paths`].
    path: Range<usize>,
    /// What stands there.
    pub what: T,
}

/// All places of a batch, in the order of events, data before metadata.
pub struct Spots<T> {
    pub list: Vec<Spot<T>>,
    paths: Vec<u8>,
}

impl<T> Spots<T> {
    fn collect<'a>(
        parts: impl Iterator<Item = (&'a Bytes, &'a Bytes)>,
        at: impl Fn(&[u8], usize) -> Result<Option<(usize, T)>, Broken>,
    ) -> Result<Self, usize> {
        let mut spots = Self {
            list: Vec::new(),
            paths: Vec::new(),
        };
        for (event, (data, meta)) in parts.enumerate() {
            for (part, json) in [(Part::Data, data), (Part::Meta, meta)] {
                let found = |i: usize, path: &Path| {
                    let Some((end, what)) = at(json, i)? else {
                        return Ok(None);
                    };
                    let start = spots.paths.len();
                    path.write(json, &mut spots.paths);
                    let path = start..spots.paths.len();
                    spots.list.push(Spot {
                        event,
                        part,
                        range: i..end,
                        path,
                        what,
                    });
                    Ok(Some(end))
                };
                walk(json, found).map_err(|Broken| event)?;
            }
        }
        Ok(spots)
    }

    /// Replaces the places of part `part` of event `event`, whose bytes are `json`, by what `write` appends; the path to
    /// each is handed in. `rest` are the places not yet dealt with, and is moved on. Without a place the same bytes are
    /// given back.
    pub fn replace<E>(
        &self,
        rest: &mut &[Spot<T>],
        event: usize,
        part: Part,
        json: &Bytes,
        mut write: impl FnMut(&T, &[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let count = rest
            .iter()
            .take_while(|spot| spot.event == event && spot.part == part)
            .count();
        let (here, further) = rest.split_at(count);
        *rest = further;
        if here.is_empty() {
            return Ok(json.clone());
        }
        let mut out = Vec::with_capacity(json.len() + 96 * count);
        let mut done = 0;
        for spot in here {
            out.extend_from_slice(&json[done..spot.range.start]);
            write(&spot.what, &self.paths[spot.path.clone()], &mut out)?;
            done = spot.range.end;
        }
        out.extend_from_slice(&json[done..]);
        Ok(Bytes::from(out))
    }
}

impl Spots<Open> {
    /// Every value to be sealed. The error is the index of an event that is no JSON or that brings an envelope along.
    pub fn open<'a>(parts: impl Iterator<Item = (&'a Bytes, &'a Bytes)>) -> Result<Self, usize> {
        Self::collect(parts, |json, i| {
            if json[i..].starts_with(envelope::SEALED_START) {
                Err(Broken)
            } else {
                Ok(envelope::open_at(json, i))
            }
        })
    }
}

impl Spots<Sealed> {
    /// Every envelope to be opened. The error is the index of an event that is no JSON or has an envelope out of shape.
    pub fn sealed<'a>(parts: impl Iterator<Item = (&'a Bytes, &'a Bytes)>) -> Result<Self, usize> {
        Self::collect(parts, |json, i| {
            if !json[i..].starts_with(envelope::SEALED_START) {
                return Ok(None);
            }
            envelope::sealed_at(json, i).map(Some).ok_or(Broken)
        })
    }
}
