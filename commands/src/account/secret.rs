//! Proving that it is the person who asks: by the master password, or by a code that was mailed.

use super::{AccountError, proof};
use crate::ports::{HashError, PasswordHasher, Proofs};
use domain::{
    account::user::{LiveUser, UserEvent},
    crypto::Verifier,
    fault::{Fault, FaultKind},
    id::UserId,
    time::Timestamp,
};
use uuid::Uuid;

/// What was proved, and against which state of the account. A decision checks that the account is still in it, so that a
/// secret proved before it was changed is worth nothing after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// How.
    pub way: Way,
    /// The security stamp at that time.
    pub stamp: Uuid,
}

/// How something was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// With the master password that this was made from.
    Password(Verifier),
    /// With the code of this request; it is used up by what it is used for.
    Code(Uuid),
    /// With a link that went to the address of the account.
    Link,
    /// With nothing but a live session, where clients prove no more.
    Session,
}

impl Proven {
    /// Checks that it still holds for `user`; the event that uses it up, if it can be used only once.
    pub(super) fn spend(&self, user: &LiveUser, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let holds = self.stamp == user.stamp
            && match &self.way {
                Way::Password(verifier) => *verifier == user.credentials.verifier,
                Way::Code(nonce) => user.one_time_code.is_some_and(|(asked, _)| asked == *nonce),
                Way::Link | Way::Session => true,
            };
        match (holds, &self.way) {
            (false, _) => Err(AccountError::WrongSecret),
            (true, Way::Code(_)) => Ok(vec![UserEvent::OneTimeCodeUsed { at: now }]),
            (true, _) => Ok(vec![]),
        }
    }
}

/// Why nothing was proved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The secret is wrong.
    #[error(transparent)]
    Wrong(#[from] AccountError),
    /// It could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl Fault for ProveError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Wrong(e) => e.kind(),
            Self::Hash(e) => e.kind(),
        }
    }

    fn field(&self) -> Option<&str> {
        match self {
            Self::Wrong(e) => e.field(),
            Self::Hash(_) => None,
        }
    }
}

/// Proves by the master password. Takes as long without an account as with one.
///
/// # Errors
/// [`AccountError::WrongSecret`] for a wrong password and for no account alike; [`HashError`].
pub async fn by_password(
    passwords: &dyn PasswordHasher,
    user: Option<&LiveUser>,
    password: &str,
) -> Result<Proven, ProveError> {
    let verifier = user.map_or(passwords.dummy(), |user| &user.credentials.verifier);
    let right = passwords.verify(password, verifier).await?;
    match user {
        Some(user) if right => Ok(Proven {
            way: Way::Password(user.credentials.verifier.clone()),
            stamp: user.stamp,
        }),
        _ => Err(AccountError::WrongSecret.into()),
    }
}

/// Proves by the code that was asked for last.
///
/// # Errors
/// [`AccountError::WrongSecret`].
pub fn by_code(
    proofs: &dyn Proofs,
    id: UserId,
    user: &LiveUser,
    code: &str,
    now: Timestamp,
) -> Result<Proven, ProveError> {
    match user.one_time_code {
        Some(asked) if proof::is_one_time_code(proofs, id, user.stamp, asked, code, now) => Ok(Proven {
            way: Way::Code(asked.0),
            stamp: user.stamp,
        }),
        _ => Err(AccountError::WrongSecret.into()),
    }
}

/// Proves by `secret`, taken for a password first and for a code then: clients send either in either field.
///
/// # Errors
/// [`AccountError::WrongSecret`], [`HashError`].
pub async fn by_either(
    passwords: &dyn PasswordHasher,
    proofs: &dyn Proofs,
    id: UserId,
    user: &LiveUser,
    secret: &str,
    now: Timestamp,
) -> Result<Proven, ProveError> {
    match by_password(passwords, Some(user), secret).await {
        Err(ProveError::Wrong(_)) => by_code(proofs, id, user, secret, now),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::{account, live_user};

    #[test]
    fn a_password_that_was_changed_meanwhile_proves_nothing() {
        let user = live_user(&account());
        let proven = Proven {
            way: Way::Password(Verifier("another".to_owned())),
            stamp: user.stamp,
        };
        assert_eq!(proven.spend(&user, Timestamp(9)), Err(AccountError::WrongSecret));
    }

    #[test]
    fn a_code_is_used_up() {
        let mut user = live_user(&account());
        let nonce = Uuid::from_u128(77);
        let proven = Proven {
            way: Way::Code(nonce),
            stamp: user.stamp,
        };
        assert_eq!(proven.spend(&user, Timestamp(9)), Err(AccountError::WrongSecret));
        user.one_time_code = Some((nonce, Timestamp(8)));
        assert_eq!(
            proven.spend(&user, Timestamp(9)),
            Ok(vec![UserEvent::OneTimeCodeUsed { at: Timestamp(9) }])
        );
    }
}
