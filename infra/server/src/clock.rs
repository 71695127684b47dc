//! The clock and the source of ids of this machine: the only places of the program that ask for them.

use commands::ports::{Clock, Ids};
use domain::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Server time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// Server time.
pub fn now() -> Timestamp {
    #[allow(clippy::disallowed_methods)] // the adapter behind the port
    let now = SystemTime::now();
    let millis = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Random ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn new_id(&self) -> Uuid {
        #[allow(clippy::disallowed_methods)] // the adapter behind the port
        Uuid::new_v4()
    }
}
