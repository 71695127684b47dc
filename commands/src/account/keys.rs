//! Commands about key material that clients made. Nothing is ever made, lowered or replaced here.

mod account_keys;
mod begin_rotation;
mod change_kdf;
mod change_password;
mod name_user_key;
mod regenerate_pair;
mod replace_temporary;
pub mod rotate_user_key;
mod set_pair;

pub use account_keys::AccountKeys;
pub use begin_rotation::{AbandonKeyRotation, BeginKeyRotation};
pub use change_kdf::ChangeKdf;
pub use change_password::ChangePassword;
pub use name_user_key::SetUserKeyId;
pub use regenerate_pair::RegenerateKeyPair;
pub use replace_temporary::ReplaceTemporaryPassword;
pub use rotate_user_key::{RehearseKeyRotation, Resealed, ResealedCipher, RotateUserKey};
pub use set_pair::SetKeyPair;

use super::{AccountError, secret::Proven};
use domain::{
    account::user::{Credentials, LiveUser, UserEvent},
    crypto::{EncString, Kdf, Verifier},
    time::Timestamp,
};

/// What a client made from a master password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// Hash of the new master password hash.
    pub verifier: Verifier,
    /// The user key, sealed with the new stretched master key.
    pub user_key: EncString,
    /// What the client salted the master key with, if it said so: it must be what it was.
    pub salt: Option<String>,
    /// The id of the user key, if the client said it: the key itself must be the one it was.
    pub key_id: Option<String>,
}

impl NewSecret {
    /// What a new master password makes of `user` where everything else stays as it is: what uses up the proof, and the credentials.
    /// `kdf` is how the client made the master key, if it said so.
    fn renew(
        &self,
        user: &LiveUser,
        proven: &Proven,
        kdf: Option<Kdf>,
        hint: Option<String>,
        now: Timestamp,
    ) -> Result<(Vec<UserEvent>, Credentials), AccountError> {
        let events = proven.spend(user, now)?;
        if kdf.is_some_and(|kdf| kdf != user.kdf) {
            return Err(AccountError::KdfDiffers);
        }
        Ok((events, self.credentials(user, hint)?))
    }

    /// The credentials of `user` with this in place of what there was.
    pub(crate) fn credentials(&self, user: &LiveUser, hint: Option<String>) -> Result<Credentials, AccountError> {
        if self.salt.as_ref().is_some_and(|salt| *salt != user.credentials.salt) {
            return Err(AccountError::Salt);
        }
        if matches!((&self.key_id, &user.key_id), (Some(said), Some(known)) if said != known) {
            return Err(AccountError::KeyIdDiffers);
        }
        Ok(Credentials {
            verifier: self.verifier.clone(),
            user_key: self.user_key.clone(),
            salt: user.credentials.salt.clone(),
            hint,
        })
    }
}
