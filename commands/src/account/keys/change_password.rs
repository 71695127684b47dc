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

/// Replaces the master password. All sessions end.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to change.
    pub proven: Proven,
    /// What they will sign in with.
    pub secret: NewSecret,
    /// How the client made the master key, if it said so: it must be what it was.
    pub kdf: Option<Kdf>,
    /// The hint; none removes the one there was.
    pub hint: Option<String>,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl Command for ChangePassword {
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
        Ok(then(events, now, |at| UserEvent::PasswordChanged {
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
            testing::{NEW_STAMP, STAMP, account, credentials, proven, sealed},
        },
        testing::{ALICE, given},
    };
    use domain::crypto::Verifier;

    fn change() -> ChangePassword {
        ChangePassword {
            user: ALICE,
            proven: proven(),
            secret: NewSecret {
                verifier: Verifier("new".to_owned()),
                user_key: sealed("2.CCCC|CCCC|CCCC"),
                salt: None,
                key_id: None,
            },
            kdf: None,
            hint: None,
            stamp: NEW_STAMP,
        }
    }

    #[test]
    fn the_log_shows_the_change_by_a_fingerprint_and_a_new_stamp() {
        given([account()]).when(change()).then([UserEvent::PasswordChanged {
            credentials: Personal::of(ALICE, credentials("new", "2.CCCC|CCCC|CCCC")),
            fingerprint: fingerprint("2.CCCC|CCCC|CCCC"),
            stamp: NEW_STAMP,
            at: Timestamp(2),
        }]);
    }

    #[test]
    fn who_did_not_prove_the_present_password_is_refused() {
        let wrong = Proven {
            way: Way::Password(Verifier("older".to_owned())),
            stamp: STAMP,
        };
        given([account()])
            .when(ChangePassword {
                proven: wrong,
                ..change()
            })
            .then_refused(AccountError::WrongSecret);
    }

    #[test]
    fn a_proof_from_before_the_sessions_were_ended_is_refused() {
        let rotated = UserEvent::SecurityStampRotated {
            stamp: NEW_STAMP,
            at: Timestamp(2),
        };
        given([account(), rotated])
            .when(change())
            .then_refused(AccountError::WrongSecret);
    }

    #[test]
    fn another_salt_or_kdf_does_not_slip_in_with_a_password() {
        let mut salted = change();
        salted.secret.salt = Some("bob@example.org".to_owned());
        given([account()]).when(salted).then_refused(AccountError::Salt);
        let kdf = Some(Kdf::Pbkdf2 { iterations: 600_000 });
        given([account()])
            .when(ChangePassword { kdf, ..change() })
            .then_refused(AccountError::KdfDiffers);
    }
}
