use crate::{
    account::{AccountError, live},
    execute::Command,
};
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};

/// Notes the id of the user key. The same id again changes nothing, for two devices of a person may say it at once.
#[derive(Debug, Clone)]
pub struct SetUserKeyId {
    /// Whose.
    pub user: UserId,
    /// 32 lower-case hexadecimal digits.
    pub key_id: String,
}

impl Command for SetUserKeyId {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        match &live(user)?.key_id {
            Some(known) if *known == self.key_id => Ok(vec![]),
            Some(_) => Err(AccountError::KeyIdSet),
            None => Ok(vec![UserEvent::UserKeyIdSet {
                key_id: self.key_id.clone(),
                at: now,
            }]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::account,
        testing::{ALICE, given},
    };

    fn name(digit: &str) -> SetUserKeyId {
        SetUserKeyId {
            user: ALICE,
            key_id: digit.repeat(32),
        }
    }

    fn named(digit: &str) -> UserEvent {
        UserEvent::UserKeyIdSet {
            key_id: digit.repeat(32),
            at: Timestamp(2),
        }
    }

    #[test]
    fn it_is_named_once_and_the_same_name_again_is_fine() {
        given([account()]).when(name("a")).then([named("a")]);
        given([account(), named("a")]).when(name("a")).then([]);
        given([account(), named("a")])
            .when(name("b"))
            .then_refused(AccountError::KeyIdSet);
    }

    #[test]
    fn nobody_has_a_key() {
        given([]).when(name("a")).then_refused(AccountError::Gone);
    }
}
