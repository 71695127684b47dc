use super::{AccountError, live, secret::Proven, then};
use crate::execute::Command;
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};
use uuid::Uuid;

/// Ends all sessions of an account.
#[derive(Debug, Clone)]
pub struct RotateSecurityStamp {
    /// Whose.
    pub user: UserId,
    /// That they are theirs to end.
    pub proven: Proven,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl Command for RotateSecurityStamp {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let events = self.proven.spend(live(user)?, now)?;
        Ok(then(events, now, |at| UserEvent::SecurityStampRotated {
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
            testing::{NEW_STAMP, STAMP, account},
        },
        testing::{ALICE, given},
    };

    #[test]
    fn a_code_in_place_of_the_password_is_used_up_by_it() {
        let nonce = Uuid::from_u128(4);
        let asked = UserEvent::OneTimeCodeRequested {
            nonce,
            at: Timestamp(2),
        };
        let rotate = RotateSecurityStamp {
            user: ALICE,
            proven: Proven {
                way: Way::Code(nonce),
                stamp: STAMP,
            },
            stamp: NEW_STAMP,
        };
        let used = UserEvent::OneTimeCodeUsed { at: Timestamp(3) };
        given([account(), asked.clone()]).when(rotate.clone()).then([
            used.clone(),
            UserEvent::SecurityStampRotated {
                stamp: NEW_STAMP,
                at: Timestamp(4),
            },
        ]);
        given([account(), asked, used])
            .when(rotate)
            .then_refused(AccountError::WrongSecret);
    }
}
