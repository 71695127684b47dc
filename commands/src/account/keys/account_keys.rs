use crate::account::{AccountError, then};
use domain::{
    account::{
        signing::Signing,
        user::{KeyPair, LiveUser, UserEvent},
    },
    crypto::fingerprint,
    id::UserId,
    personal::Personal,
    time::Timestamp,
};

/// The keys of an account as a client made them: the pair others seal with, and for newer accounts what it signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKeys {
    /// The pair.
    pub pair: KeyPair,
    /// The signing keys.
    pub signing: Option<Signing>,
}

impl AccountKeys {
    /// `events`, then that the account has these keys.
    pub(crate) fn set(&self, user: UserId, events: Vec<UserEvent>, now: Timestamp) -> Vec<UserEvent> {
        let events = then(events, now, |at| UserEvent::KeyPairSet {
            keys: Personal::of(user, self.pair.clone()),
            fingerprint: fingerprint(&self.pair.public_key),
            at,
        });
        self.set_signing(user, events, now)
    }

    /// `events`, then that the account has these signing keys, if they are there.
    pub(crate) fn set_signing(&self, user: UserId, events: Vec<UserEvent>, now: Timestamp) -> Vec<UserEvent> {
        let Some(signing) = &self.signing else { return events };
        then(events, now, |at| UserEvent::SigningKeysSet {
            fingerprint: fingerprint(&signing.verifying_key),
            signing: Personal::of(user, signing.clone()),
            at,
        })
    }

    /// Whether these may stand in place of what `user` has, sealed with another user key: what others know of an account
    /// stays, signing keys can come but not go, and the statement about the account is not an older one.
    pub(super) fn reseal(&self, user: &LiveUser) -> Result<(), AccountError> {
        let known = user.keys.as_ref().map(|keys| &keys.public_key);
        if known.is_some_and(|known| *known != self.pair.public_key) {
            return Err(AccountError::PublicKeyDiffers);
        }
        match (&user.signing, &self.signing) {
            (None, _) => Ok(()),
            (Some(old), Some(new)) if old.verifying_key == new.verifying_key => {
                if new.version < old.version {
                    Err(AccountError::SecurityVersionLower)
                } else {
                    Ok(())
                }
            }
            (Some(_), _) => Err(AccountError::SigningDiffers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::{account, pair, pair_set, sealed};
    use domain::{account::user::User, event::Aggregate};

    fn keys(verifying: Option<(&str, u32)>) -> AccountKeys {
        AccountKeys {
            pair: pair("public"),
            signing: verifying.map(|(key, version)| Signing {
                signed_public_key: "signed".to_owned(),
                signing_key: sealed("7.AAAA"),
                verifying_key: key.to_owned(),
                state: "state".to_owned(),
                version,
            }),
        }
    }

    fn having(keys: &AccountKeys) -> LiveUser {
        let mut events = vec![account()];
        events.extend(keys.set_signing(crate::testing::ALICE, vec![pair_set("public", 2)], Timestamp(2)));
        let user = events.iter().fold(User::default(), Aggregate::evolve);
        user.live().unwrap().clone()
    }

    #[test]
    fn signing_keys_can_come_but_not_go_or_change() {
        let old = having(&keys(None));
        assert_eq!(keys(None).reseal(&old), Ok(()));
        assert_eq!(keys(Some(("v", 2))).reseal(&old), Ok(()));
        let new = having(&keys(Some(("v", 2))));
        assert_eq!(keys(Some(("v", 3))).reseal(&new), Ok(()));
        for gone in [keys(None), keys(Some(("another", 2)))] {
            assert_eq!(gone.reseal(&new), Err(AccountError::SigningDiffers));
        }
        let older = keys(Some(("v", 1))).reseal(&new);
        assert_eq!(older, Err(AccountError::SecurityVersionLower));
    }

    #[test]
    fn what_is_set_is_told_one_after_the_other() {
        let events = keys(Some(("v", 2))).set(crate::testing::ALICE, vec![account()], Timestamp(1));
        let times: Vec<i64> = events
            .iter()
            .map(|event| domain::event::DomainEvent::at(event).0)
            .collect();
        assert_eq!(times, [1, 2, 3]);
        assert!(matches!(&events[2], UserEvent::SigningKeysSet { fingerprint: f, .. } if *f == fingerprint("v")));
    }
}
