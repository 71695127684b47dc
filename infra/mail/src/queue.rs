//! Letters waiting to be sent: table `ops.mail`.
//!
//! At least once: a letter leaves the queue only after the transport took it, and a worker that dies between the two
//! leaves it to the next one, which sends it with the same `Message-ID`. Times are those of the database, so that
//! workers on several machines need not agree on theirs.

mod store;
mod worker;

pub use store::MailQueue;
pub use worker::Worker;

use crate::template::Letter;
use async_trait::async_trait;
use commands::ports::SealError;
use domain::{
    fault::{Fault, FaultKind},
    id::SubjectId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// Seals what a letter holds while it waits. Implemented where subject keys are.
#[async_trait]
pub trait Sealer: Send + Sync {
    /// Seals `open` under the key of `subject`, bound to the letter `mail`.
    ///
    /// # Errors
    /// [`SealError::Unavailable`], [`SealError::Erased`].
    async fn seal(&self, subject: SubjectId, mail: Uuid, open: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Opens it again; `None` if the subject was erased.
    ///
    /// # Errors
    /// [`SealError::Unavailable`], [`SealError::Damaged`].
    async fn open(&self, subject: SubjectId, mail: Uuid, sealed: &[u8]) -> Result<Option<Vec<u8>>, SealError>;
}

/// A letter to be put in the queue.
#[derive(Clone)]
pub struct NewMail {
    /// The event that caused it (or a v5 id below it, where one event causes several): put in twice, it is sent once.
    pub id: Uuid,
    /// Whose data it holds: erased with them.
    pub subject: SubjectId,
    /// The address it goes to.
    pub to: String,
    /// The letter.
    pub letter: Letter,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Payload {
    to: String,
    letter: Letter,
}

/// Why the queue could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The database did not do it.
    #[error("the mail queue cannot be reached")]
    Database(#[from] sqlx::Error),
    /// The letter could not be sealed.
    #[error("the letter cannot be sealed")]
    Seal(#[from] SealError),
}

impl Fault for MailError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Database(_) => FaultKind::Unavailable,
            Self::Seal(error) => error.kind(),
        }
    }
}

/// How a letter in the queue is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be sent, at once or later.
    Waiting,
    /// The transport took it.
    Sent,
    /// Given up. Only [`MailQueue::retry`] gives it another chance.
    Failed,
}

impl State {
    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Waiting, Self::Sent, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text}: must be waiting, sent or failed"))
    }
}

/// A letter as `annalock mail list` shows it: no address, no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which one.
    pub id: Uuid,
    /// Its kind.
    pub letter: String,
    /// How it is doing.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, if it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// When it was put in.
    pub created_at: Timestamp,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Letters waiting.
    pub waiting: u64,
    /// Letters given up.
    pub failed: u64,
    /// How long the oldest that waits has been waiting.
    pub oldest_waiting: Duration,
}

/// How patient the queue is.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// The wait after the first failure; doubled after each further one.
    pub backoff: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
    /// After so many tries a letter is given up.
    pub max_attempts: u32,
    /// How many letters are sent at once.
    pub lanes: u32,
    /// How long one try may take.
    pub send_within: Duration,
    /// How long a worker owns what it took; longer than `send_within`, or letters are sent twice.
    pub lease: Duration,
    /// How often the table is looked at when nothing happens.
    pub poll: Duration,
    /// For how long sent letters are remembered (only that they were sent), so that a repeated event sends nothing.
    pub keep_sent: Duration,
    /// For how long letters given up are kept.
    pub keep_failed: Duration,
}

impl Default for QueueSettings {
    /// Twelve tries over four and a half hours.
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            backoff: Duration::from_secs(10),
            backoff_max: Duration::from_secs(3600),
            max_attempts: 12,
            lanes: 4,
            send_within: Duration::from_secs(60),
            lease: Duration::from_secs(180),
            poll: Duration::from_secs(2),
            keep_sent: 30 * DAY,
            keep_failed: 90 * DAY,
        }
    }
}

impl QueueSettings {
    /// The wait after failure number `attempts` (from 1).
    fn wait_after(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff.saturating_mul(factor).min(self.backoff_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let settings = QueueSettings::default();
        let waits: Vec<_> = (1..=12).map(|n| settings.wait_after(n).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
        assert_eq!(settings.wait_after(u32::MAX).as_secs(), 3600);
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in [State::Waiting, State::Sent, State::Failed] {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("lost".parse::<State>().is_err());
    }
}
