use crate::{
    account::{AccountError, live},
    execute::Command,
};
use domain::{
    account::user::{KeyPair, User, UserEvent},
    crypto::fingerprint,
    id::UserId,
    personal::Personal,
    time::Timestamp,
};

/// Replaces a key pair that the client found broken. The same pair again changes nothing.
#[derive(Debug, Clone)]
pub struct RegenerateKeyPair {
    /// Whose.
    pub user: UserId,
    /// The new pair.
    pub keys: KeyPair,
}

impl Command for RegenerateKeyPair {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        if user.keys.as_ref() == Some(&self.keys) {
            return Ok(vec![]);
        }
        if user.signing.is_some() {
            // the public key is signed: another one would be one that nobody signed
            return Err(AccountError::SigningDiffers);
        }
        Ok(vec![UserEvent::KeyPairSet {
            keys: Personal::of(self.user, self.keys.clone()),
            fingerprint: fingerprint(&self.keys.public_key),
            at: now,
        }])
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
    fn the_client_replaces_its_pair() {
        let keys = pair("other");
        given([account(), pair_set("broken", 2)])
            .when(RegenerateKeyPair { user: ALICE, keys })
            .then([pair_set("other", 3)]);
    }
}
