use super::NewSecret;
use crate::{
    account::{AccountError, live, secret::Proven, then},
    execute::Command,
};
use domain::{
    account::user::{User, UserEvent},
    crypto::{Kdf, fingerprint},
    id::UserId,
    personal::Personal,
    time::Timestamp,
};
use uuid::Uuid;

/// Replaces the master password that an organization gave. All sessions end.
#[derive(Debug, Clone)]
pub struct ReplaceTemporaryPassword {
    /// Whose.
    pub user: UserId,
    /// By which session: clients prove no more.
    pub proven: Proven,
    /// What they will sign in with.
    pub secret: NewSecret,
    /// How the client made the master key, if it said so: it must be what it was.
    pub kdf: Option<Kdf>,
    /// The hint.
    pub hint: Option<String>,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl Command for ReplaceTemporaryPassword {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        let (events, credentials) = self
            .secret
            .renew(user, &self.proven, self.kdf, self.hint.clone(), now)?;
        if !user.temporary_password {
            return Err(AccountError::NotTemporary);
        }
        Ok(then(events, now, |at| UserEvent::TemporaryPasswordReplaced {
            fingerprint: fingerprint(credentials.user_key.as_str()),
            credentials: Personal::of(self.user, credentials),
            stamp: self.stamp,
            at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::{
            secret::Way,
            testing::{NEW_STAMP, STAMP, account, credentials, sealed},
        },
        testing::{ALICE, given},
    };
    use domain::{crypto::Verifier, id::OrganizationId};

    fn recovered() -> UserEvent {
        UserEvent::PasswordRecovered {
            organization: OrganizationId(Uuid::from_u128(9)),
            credentials: Personal::of(ALICE, credentials("given", "2.DDDD|DDDD|DDDD")),
            fingerprint: fingerprint("2.DDDD|DDDD|DDDD"),
            stamp: NEW_STAMP,
            at: Timestamp(2),
        }
    }

    fn replace(stamp: Uuid) -> ReplaceTemporaryPassword {
        ReplaceTemporaryPassword {
            user: ALICE,
            proven: Proven {
                way: Way::Session,
                stamp,
            },
            secret: NewSecret {
                verifier: Verifier("own".to_owned()),
                user_key: sealed("2.EEEE|EEEE|EEEE"),
                salt: None,
                key_id: None,
            },
            kdf: None,
            hint: None,
            stamp: Uuid::from_u128(77),
        }
    }

    #[test]
    fn a_given_password_is_replaced_once() {
        let replaced = UserEvent::TemporaryPasswordReplaced {
            credentials: Personal::of(ALICE, credentials("own", "2.EEEE|EEEE|EEEE")),
            fingerprint: fingerprint("2.EEEE|EEEE|EEEE"),
            stamp: Uuid::from_u128(77),
            at: Timestamp(3),
        };
        given([account(), recovered()])
            .when(replace(NEW_STAMP))
            .then([replaced.clone()]);
        given([account(), recovered(), replaced])
            .when(replace(Uuid::from_u128(77)))
            .then_refused(AccountError::NotTemporary);
    }

    #[test]
    fn ones_own_password_is_not_replaced_so_nor_by_an_ended_session() {
        given([account()])
            .when(replace(STAMP))
            .then_refused(AccountError::NotTemporary);
        given([account(), recovered()])
            .when(replace(STAMP))
            .then_refused(AccountError::WrongSecret);
    }
}
