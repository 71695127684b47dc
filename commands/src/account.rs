//! Commands about accounts, the addresses they hold and the devices they are used with.

mod address;
mod api_key;
mod code;
mod delete;
pub mod device;
pub mod email;
mod hint;
pub mod keys;
pub mod log;
pub mod login;
mod profile;
pub mod proof;
mod refusals;
pub mod registration;
pub mod secret;
mod stamp;
#[cfg(test)]
mod testing;

pub use address::{Found, find};
pub use api_key::{EnsureApiKey, RotateApiKey, new_api_key};
pub use code::{RequestOneTimeCode, UseOneTimeCode};
pub(crate) use delete::end_account;
pub use delete::{DeleteAccount, RequestDeletion};
pub use hint::RequestPasswordHint;
pub use profile::{Rename, SetAvatar, SetDeviceVerification, SetDomains};
pub use refusals::{LoginRefusals, Refused};
pub use stamp::RotateSecurityStamp;

use domain::{
    account::user::{LiveUser, User, UserEvent},
    fault::{Fault, FaultKind},
    time::Timestamp,
};

/// Why a command about an account is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is no such account, or no longer.
    #[error("Unauthorized.")]
    Gone,
    /// What was to prove who asks does not, or no longer.
    #[error("User verification failed.")]
    WrongSecret,
    /// A token or code is wrong, was used, or is too old.
    #[error("Invalid token.")]
    InvalidToken,
    /// Another account holds the address.
    #[error("Email '{0}' is already taken.")]
    AddressTaken(String),
    /// There is nothing to verify.
    #[error("Email already verified.")]
    AlreadyVerified,
    /// The password is the person's own.
    #[error("User does not have a temporary password to update.")]
    NotTemporary,
    /// A key pair can be set once; after that it can only be replaced.
    #[error("User has existing keypair")]
    HasKeyPair,
    /// The salt is not that of the account.
    #[error("Invalid master password salt.")]
    Salt,
    /// The way to make the master key changed where it must not.
    #[error("Invalid KDF settings.")]
    KdfDiffers,
    /// The new way to make the master key is cheaper to attack.
    #[error("The new KDF settings are weaker than the present ones. They can only be raised.")]
    KdfWeaker,
    /// The user key is another one than it was.
    #[error("Invalid user key sent in in master-password unlock data.")]
    KeyIdDiffers,
    /// Something that was sealed with the old user key was left out.
    #[error("All existing {0} must be included in the rotation.")]
    LeftOut(&'static str),
    /// The public key is another one than it was.
    #[error("The public key must stay the same in a rotation.")]
    PublicKeyDiffers,
    /// The signing keys are missing, or others than they were.
    #[error("The signing keys of an account can be sealed anew, not left out or replaced.")]
    SigningDiffers,
    /// The statement about the account is older than the one it has.
    #[error("The security version of an account cannot go back.")]
    SecurityVersionLower,
    /// Something was changed after the client had read it.
    #[error("The vault was changed by another client. Sync it and rotate again.")]
    OutOfDate,
    /// Somebody signed in while the user key was being rotated.
    #[error("Somebody signed in during the rotation. Sign in and rotate again.")]
    Interrupted,
    /// An item came back as another kind of item.
    #[error("The type of an item cannot change.")]
    KindDiffers,
    /// The user key has another id already.
    #[error("User key id is already set.")]
    KeyIdSet,
    /// More domains than are kept.
    #[error("At most {max_groups} groups of at most {max_domains} domains are kept.")]
    TooManyDomains {
        /// Most groups.
        max_groups: usize,
        /// Most domains of a group.
        max_domains: usize,
    },
    /// There is no such device, or it is somebody else's.
    #[error("Resource not found.")]
    NoSuchDevice,
}

impl Fault for AccountError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Gone => FaultKind::Unauthenticated,
            Self::NoSuchDevice => FaultKind::NotFound,
            _ => FaultKind::Invalid,
        }
    }

    /// The empty field is the request as a whole: clients show the first message found under any field.
    fn field(&self) -> Option<&str> {
        match self {
            Self::WrongSecret | Self::InvalidToken | Self::AddressTaken(_) => Some(""),
            _ => None,
        }
    }
}

/// The account, or [`AccountError::Gone`].
fn live(user: &User) -> Result<&LiveUser, AccountError> {
    user.live().ok_or(AccountError::Gone)
}

/// `events`, then one more that happens after them.
fn then(mut events: Vec<UserEvent>, now: Timestamp, make: impl FnOnce(Timestamp) -> UserEvent) -> Vec<UserEvent> {
    let at = Timestamp(now.0 + i64::try_from(events.len()).expect("few events"));
    events.push(make(at));
    events
}
