//! The account of a person.

mod event;

pub use event::{Profile, UserEvent};

use super::signing::Signing;
use crate::{
    crypto::{EncString, Kdf, Verifier},
    event::{Aggregate, Counts},
    id::{EmailAddressId, SubjectId, UserId},
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// What a person signs in and unlocks with. Leaves the log with the person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Hash of the master password hash.
    pub verifier: Verifier,
    /// The user key, sealed with the stretched master key.
    pub user_key: EncString,
    /// What the client salts the master key with; the address at that time unless the client said otherwise.
    pub salt: String,
    /// The password hint; at most 50 characters.
    pub hint: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// The key pair others seal for this person with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Base64 of the DER.
    pub public_key: String,
    /// Sealed with the user key.
    pub private_key: EncString,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

/// A secret text whose `Debug` says nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An account that is there and whose person was not erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveUser {
    /// The normalised address.
    pub email: String,
    /// The address as something held.
    pub address: EmailAddressId,
    /// Whether the address was proved to be theirs.
    pub email_verified: bool,
    /// What the person is called.
    pub name: Option<String>,
    /// How the client makes the master key.
    pub kdf: Kdf,
    /// What they sign in with.
    pub credentials: Credentials,
    /// The key pair, once the client made one.
    pub keys: Option<KeyPair>,
    /// The signing keys; accounts of older clients have none.
    pub signing: Option<Signing>,
    /// The id of the user key, once a client named it.
    pub key_id: Option<String>,
    /// Every session carries it.
    pub stamp: Uuid,
    /// Stamps before it that a request still on its way may carry: those since the user key was last rotated.
    pub former_stamps: Vec<Uuid>,
    /// The user key is being rotated: nobody is signed in.
    pub rotating: bool,
    /// The password was given by an organization: the person must choose another one.
    pub temporary_password: bool,
    /// The API key, once it was asked for.
    pub api_key: Option<Secret>,
    /// When the API key was made.
    pub api_key_at: Option<Timestamp>,
    /// Whether new devices must be verified.
    pub verify_devices: bool,
    /// `#rrggbb`.
    pub avatar_color: Option<String>,
    /// Groups of domains of the person's own making.
    pub equivalent_domains: Option<Vec<Vec<String>>>,
    /// Numbers of the global groups they do not want.
    pub excluded_domains: Vec<i32>,
    /// The one-time code that was asked for and not used: what it is derived from, and since when.
    pub one_time_code: Option<(Uuid, Timestamp)>,
    /// When they registered.
    pub created: Timestamp,
}

/// What decisions need to know of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// Nobody ever registered it.
    #[default]
    Absent,
    /// It is there.
    Live(Box<LiveUser>),
    /// It was there, or its person was erased.
    Deleted,
}

impl User {
    /// The account, if it is there.
    pub fn live(&self) -> Option<&LiveUser> {
        match self {
            Self::Live(user) => Some(user),
            Self::Absent | Self::Deleted => None,
        }
    }
}

impl Aggregate for User {
    const CATEGORY: &'static str = "user";
    const FOLD: &'static str = "921b7a22d24cee64";
    type Id = UserId;
    type Event = UserEvent;

    fn evolve(self, event: &UserEvent) -> Self {
        if let UserEvent::Registered {
            profile,
            address,
            email_verified,
            kdf,
            credentials,
            stamp,
            at,
        } = event
        {
            let (Some(profile), Some(credentials)) = (profile.known(), credentials.known()) else {
                return Self::Deleted;
            };
            return Self::Live(Box::new(LiveUser {
                email: profile.email.clone(),
                address: *address,
                email_verified: *email_verified,
                name: profile.name.clone(),
                kdf: *kdf,
                credentials: credentials.clone(),
                keys: None,
                signing: None,
                key_id: None,
                stamp: *stamp,
                former_stamps: vec![],
                rotating: false,
                temporary_password: false,
                api_key: None,
                api_key_at: None,
                verify_devices: true,
                avatar_color: None,
                equivalent_domains: None,
                excluded_domains: vec![],
                one_time_code: None,
                created: *at,
            }));
        }
        match self {
            Self::Live(user) => user
                .evolve(event)
                .map_or(Self::Deleted, |user| Self::Live(Box::new(user))),
            gone => gone,
        }
    }

    /// Organizations are told what the API catalogue numbers.
    fn counts(&self, _: UserId, event: &UserEvent) -> Counts {
        match event {
            UserEvent::PasswordChanged { .. } | UserEvent::TemporaryPasswordReplaced { .. } => Counts::AsAsked,
            _ => Counts::ForNone,
        }
    }

    fn subject(&self, id: UserId) -> Option<SubjectId> {
        self.live().map(|_| id.into())
    }
}

impl LiveUser {
    fn restamped(mut self, stamp: Uuid) -> Self {
        self.former_stamps.push(self.stamp);
        self.stamp = stamp;
        self
    }

    /// The account after `event`; `None` when it is gone or its person was erased.
    fn evolve(self, event: &UserEvent) -> Option<Self> {
        use UserEvent as E;
        Some(match event {
            E::Registered { .. }
            | E::EmailChangeRequested { .. }
            | E::EmailVerificationRequested { .. }
            | E::PasswordHintRequested { .. }
            | E::DeletionRequested { .. } => self,
            E::KeyPairSet { keys, .. } => Self {
                keys: Some(keys.known()?.clone()),
                ..self
            },
            E::SigningKeysSet { signing, .. } => Self {
                signing: Some(signing.known()?.clone()),
                ..self
            },
            E::UserKeyIdSet { key_id, .. } => Self {
                key_id: Some(key_id.clone()),
                ..self
            },
            E::PasswordChanged { credentials, stamp, .. } | E::TemporaryPasswordReplaced { credentials, stamp, .. } => {
                Self {
                    credentials: credentials.known()?.clone(),
                    temporary_password: false,
                    ..self.restamped(*stamp)
                }
            }
            E::PasswordRecovered { credentials, stamp, .. } => Self {
                credentials: credentials.known()?.clone(),
                temporary_password: true,
                ..self.restamped(*stamp)
            },
            E::KdfChanged {
                kdf,
                credentials,
                stamp,
                ..
            } => Self {
                kdf: *kdf,
                credentials: credentials.known()?.clone(),
                ..self.restamped(*stamp)
            },
            // all stamps before it are fenced in the same append
            E::KeyRotationBegun { stamp, .. } => Self {
                stamp: *stamp,
                former_stamps: vec![],
                rotating: true,
                ..self
            },
            E::KeyRotationAbandoned { .. } => Self {
                rotating: false,
                ..self
            },
            E::KeyRotated {
                credentials,
                keys,
                key_id,
                stamp,
                ..
            } => Self {
                credentials: credentials.known()?.clone(),
                keys: Some(keys.known()?.clone()),
                key_id: key_id.clone(),
                rotating: false,
                temporary_password: false,
                ..self.restamped(*stamp)
            },
            E::EmailChanged {
                email,
                address,
                credentials,
                stamp,
                ..
            } => Self {
                email: email.known()?.clone(),
                address: *address,
                email_verified: true,
                credentials: credentials.known()?.clone(),
                ..self.restamped(*stamp)
            },
            E::EmailVerified { .. } => Self {
                email_verified: true,
                ..self
            },
            E::OneTimeCodeRequested { nonce, at } => Self {
                one_time_code: Some((*nonce, *at)),
                ..self
            },
            E::OneTimeCodeUsed { .. } => Self {
                one_time_code: None,
                ..self
            },
            E::Renamed { name, .. } => Self {
                name: known(name)?,
                ..self
            },
            E::AvatarChanged { color, .. } => Self {
                avatar_color: color.clone(),
                ..self
            },
            E::DomainsSet {
                equivalent, excluded, ..
            } => Self {
                equivalent_domains: known(equivalent)?,
                excluded_domains: excluded.clone(),
                ..self
            },
            E::DeviceVerificationSet { on, .. } => Self {
                verify_devices: *on,
                ..self
            },
            E::ApiKeyRotated { key, at } => Self {
                api_key: Some(key.known()?.clone()),
                api_key_at: Some(*at),
                ..self
            },
            E::SecurityStampRotated { stamp, .. } => self.restamped(*stamp),
            E::Deleted { .. } => return None,
        })
    }
}

/// The value of something that may be unset: `None` if it was erased.
fn known<T: Clone>(value: &Option<Personal<T>>) -> Option<Option<T>> {
    value
        .as_ref()
        .map_or(Some(None), |value| value.known().cloned().map(Some))
}
