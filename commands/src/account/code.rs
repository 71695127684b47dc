use super::{AccountError, live, secret::Proven};
use crate::execute::Command;
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};
use uuid::Uuid;

/// Asks for a code in place of the master password; it goes to the address of the account. The one before is dead.
#[derive(Debug, Clone)]
pub struct RequestOneTimeCode {
    /// Whose.
    pub user: UserId,
    /// A new id; the code is derived from it.
    pub nonce: Uuid,
}

impl Command for RequestOneTimeCode {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        live(user)?;
        Ok(vec![UserEvent::OneTimeCodeRequested {
            nonce: self.nonce,
            at: now,
        }])
    }
}

/// Uses up the code that was asked for, for nothing else than having proved it.
#[derive(Debug, Clone)]
pub struct UseOneTimeCode {
    /// Whose.
    pub user: UserId,
    /// By that code.
    pub proven: Proven,
}

impl Command for UseOneTimeCode {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        self.proven.spend(live(user)?, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::{
            secret::Way,
            testing::{STAMP, account},
        },
        testing::{ALICE, given},
    };

    fn asked(nonce: u128, at: i64) -> UserEvent {
        UserEvent::OneTimeCodeRequested {
            nonce: Uuid::from_u128(nonce),
            at: Timestamp(at),
        }
    }

    fn used(nonce: u128) -> UseOneTimeCode {
        UseOneTimeCode {
            user: ALICE,
            proven: Proven {
                way: Way::Code(Uuid::from_u128(nonce)),
                stamp: STAMP,
            },
        }
    }

    #[test]
    fn only_the_last_code_is_good_and_only_once() {
        let spent = UserEvent::OneTimeCodeUsed { at: Timestamp(4) };
        given([account(), asked(1, 2), asked(2, 3)])
            .when(used(1))
            .then_refused(AccountError::WrongSecret);
        given([account(), asked(1, 2), asked(2, 3)])
            .when(used(2))
            .then([spent.clone()]);
        given([account(), asked(2, 3), spent])
            .when(used(2))
            .then_refused(AccountError::WrongSecret);
    }
}
