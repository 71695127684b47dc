use super::AccountKeys;
use crate::{
    account::{AccountError, live, then},
    execute::Command,
};
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};

/// Gives an account its keys. Refused when it has a pair, even this very one.
#[derive(Debug, Clone)]
pub struct SetKeyPair {
    /// Whose.
    pub user: UserId,
    /// The keys.
    pub keys: AccountKeys,
    /// The id of the user key, if the client named it.
    pub key_id: Option<String>,
}

impl Command for SetKeyPair {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        if user.keys.is_some() {
            return Err(AccountError::HasKeyPair);
        }
        let events = self.keys.set(self.user, vec![], now);
        match (&self.key_id, &user.key_id) {
            (Some(said), Some(known)) if said != known => Err(AccountError::KeyIdSet),
            (Some(said), None) => Ok(then(events, now, |at| UserEvent::UserKeyIdSet {
                key_id: said.clone(),
                at,
            })),
            _ => Ok(events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::{account, pair, pair_set},
        testing::{ALICE, given},
    };

    #[test]
    fn a_pair_is_set_once() {
        let set = SetKeyPair {
            user: ALICE,
            keys: AccountKeys {
                pair: pair("public"),
                signing: None,
            },
            key_id: None,
        };
        given([account()]).when(set.clone()).then([pair_set("public", 2)]);
        given([account(), pair_set("public", 2)])
            .when(set)
            .then_refused(AccountError::HasKeyPair);
    }
}
