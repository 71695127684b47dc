use super::{AccountError, live, secret::Proven, then};
use crate::execute::Command;
use domain::{
    account::user::{Secret, User, UserEvent},
    id::UserId,
    personal::Personal,
    time::Timestamp,
};
use uuid::Uuid;

/// How many letters and digits an API key has.
pub const KEY_LENGTH: usize = 30;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A new API key: 30 letters and digits, each as likely as any other, made from random ids.
pub fn new_api_key(mut new_id: impl FnMut() -> Uuid) -> Secret {
    let mut key = String::with_capacity(KEY_LENGTH);
    while key.len() < KEY_LENGTH {
        let id = new_id();
        // bytes 6 and 8 of a random id are not all random; bytes from 248 on would favour the first letters
        let random = id
            .as_bytes()
            .iter()
            .enumerate()
            .filter(|(i, b)| !matches!(i, 6 | 8) && **b < 248);
        let letters = random.map(|(_, b)| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]));
        key.extend(letters.take(KEY_LENGTH - key.len()));
    }
    Secret(key)
}

/// Shows the API key to its owner; makes one where there is none.
#[derive(Debug, Clone)]
pub struct EnsureApiKey {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to see.
    pub proven: Proven,
    /// The key to take if there is none.
    pub key: Secret,
}

impl Command for EnsureApiKey {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        let events = self.proven.spend(user, now)?;
        if user.api_key.is_some() {
            return Ok(events);
        }
        Ok(then(events, now, |at| made(self.user, &self.key, at)))
    }
}

/// Replaces the API key; the old one is dead at once.
#[derive(Debug, Clone)]
pub struct RotateApiKey {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to replace.
    pub proven: Proven,
    /// The new key.
    pub key: Secret,
}

impl Command for RotateApiKey {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let events = self.proven.spend(live(user)?, now)?;
        Ok(then(events, now, |at| made(self.user, &self.key, at)))
    }
}

fn made(user: UserId, key: &Secret, at: Timestamp) -> UserEvent {
    UserEvent::ApiKeyRotated {
        key: Personal::of(user, key.clone()),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::{account, proven},
        testing::{ALICE, given},
    };
    #[test]
    fn a_key_has_thirty_letters_and_digits() {
        let mut n = 3_u64;
        let mut ids = || {
            n += 1;
            Uuid::from_u64_pair(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), u64::MAX - n)
        };
        let (Secret(one), Secret(other)) = (new_api_key(&mut ids), new_api_key(&mut ids));
        assert_eq!(one.len(), 30);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }

    #[test]
    fn a_key_is_made_when_it_is_first_asked_for_and_stays_until_it_is_replaced() {
        let key = |text: &str| Secret(text.to_owned());
        let first = made(ALICE, &key("one"), Timestamp(2));
        let ask = EnsureApiKey {
            user: ALICE,
            proven: proven(),
            key: key("one"),
        };
        given([account()]).when(ask.clone()).then([first.clone()]);
        given([account(), first.clone()]).when(ask).then([]);
        let rotate = RotateApiKey {
            user: ALICE,
            proven: proven(),
            key: key("two"),
        };
        given([account(), first])
            .when(rotate)
            .then([made(ALICE, &key("two"), Timestamp(3))]);
    }
}
