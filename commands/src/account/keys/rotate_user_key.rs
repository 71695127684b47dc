//! Another user key, and everything sealed with it sealed anew.
//!
//! Other devices may be writing meanwhile, sealed with the old key. Three things must not happen: an item that is not in the
//! rotated set and stays under the old key; an edit that the rotation overwrites with what its client had read before; a
//! write that was let in with an old session and is appended after the rotation. Nobody can look for new items and append
//! at one moment, for each is a stream of its own; and a lock that every write took would cost every write. So:
//!
//! 1. **Rehearse.** The rotation is decided and not appended. Whatever is wrong with it is refused here, and nothing has
//!    changed.
//! 2. **Begin** ([`super::BeginKeyRotation`]). One append gives the account a stamp that no session has, and closes the
//!    *fences* of all stamps that sessions have. Every write of a session names the fence of its stamp
//!    ([`crate::ports::EventStore::append_unless`]), which costs it no question: the store looks while it holds its lock
//!    anyway. So in the order of the store a write of an old session lies before this append, or is refused with 401.
//! 3. **Wait** until the read models have passed that append, so that they list everything that came before it. A store
//!    without one order over streams (KurrentDB) is given the time that its appends may take
//!    ([`crate::ports::EventStore::let_land`]).
//! 4. **Rotate.** One append, the account first. Decided anew on what is there now, with the stamp of step 2 in place of a proof. What came in between 1 and
//!    2 is found: an item that was left out, an edit the client had not seen. Then the rotation is refused; the sessions are
//!    over, and whoever signs in again finds everything under the old key.
//!
//! Between 2 and 4 nobody has a session. Who signs in then makes the rotation give up
//! ([`super::AbandonKeyRotation`], on the stream of the account): step 4 states the revision of that stream, so it is
//! refused, and a program that died between 2 and 4 locks nobody out. No clock has a part in it.
//!
//! A folder's name has no date that clients send back: one that was changed between the client's sync and step 2 becomes the
//! name the client knew.

use super::{AccountKeys, NewSecret};
use crate::{
    account::{AccountError, live, secret::Proven},
    execute::{ExecuteError, Loaded, Transaction, Unit},
    vault::cipher::KnownRevision,
};
use domain::{
    account::user::{LiveUser, User, UserEvent},
    crypto::{EncString, Kdf, fingerprint},
    id::{CipherId, FolderId, MembershipId, OrganizationId, UserId},
    organization::membership::{LiveMembership, Membership, MembershipEvent},
    personal::Personal,
    time::Timestamp,
    vault::{
        cipher::{Cipher, CipherEvent, CipherKind, Content},
        folder::{Folder, FolderEvent},
    },
};
use std::collections::HashMap;
use uuid::Uuid;

/// Everything of a vault, sealed with a new user key.
#[derive(Debug, Clone)]
pub struct Resealed {
    /// Items.
    pub ciphers: HashMap<CipherId, ResealedCipher>,
    /// Folders: their names.
    pub folders: HashMap<FolderId, EncString>,
    /// The new user key, sealed for the organizations that may recover the account.
    pub recovery: HashMap<OrganizationId, EncString>,
}

/// An item, sealed with a new user key.
#[derive(Debug, Clone)]
pub struct ResealedCipher {
    /// What kind it is.
    pub kind: CipherKind,
    /// What is in it.
    pub content: Content,
    /// The revision that was sealed anew; `None` if the client does not say.
    pub known: Option<KnownRevision>,
}

/// Replaces the user key, and with it everything sealed with it: all in one append, after it was begun. Its
/// metadata is that of a session that has ended.
///
/// Where something is filed, marked, archived or in the trash stays as it is; what is not the person's is passed over.
#[derive(Debug, Clone)]
pub struct RotateUserKey {
    /// Whose.
    pub user: UserId,
    /// What they will sign in with; `key_id` is that of the new key.
    pub secret: NewSecret,
    /// How the client makes the master key: as it was.
    pub kdf: Kdf,
    /// The hint; none removes the one there was.
    pub hint: Option<String>,
    /// The keys: what others know of them as it was, the rest sealed anew.
    pub keys: AccountKeys,
    /// What was sealed anew.
    pub resealed: Resealed,
    /// All items there are.
    pub ciphers: Vec<CipherId>,
    /// All folders there are.
    pub folders: Vec<FolderId>,
    /// All memberships there are.
    pub memberships: Vec<MembershipId>,
    /// The stamp it was begun with.
    pub begun: Uuid,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl RotateUserKey {
    fn decide_begun(&self, user: &LiveUser, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        if user.rotating && user.stamp == self.begun {
            self.decide_user(user, now)
        } else {
            Err(AccountError::Interrupted)
        }
    }

    fn decide_user(&self, user: &LiveUser, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        if self.kdf != user.kdf {
            return Err(AccountError::KdfDiffers);
        }
        self.keys.reseal(user)?;
        // the id is that of the new key, so it need not be the one known
        let unnamed = NewSecret {
            key_id: None,
            ..self.secret.clone()
        };
        let credentials = unnamed.credentials(user, self.hint.clone())?;
        let rotated = UserEvent::KeyRotated {
            fingerprint: fingerprint(credentials.user_key.as_str()),
            credentials: Personal::of(self.user, credentials),
            keys: Personal::of(self.user, self.keys.pair.clone()),
            key_id: self.secret.key_id.clone(),
            stamp: self.stamp,
            at: now,
        };
        Ok(self.keys.set_signing(self.user, vec![rotated], now))
    }

    fn decide_cipher(&self, loaded: &Loaded<Cipher>, now: Timestamp) -> Result<Option<CipherEvent>, AccountError> {
        let Some(cipher) = loaded.state.of(self.user) else {
            return Ok(None);
        };
        let resealed = self
            .resealed
            .ciphers
            .get(&loaded.id)
            .ok_or(AccountError::LeftOut("ciphers"))?;
        if resealed.kind != cipher.kind {
            return Err(AccountError::KindDiffers);
        }
        if resealed.known.is_some_and(|known| !known.is_latest(cipher, now)) {
            return Err(AccountError::OutOfDate);
        }
        Ok(Some(CipherEvent::Updated {
            content: resealed.content.clone(),
            folder: cipher.folder,
            favorite: cipher.favorite,
            archived: cipher.archived,
            at: now,
        }))
    }

    fn decide_folder(&self, loaded: &Loaded<Folder>, now: Timestamp) -> Result<Option<FolderEvent>, AccountError> {
        if !loaded.state.is_of(self.user) {
            return Ok(None);
        }
        let name = self
            .resealed
            .folders
            .get(&loaded.id)
            .ok_or(AccountError::LeftOut("folders"))?;
        Ok(Some(FolderEvent::Renamed {
            name: name.clone(),
            at: now,
        }))
    }

    /// An organization that may recover the account may go on to: it gets the new key, or nothing of this happens. Where the
    /// person is no active member, the old key goes instead.
    fn decide_membership(
        &self,
        loaded: &Loaded<Membership>,
        now: Timestamp,
    ) -> Result<Option<MembershipEvent>, AccountError> {
        let enrolled = |live: &&LiveMembership| live.user == Some(self.user) && live.recovery_key.is_some();
        let Some(membership) = loaded.state.live().filter(enrolled) else {
            return Ok(None);
        };
        let key = self.resealed.recovery.get(&membership.organization);
        // clients know of no organization that somebody is suspended in
        if key.is_none() && !membership.is_active() {
            return Ok(Some(MembershipEvent::RecoveryWithdrawn { at: now }));
        }
        let key = key.ok_or(AccountError::LeftOut("account recovery keys"))?;
        Ok(Some(MembershipEvent::RecoveryEnrolled {
            key: key.clone(),
            fingerprint: fingerprint(key.as_str()),
            at: now,
        }))
    }

    /// Reads all of the vault, decides, and collects what is to be appended.
    async fn reseal(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let ciphers = unit.load_many::<Cipher>(&self.ciphers).await?;
        let folders = unit.load_many::<Folder>(&self.folders).await?;
        for membership in unit.load_many::<Membership>(&self.memberships).await? {
            let event = self.decide_membership(&membership, unit.now_for(&membership));
            let event = event.map_err(ExecuteError::Refused)?;
            unit.follow(membership, event.into_iter().collect());
        }
        for folder in folders {
            let event = self.decide_folder(&folder, unit.now_for(&folder));
            let event = event.map_err(ExecuteError::Refused)?;
            unit.follow(folder, event.into_iter().collect());
        }
        for cipher in ciphers {
            let event = self.decide_cipher(&cipher, unit.now_for(&cipher));
            let event = event.map_err(ExecuteError::Refused)?;
            unit.follow(cipher, event.into_iter().collect());
        }
        Ok(())
    }
}

impl Transaction for RotateUserKey {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.user).await?;
        let now = unit.now_for(&loaded);
        let events = live(&loaded.state)
            .and_then(|user| self.decide_begun(user, now))
            .map_err(ExecuteError::Refused)?;
        // first, for it decides: whoever signs in meanwhile appends to the account, and to nothing else
        unit.append(loaded, events);
        self.reseal(unit).await?;
        Ok(())
    }
}

/// Decides a rotation before it is begun, and appends nothing: what is wrong with it is found while nothing has changed.
#[derive(Debug)]
pub struct RehearseKeyRotation<'r> {
    /// That the key is theirs to replace.
    pub proven: &'r Proven,
    /// The rotation.
    pub rotation: &'r RotateUserKey,
}

impl Transaction for RehearseKeyRotation<'_> {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.rotation.user).await?;
        let now = unit.now_for(&loaded);
        live(&loaded.state)
            .and_then(|user| {
                self.proven.spend(user, now)?;
                self.rotation.decide_user(user, now)
            })
            .map_err(ExecuteError::Refused)?;
        self.rotation.reseal(unit).await?;
        unit.forget();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::{NEW_STAMP, account, pair, pair_set, sealed},
        testing::{ALICE, BOB},
    };
    use domain::{
        account::signing::Signing,
        crypto::Verifier,
        event::{Aggregate, DomainEvent},
    };
    use serde_json::value::RawValue;

    const BEGUN: Uuid = Uuid::from_u128(0xbe);

    fn content(text: &str) -> Content {
        Content::new(RawValue::from_string(format!(r#"{{"name":"{text}"}}"#)).unwrap())
    }

    fn rotate(public_key: &str) -> RotateUserKey {
        RotateUserKey {
            user: ALICE,
            secret: NewSecret {
                verifier: Verifier("new".to_owned()),
                user_key: sealed("2.CCCC|CCCC|CCCC"),
                salt: None,
                key_id: Some("a".repeat(32)),
            },
            kdf: Kdf::Pbkdf2 { iterations: 700_000 },
            hint: None,
            keys: AccountKeys {
                pair: pair(public_key),
                signing: None,
            },
            resealed: Resealed {
                ciphers: HashMap::from([(CipherId(Uuid::from_u128(1)), resealed(None))]),
                folders: HashMap::new(),
                recovery: HashMap::new(),
            },
            ciphers: vec![],
            folders: vec![],
            memberships: vec![],
            begun: BEGUN,
            stamp: NEW_STAMP,
        }
    }

    fn resealed(known: Option<KnownRevision>) -> ResealedCipher {
        ResealedCipher {
            kind: CipherKind::Login,
            content: content("new"),
            known,
        }
    }

    fn cipher(id: u128, owner: UserId) -> Loaded<Cipher> {
        let created = CipherEvent::Created {
            owner,
            organization: None,
            collections: Vec::new(),
            kind: CipherKind::Login,
            content: content("old"),
            folder: Some(FolderId(Uuid::from_u128(8))),
            favorite: true,
            archived: None,
            imported: false,
            at: Timestamp(1),
        };
        Loaded {
            id: CipherId(Uuid::from_u128(id)),
            state: Cipher::default().evolve(&created),
            revision: None,
            at: None,
        }
    }

    #[test]
    fn an_item_keeps_its_place_and_gets_what_was_sealed_anew() {
        let event = rotate("public").decide_cipher(&cipher(1, ALICE), Timestamp(9));
        let expected = CipherEvent::Updated {
            content: content("new"),
            folder: Some(FolderId(Uuid::from_u128(8))),
            favorite: true,
            archived: None,
            at: Timestamp(9),
        };
        assert_eq!(event, Ok(Some(expected)));
    }

    #[test]
    fn an_item_left_out_stops_all_of_it_and_a_strangers_item_is_passed_over() {
        let rotate = rotate("public");
        assert_eq!(
            rotate.decide_cipher(&cipher(2, ALICE), Timestamp(9)),
            Err(AccountError::LeftOut("ciphers"))
        );
        assert_eq!(rotate.decide_cipher(&cipher(1, BOB), Timestamp(9)), Ok(None));
    }

    #[test]
    fn the_public_key_stays_and_the_new_key_has_its_own_id() {
        let user = [account(), pair_set("public", 2)]
            .iter()
            .fold(User::default(), Aggregate::evolve);
        let user = user.live().unwrap();
        assert_eq!(
            rotate("another").decide_user(user, Timestamp(9)),
            Err(AccountError::PublicKeyDiffers)
        );
        let events = rotate("public").decide_user(user, Timestamp(9)).unwrap();
        let after = events
            .iter()
            .fold(User::Live(Box::new(user.clone())), Aggregate::evolve);
        let after = after.live().unwrap();
        assert_eq!(after.key_id, Some("a".repeat(32)));
        assert_eq!((after.stamp, &after.credentials.verifier.0[..]), (NEW_STAMP, "new"));
    }

    #[test]
    fn signing_keys_come_with_the_new_key_and_behind_it() {
        let mut rotate = rotate("public");
        let signing = Signing {
            signed_public_key: "signed".to_owned(),
            signing_key: sealed("7.AAAA"),
            verifying_key: "verifying".to_owned(),
            state: "state".to_owned(),
            version: 2,
        };
        rotate.keys.signing = Some(signing.clone());
        let begun = UserEvent::KeyRotationBegun {
            stamp: BEGUN,
            at: Timestamp(3),
        };
        let before = [account(), begun].iter().fold(User::default(), Aggregate::evolve);
        let events = rotate.decide_begun(before.live().unwrap(), Timestamp(9)).unwrap();
        let times: Vec<_> = events.iter().map(DomainEvent::at).collect();
        assert_eq!(times, [Timestamp(9), Timestamp(10)]);
        let after = events.iter().fold(before, Aggregate::evolve);
        let after = after.live().unwrap();
        assert_eq!((after.rotating, &after.signing), (false, &Some(signing)));

        rotate.keys.signing = None;
        let without = rotate.decide_user(after, Timestamp(11));
        assert_eq!(without, Err(AccountError::SigningDiffers));
    }

    #[test]
    fn an_edit_the_client_has_not_seen_is_not_overwritten() {
        let mut rotate = rotate("public");
        let item = CipherId(Uuid::from_u128(1));
        for (known, expected) in [(1, true), (2, false)] {
            let known = Some(KnownRevision::Exact(Timestamp(known)));
            rotate.resealed.ciphers.insert(item, resealed(known));
            let decided = rotate.decide_cipher(&cipher(1, ALICE), Timestamp(9));
            assert_eq!(decided.is_ok(), expected, "{decided:?}");
            assert!(expected || decided == Err(AccountError::OutOfDate));
        }
    }

    #[test]
    fn it_must_have_been_begun_and_not_given_up_since() {
        let begun = |stamp| UserEvent::KeyRotationBegun {
            stamp,
            at: Timestamp(3),
        };
        let abandoned = UserEvent::KeyRotationAbandoned { at: Timestamp(4) };
        let state = |events: &[UserEvent]| events.iter().fold(User::default(), Aggregate::evolve);
        let decide = |events: &[UserEvent]| {
            let rotate = rotate("public");
            rotate
                .decide_begun(state(events).live().unwrap(), Timestamp(9))
                .map(drop)
        };
        let interrupted = Err(AccountError::Interrupted);
        assert_eq!(decide(&[account(), begun(BEGUN)]), Ok(()));
        assert_eq!(decide(&[account()]), interrupted);
        assert_eq!(decide(&[account(), begun(NEW_STAMP)]), interrupted);
        assert_eq!(decide(&[account(), begun(BEGUN), abandoned]), interrupted);
    }
}
