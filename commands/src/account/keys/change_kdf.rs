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

/// Replaces the way the client makes the master key, and with it what the person signs in with. All sessions end. The
/// hint stays.
#[derive(Debug, Clone)]
pub struct ChangeKdf {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to change.
    pub proven: Proven,
    /// The new way; never weaker than the present one.
    pub kdf: Kdf,
    /// What they will sign in with.
    pub secret: NewSecret,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl Command for ChangeKdf {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        let events = self.proven.spend(user, now)?;
        if self.kdf.is_weaker_than(user.kdf) {
            return Err(AccountError::KdfWeaker);
        }
        let credentials = self.secret.credentials(user, user.credentials.hint.clone())?;
        Ok(then(events, now, |at| UserEvent::KdfChanged {
            kdf: self.kdf,
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
        account::testing::{NEW_STAMP, account, credentials, proven, sealed},
        testing::{ALICE, given},
    };
    use domain::crypto::Verifier;

    fn change(kdf: Kdf) -> ChangeKdf {
        ChangeKdf {
            user: ALICE,
            proven: proven(),
            kdf,
            secret: NewSecret {
                verifier: Verifier("new".to_owned()),
                user_key: sealed("2.CCCC|CCCC|CCCC"),
                salt: Some("alice@example.org".to_owned()),
                key_id: None,
            },
            stamp: NEW_STAMP,
        }
    }

    #[test]
    fn it_is_raised() {
        let kdf = Kdf::Pbkdf2 { iterations: 800_000 };
        given([account()]).when(change(kdf)).then([UserEvent::KdfChanged {
            kdf,
            credentials: Personal::of(ALICE, credentials("new", "2.CCCC|CCCC|CCCC")),
            fingerprint: fingerprint("2.CCCC|CCCC|CCCC"),
            stamp: NEW_STAMP,
            at: Timestamp(2),
        }]);
    }

    #[test]
    fn it_is_never_lowered() {
        given([account()])
            .when(change(Kdf::Pbkdf2 { iterations: 600_000 }))
            .then_refused(AccountError::KdfWeaker);
    }
}
