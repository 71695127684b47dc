//! Room for bodies: how many bytes of them may be in memory, kept or on their way to a client.

use axum::body::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in these many bytes.
const UNIT: usize = 1024;

/// A share of some room, given back when dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// Bytes there may be.
pub(super) struct Room {
    free: Arc<Semaphore>,
    bytes: usize,
}

impl Room {
    /// For `bytes`.
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(units)),
            bytes: units * UNIT,
        }
    }

    /// All of it, taken or not.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A place for `bytes`, if there is one now.
    pub fn take(&self, bytes: usize) -> Option<Place> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.free).try_acquire_many_owned(units).ok()
    }

    /// How much is taken.
    #[cfg(test)]
    pub fn taken(&self) -> usize {
        self.bytes - self.free.available_permits() * UNIT
    }
}

struct Placed {
    bytes: Vec<u8>,
    _place: Option<Place>,
}

impl AsRef<[u8]> for Placed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// `bytes`, which hold their place until the last one who has them lets go.
pub(super) fn placed(bytes: Vec<u8>, place: Option<Place>) -> Bytes {
    Bytes::from_owner(Placed { bytes, _place: place })
}
