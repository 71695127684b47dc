use super::{AccountKeys, NewSecret};
use crate::{
    account::{AccountError, live, secret::Proven, then},
    execute::{ExecuteError, Loaded, Transaction, Unit},
};
use domain::{
    account::user::{LiveUser, User, UserEvent},
    crypto::{EncString, Kdf, fingerprint},
    id::{CipherId, FolderId, UserId},
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
    /// Items: what kind each is, and what is in it.
    pub ciphers: HashMap<CipherId, (CipherKind, Content)>,
    /// Folders: their names.
    pub folders: HashMap<FolderId, EncString>,
}

/// Replaces the user key, and with it everything sealed with it: all in one append. All sessions end.
///
/// Where something is filed, marked, archived or in the trash stays as it is; what is not the person's is passed over.
#[derive(Debug, Clone)]
pub struct RotateUserKey {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to replace.
    pub proven: Proven,
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
    /// A new security stamp.
    pub stamp: Uuid,
}

impl RotateUserKey {
    fn decide_user(&self, user: &LiveUser, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let events = self.proven.spend(user, now)?;
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
        let events = then(events, now, |at| UserEvent::KeyRotated {
            fingerprint: fingerprint(credentials.user_key.as_str()),
            credentials: Personal::of(self.user, credentials),
            keys: Personal::of(self.user, self.keys.pair.clone()),
            key_id: self.secret.key_id.clone(),
            stamp: self.stamp,
            at,
        });
        Ok(self.keys.set_signing(self.user, events, now))
    }

    fn decide_cipher(&self, loaded: &Loaded<Cipher>, now: Timestamp) -> Result<Option<CipherEvent>, AccountError> {
        let Some(cipher) = loaded.state.of(self.user) else {
            return Ok(None);
        };
        let (kind, content) = self
            .resealed
            .ciphers
            .get(&loaded.id)
            .ok_or(AccountError::LeftOut("ciphers"))?;
        if *kind != cipher.kind {
            return Err(AccountError::KindDiffers);
        }
        Ok(Some(CipherEvent::Updated {
            content: content.clone(),
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
}

impl Transaction for RotateUserKey {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.user).await?;
        let now = unit.now_for(&loaded);
        let events = live(&loaded.state)
            .and_then(|user| self.decide_user(user, now))
            .map_err(ExecuteError::Refused)?;
        let ciphers = unit.load_many::<Cipher>(&self.ciphers).await?;
        let folders = unit.load_many::<Folder>(&self.folders).await?;
        for folder in folders {
            let event = self.decide_folder(&folder, unit.now_for(&folder));
            let event = event.map_err(ExecuteError::Refused)?;
            unit.append(folder, event.into_iter().collect());
        }
        for cipher in ciphers {
            let event = self.decide_cipher(&cipher, unit.now_for(&cipher));
            let event = event.map_err(ExecuteError::Refused)?;
            unit.append(cipher, event.into_iter().collect());
        }
        unit.append(loaded, events);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::{NEW_STAMP, account, pair, pair_set, proven, sealed},
        testing::{ALICE, BOB},
    };
    use domain::{crypto::Verifier, event::Aggregate};
    use serde_json::value::RawValue;

    fn content(text: &str) -> Content {
        Content::new(RawValue::from_string(format!(r#"{{"name":"{text}"}}"#)).unwrap())
    }

    fn rotate(public_key: &str) -> RotateUserKey {
        RotateUserKey {
            user: ALICE,
            proven: proven(),
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
                ciphers: HashMap::from([(CipherId(Uuid::from_u128(1)), (CipherKind::Login, content("new")))]),
                folders: HashMap::new(),
            },
            ciphers: vec![],
            folders: vec![],
            stamp: NEW_STAMP,
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
}
