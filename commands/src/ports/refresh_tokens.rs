//! Refresh tokens: what keeps a client signed in between access tokens.
//!
//! One login is one *family*: a chain of tokens in which each one determines the next. [`chain`] says which of them are
//! good; the adapter keeps one row per family. What is *not* here: access tokens, and whether the account may still sign
//! in; the caller compares [`Session::stamp`] with the account's present one.

pub mod chain;

use async_trait::async_trait;
use domain::fault::{Fault, FaultKind};
use domain::id::{DeviceId, UserId};
use domain::time::Timestamp;
use std::time::Duration;

/// What a login grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Who signed in.
    pub user: UserId,
    /// On which device record.
    pub device: DeviceId,
    /// `web`, `browser`, `desktop`, `mobile`, `cli`, `connector`: decides how long it lives, see [`lifetime`].
    pub client_id: String,
    /// The account's security stamp at login.
    pub stamp: String,
    /// The scopes granted, in the order asked for.
    pub scopes: Vec<String>,
}

/// A login that is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What was granted at login.
    pub granted: NewSession,
    /// When the login was.
    pub created: Timestamp,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
}

/// The answer to a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The login it belongs to.
    pub session: Session,
    /// The newest token of the family: what the client should present next time. All who present a good token of one
    /// family get the same one, so parallel refreshes cannot drift apart.
    pub token: String,
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// Not a token of ours, or one of a family long gone.
    #[error("refresh token is unknown")]
    Unknown,
    /// The login was ended: by signing out, by the account, or because an old token was used again.
    #[error("session was ended")]
    Ended,
    /// It was not used for too long.
    #[error("session expired")]
    Expired,
    /// A token that a newer one had replaced: somebody may have copied it. This ended the family.
    #[error("refresh token was used before")]
    Reused,
    /// The sessions cannot be reached now; safe to retry.
    #[error("sessions cannot be reached: {0}")]
    Unavailable(String),
}

impl Fault for RefreshError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unknown | Self::Ended | Self::Expired | Self::Reused => FaultKind::Unauthenticated,
            Self::Unavailable(_) => FaultKind::Unavailable,
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a login lasts after its last use: 60 days on `mobile`, 7 on `web`, 30 everywhere else.
pub fn lifetime(client_id: &str) -> Duration {
    match client_id {
        "mobile" => 60 * DAY,
        "web" => 7 * DAY,
        _ => 30 * DAY,
    }
}

/// The logins that clients keep alive with refresh tokens.
#[async_trait]
pub trait RefreshTokens: Send + Sync {
    /// Begins a family and gives its first token.
    ///
    /// # Errors
    /// [`RefreshError::Unavailable`].
    async fn issue(&self, session: NewSession, now: Timestamp) -> Result<String, RefreshError>;

    /// Takes a token back, puts off the expiry of its family and gives the newest token of it.
    ///
    /// `token` may be any string: what is not a token is `Unknown`.
    ///
    /// # Errors
    /// [`RefreshError`]; `Reused` has ended the family before it returns.
    async fn present(&self, token: &str, now: Timestamp) -> Result<Presented, RefreshError>;

    /// Ends every login of `user` on `device`; how many there were.
    ///
    /// # Errors
    /// [`RefreshError::Unavailable`].
    async fn end_device(&self, user: UserId, device: DeviceId, now: Timestamp) -> Result<u64, RefreshError>;

    /// Ends every login of `user`; how many there were.
    ///
    /// # Errors
    /// [`RefreshError::Unavailable`].
    async fn end_user(&self, user: UserId, now: Timestamp) -> Result<u64, RefreshError>;

    /// Forgets families, ended or not, that expired before `now`; how many there were. Their tokens are `Unknown` then.
    ///
    /// # Errors
    /// [`RefreshError::Unavailable`].
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, RefreshError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_stays_signed_in_longest_and_a_web_page_shortest() {
        assert_eq!(lifetime("mobile"), 60 * DAY);
        assert_eq!(lifetime("web"), 7 * DAY);
        assert_eq!(lifetime("desktop"), 30 * DAY);
        assert_eq!(lifetime("anything"), 30 * DAY);
    }
}
