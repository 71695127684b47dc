//! What can have happened to an account.

use super::{Credentials, KeyPair, Secret};
use crate::{
    account::signing::Signing,
    crypto::Kdf,
    event::DomainEvent,
    id::{EmailAddressId, OrganizationId},
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everything that can have happened to an account.
///
/// Key material is only ever what a client sent; each change of it is an event of its own, with a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserEvent {
    /// Somebody registered.
    #[serde(rename = "UserRegistered")]
    Registered {
        /// The address, and the name if one was given.
        profile: Personal<Profile>,
        /// The address as something to hold.
        address: EmailAddressId,
        /// Whether the address was proved to be theirs.
        email_verified: bool,
        /// How the client makes the master key.
        kdf: Kdf,
        /// What they sign in with.
        credentials: Personal<Credentials>,
        /// Every session carries it; when it changes, they end.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// The key pair was set, or replaced by the client.
    #[serde(rename = "UserKeyPairSet")]
    KeyPairSet {
        /// The pair.
        keys: Personal<KeyPair>,
        /// SHA-256 of the public key.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// The account got signing keys, or they were sealed anew with another user key.
    #[serde(rename = "UserSigningKeysSet")]
    SigningKeysSet {
        /// The keys.
        signing: Personal<Signing>,
        /// SHA-256 of the key that signatures are checked with.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// The client named the user key.
    #[serde(rename = "UserKeyIdSet")]
    UserKeyIdSet {
        /// 32 hexadecimal digits.
        key_id: String,
        /// When.
        at: Timestamp,
    },
    /// Another master password.
    #[serde(rename = "UserPasswordChanged")]
    PasswordChanged {
        /// What they sign in with now.
        credentials: Personal<Credentials>,
        /// SHA-256 of the newly sealed user key.
        fingerprint: String,
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// An organization that may recover the account gave it another master password: good for signing in and choosing one.
    #[serde(rename = "UserPasswordRecovered")]
    PasswordRecovered {
        /// Which organization.
        organization: OrganizationId,
        /// What they sign in with now.
        credentials: Personal<Credentials>,
        /// SHA-256 of the newly sealed user key.
        fingerprint: String,
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// The person chose a master password in place of the one an organization had given them.
    #[serde(rename = "UserTemporaryPasswordReplaced")]
    TemporaryPasswordReplaced {
        /// What they sign in with now.
        credentials: Personal<Credentials>,
        /// SHA-256 of the newly sealed user key.
        fingerprint: String,
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// Another way to make the master key.
    #[serde(rename = "UserKdfChanged")]
    KdfChanged {
        /// The new way.
        kdf: Kdf,
        /// What they sign in with now.
        credentials: Personal<Credentials>,
        /// SHA-256 of the newly sealed user key.
        fingerprint: String,
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// A rotation of the user key begins: all sessions end, and what they still try to write is refused.
    #[serde(rename = "UserKeyRotationBegun")]
    KeyRotationBegun {
        /// A stamp that no session carries while the rotation lasts.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// Somebody signed in before the rotation was done: it will not be.
    #[serde(rename = "UserKeyRotationAbandoned")]
    KeyRotationAbandoned {
        /// When.
        at: Timestamp,
    },
    /// Another user key, and everything that was sealed with the old one sealed with the new one in the same append.
    #[serde(rename = "UserKeyRotated")]
    KeyRotated {
        /// What they sign in with now.
        credentials: Personal<Credentials>,
        /// The key pair: the public key as it was, the private key sealed anew.
        keys: Personal<KeyPair>,
        /// SHA-256 of the newly sealed user key.
        fingerprint: String,
        /// The id of the new user key, if the client named it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_id: Option<String>,
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// Another address, proved to be theirs.
    #[serde(rename = "UserEmailChanged")]
    EmailChanged {
        /// The new address.
        email: Personal<String>,
        /// The one before, for the notice that goes there.
        before: Personal<String>,
        /// The new address as something to hold.
        address: EmailAddressId,
        /// What they sign in with now.
        credentials: Personal<Credentials>,
        /// SHA-256 of the newly sealed user key.
        fingerprint: String,
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// They asked for a code to change the address.
    #[serde(rename = "UserEmailChangeRequested")]
    EmailChangeRequested {
        /// The wished address.
        email: Personal<String>,
        /// Somebody holds it: the notice goes to the present address and tells so.
        taken: bool,
        /// When.
        at: Timestamp,
    },
    /// They asked to have the address verified.
    #[serde(rename = "UserEmailVerificationRequested")]
    EmailVerificationRequested {
        /// When.
        at: Timestamp,
    },
    /// The address was proved to be theirs.
    #[serde(rename = "UserEmailVerified")]
    EmailVerified {
        /// When.
        at: Timestamp,
    },
    /// Somebody asked for the password hint: it goes to the address by mail.
    #[serde(rename = "UserPasswordHintRequested")]
    PasswordHintRequested {
        /// When.
        at: Timestamp,
    },
    /// Somebody who cannot sign in asked to delete the account: a link goes to the address by mail.
    #[serde(rename = "UserDeletionRequested")]
    DeletionRequested {
        /// When.
        at: Timestamp,
    },
    /// They asked for a one-time code: it goes to the address by mail.
    #[serde(rename = "UserOneTimeCodeRequested")]
    OneTimeCodeRequested {
        /// Made anew for each request; the code is derived from it, and used up with it.
        nonce: Uuid,
        /// When.
        at: Timestamp,
    },
    /// The one-time code was used.
    #[serde(rename = "UserOneTimeCodeUsed")]
    OneTimeCodeUsed {
        /// When.
        at: Timestamp,
    },
    /// Another name.
    #[serde(rename = "UserRenamed")]
    Renamed {
        /// The new name; at most 50 characters.
        name: Option<Personal<String>>,
        /// When.
        at: Timestamp,
    },
    /// Another colour.
    #[serde(rename = "UserAvatarChanged")]
    AvatarChanged {
        /// `#rrggbb`.
        color: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Which domains count as one for autofill.
    #[serde(rename = "UserDomainsSet")]
    DomainsSet {
        /// Groups of the person's own making.
        equivalent: Option<Personal<Vec<Vec<String>>>>,
        /// Numbers of the global groups they do not want.
        excluded: Vec<i32>,
        /// When.
        at: Timestamp,
    },
    /// Whether new devices must be verified.
    #[serde(rename = "UserDeviceVerificationSet")]
    DeviceVerificationSet {
        /// Whether.
        on: bool,
        /// When.
        at: Timestamp,
    },
    /// The API key was made, or made anew.
    #[serde(rename = "UserApiKeyRotated")]
    ApiKeyRotated {
        /// 30 letters and digits; owners may read it again.
        key: Personal<Secret>,
        /// When.
        at: Timestamp,
    },
    /// All sessions were ended.
    #[serde(rename = "UserSecurityStampRotated")]
    SecurityStampRotated {
        /// The new stamp.
        stamp: Uuid,
        /// When.
        at: Timestamp,
    },
    /// The account is gone, and all that is in it with it.
    #[serde(rename = "UserDeleted")]
    Deleted {
        /// The address, for the notice that goes there.
        email: Personal<String>,
        /// When.
        at: Timestamp,
    },
}

/// Who an account says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The normalised address.
    pub email: String,
    /// What the person wants to be called.
    pub name: Option<String>,
}

impl DomainEvent for UserEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("UserRegistered", 1),
        ("UserKeyPairSet", 1),
        ("UserSigningKeysSet", 1),
        ("UserKeyIdSet", 1),
        ("UserPasswordChanged", 1),
        ("UserPasswordRecovered", 1),
        ("UserTemporaryPasswordReplaced", 1),
        ("UserKdfChanged", 1),
        ("UserKeyRotationBegun", 1),
        ("UserKeyRotationAbandoned", 1),
        ("UserKeyRotated", 1),
        ("UserEmailChanged", 1),
        ("UserEmailChangeRequested", 1),
        ("UserEmailVerificationRequested", 1),
        ("UserEmailVerified", 1),
        ("UserPasswordHintRequested", 1),
        ("UserDeletionRequested", 1),
        ("UserOneTimeCodeRequested", 1),
        ("UserOneTimeCodeUsed", 1),
        ("UserRenamed", 1),
        ("UserAvatarChanged", 1),
        ("UserDomainsSet", 1),
        ("UserDeviceVerificationSet", 1),
        ("UserApiKeyRotated", 1),
        ("UserSecurityStampRotated", 1),
        ("UserDeleted", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::Registered { at, .. }
            | Self::KeyPairSet { at, .. }
            | Self::SigningKeysSet { at, .. }
            | Self::UserKeyIdSet { at, .. }
            | Self::PasswordChanged { at, .. }
            | Self::PasswordRecovered { at, .. }
            | Self::TemporaryPasswordReplaced { at, .. }
            | Self::KdfChanged { at, .. }
            | Self::KeyRotationBegun { at, .. }
            | Self::KeyRotationAbandoned { at }
            | Self::KeyRotated { at, .. }
            | Self::EmailChanged { at, .. }
            | Self::EmailChangeRequested { at, .. }
            | Self::EmailVerificationRequested { at }
            | Self::EmailVerified { at }
            | Self::PasswordHintRequested { at }
            | Self::DeletionRequested { at }
            | Self::OneTimeCodeRequested { at, .. }
            | Self::OneTimeCodeUsed { at }
            | Self::Renamed { at, .. }
            | Self::AvatarChanged { at, .. }
            | Self::DomainsSet { at, .. }
            | Self::DeviceVerificationSet { at, .. }
            | Self::ApiKeyRotated { at, .. }
            | Self::SecurityStampRotated { at, .. }
            | Self::Deleted { at, .. } => *at,
        }
    }
}
