//! The clock of this machine: the one place of the program that asks it.

use commands::ports::Clock;
use domain::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Server time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[allow(clippy::disallowed_methods)] // the adapter behind the port
        let now = SystemTime::now();
        let millis = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}
