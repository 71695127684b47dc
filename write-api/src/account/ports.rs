//! What routes about accounts work with.

use commands::{
    account::LoginRefusals,
    ports::{AddressIndex, PasswordHasher, Proofs, refresh_tokens::RefreshTokens, shared_state::RateLimiter},
};
use std::{future::Future, sync::Arc};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use web::{Answer, Problem};

/// How many pieces of work may go on after their request was answered.
const BACKGROUND: usize = 64;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signups {
    /// Whether anybody may.
    pub open: bool,
    /// Whether who holds an invitation into an organization may.
    pub invited: bool,
    /// Whether the address must be proved by mail before.
    pub verify: bool,
}

/// Who may found organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Founders {
    /// Whoever has an account.
    Anybody,
    /// Nobody but the owners of these addresses, normalised.
    These(Vec<String>),
}

impl Founders {
    /// Whether the owner of an address is one.
    pub fn include(&self, email: &str) -> bool {
        match self {
            Self::Anybody => true,
            Self::These(addresses) => addresses.iter().any(|address| address == email),
        }
    }
}

/// What routes about accounts work with.
pub struct AccountPorts {
    /// Hashes master password hashes.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Finds addresses.
    pub addresses: Arc<dyn AddressIndex>,
    /// Tokens and codes of mails.
    pub proofs: Arc<dyn Proofs>,
    /// Logins that clients keep alive.
    pub sessions: Arc<dyn RefreshTokens>,
    /// How often something may be tried.
    pub limiter: Arc<dyn RateLimiter>,
    /// Refused logins on their way into the log: [`LoginRefusals::flush`] wants calling every few seconds,
    /// [`LoginRefusals::finish`] at the end.
    pub refusals: LoginRefusals,
    /// Who may register.
    pub signups: Signups,
    /// Who may found organizations.
    pub founders: Founders,
    /// Work that goes on after its request was answered: to be closed and waited for at the end.
    pub background: TaskTracker,
    /// Which refusals of organizations were noted lately.
    pub noted: crate::event::refused::Noted,
    room: Arc<Semaphore>,
    /// For notes of refusals: however many there are, they take nothing from what somebody waits for.
    notes: Arc<Semaphore>,
}

impl AccountPorts {
    /// These ports.
    pub fn new(
        passwords: Arc<dyn PasswordHasher>,
        addresses: Arc<dyn AddressIndex>,
        proofs: Arc<dyn Proofs>,
        sessions: Arc<dyn RefreshTokens>,
        limiter: Arc<dyn RateLimiter>,
        (signups, founders): (Signups, Founders),
    ) -> Self {
        Self {
            passwords,
            addresses,
            proofs,
            sessions,
            limiter,
            refusals: LoginRefusals::new(),
            signups,
            founders,
            background: TaskTracker::new(),
            noted: crate::event::refused::Noted::default(),
            room: Arc::new(Semaphore::new(BACKGROUND)),
            notes: Arc::new(Semaphore::new(BACKGROUND)),
        }
    }

    /// Does `work` after the answer, so that the time it takes tells nobody whether there is an account.
    ///
    /// # Errors
    /// 503 if too much is going on already.
    pub(crate) fn later(&self, work: impl Future<Output = ()> + Send + 'static) -> Answer<()> {
        match self.spawn(&self.room, work) {
            true => Ok(()),
            false => Err(Problem::unavailable()),
        }
    }

    /// Notes a refusal after the answer; where too many are being noted already, there are other signs of it.
    pub(crate) fn note_later(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.spawn(&self.notes, work);
    }

    /// `false` if there is no room.
    fn spawn(&self, room: &Arc<Semaphore>, work: impl Future<Output = ()> + Send + 'static) -> bool {
        let Ok(room) = Arc::clone(room).try_acquire_owned() else {
            return false;
        };
        self.background.spawn(async move {
            work.await;
            drop(room);
        });
        true
    }
}
