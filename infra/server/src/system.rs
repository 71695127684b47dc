//! The clock and the source of ids of this machine: the only places that ask for them.

use commands::ports::{Clock, Ids};
use domain::time::Timestamp;
use uuid::Uuid;

/// Server time.
#[allow(clippy::disallowed_methods)] // this is the clock that everybody else is handed
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// Random ids.
#[derive(Debug, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[allow(clippy::disallowed_methods)] // this is the source that everybody else is handed
    fn new_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}
