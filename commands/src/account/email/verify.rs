use crate::{
    account::{AccountError, live, secret::Proven},
    execute::Command,
};
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};

/// Notes that the address was proved to be theirs. Once more changes nothing.
#[derive(Debug, Clone)]
pub struct VerifyEmail {
    /// Whose.
    pub user: UserId,
    /// By the link that was mailed.
    pub proven: Proven,
}

impl Command for VerifyEmail {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        self.proven.spend(user, now).map_err(|_| AccountError::InvalidToken)?;
        if user.email_verified {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::EmailVerified { at: now }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::{
            email::RequestEmailVerification,
            secret::Way,
            testing::{NEW_STAMP, STAMP, account},
        },
        testing::{ALICE, given},
    };

    fn verify(stamp: uuid::Uuid) -> VerifyEmail {
        VerifyEmail {
            user: ALICE,
            proven: Proven { way: Way::Link, stamp },
        }
    }

    #[test]
    fn an_address_is_verified_once_and_then_needs_no_other_link() {
        let verified = UserEvent::EmailVerified { at: Timestamp(2) };
        given([account()]).when(verify(STAMP)).then([verified.clone()]);
        given([account(), verified.clone()]).when(verify(STAMP)).then([]);
        given([account(), verified])
            .when(RequestEmailVerification { user: ALICE })
            .then_refused(AccountError::AlreadyVerified);
    }

    #[test]
    fn a_link_of_another_stamp_verifies_nothing() {
        given([account()])
            .when(verify(NEW_STAMP))
            .then_refused(AccountError::InvalidToken);
    }
}
