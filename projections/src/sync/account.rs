//! Accounts as their owners see them.

use crate::table::{Kind, Line, Shape, Table};
use domain::{
    account::{
        signing::Signing,
        user::{Credentials, UserEvent},
    },
    crypto::Kdf,
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// What answers about an account need: everything clients may see of it, and nothing they sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The address.
    pub email: String,
    /// Whether it was proved to be theirs.
    pub email_verified: bool,
    /// What the person is called.
    pub name: Option<String>,
    /// How the client makes the master key.
    pub kdf: Kdf,
    /// What the client salts it with.
    pub salt: String,
    /// The sealed user key.
    pub user_key: String,
    /// The id of the user key.
    pub key_id: Option<String>,
    /// The public key.
    pub public_key: Option<String>,
    /// The sealed private key.
    pub private_key: Option<String>,
    /// The signing keys; accounts of older clients have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The security stamp.
    pub stamp: Uuid,
    /// The password was given by an organization: the person must choose another one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary_password: bool,
    /// `#rrggbb`.
    pub avatar_color: Option<String>,
    /// Whether new devices must be verified.
    pub verify_devices: bool,
    /// Groups of domains of the person's own making.
    pub equivalent_domains: Option<Vec<Vec<String>>>,
    /// Numbers of the global groups they do not want.
    pub excluded_domains: Vec<i32>,
    /// When they registered.
    pub created: Timestamp,
}

impl AccountView {
    fn keyed(self, credentials: &Personal<Credentials>, stamp: Uuid) -> Option<Self> {
        let credentials = credentials.known()?;
        Some(Self {
            salt: credentials.salt.clone(),
            user_key: credentials.user_key.as_str().to_owned(),
            stamp,
            ..self
        })
    }
}

/// The account after `event`; `None` when there is none, it is gone, or its person was erased.
pub(super) fn evolve(row: Option<AccountView>, event: &UserEvent) -> Option<AccountView> {
    use UserEvent as E;
    if let E::Registered {
        profile,
        email_verified,
        kdf,
        credentials,
        stamp,
        at,
        ..
    } = event
    {
        let (profile, credentials) = (profile.known()?, credentials.known()?);
        return Some(AccountView {
            email: profile.email.clone(),
            email_verified: *email_verified,
            name: profile.name.clone(),
            kdf: *kdf,
            salt: credentials.salt.clone(),
            user_key: credentials.user_key.as_str().to_owned(),
            key_id: None,
            public_key: None,
            private_key: None,
            signing: None,
            stamp: *stamp,
            temporary_password: false,
            avatar_color: None,
            verify_devices: true,
            equivalent_domains: None,
            excluded_domains: vec![],
            created: *at,
        });
    }
    let row = row?;
    Some(match event {
        E::Registered { .. }
        | E::EmailChangeRequested { .. }
        | E::EmailVerificationRequested { .. }
        | E::PasswordHintRequested { .. }
        | E::DeletionRequested { .. }
        | E::OneTimeCodeRequested { .. }
        | E::OneTimeCodeUsed { .. }
        | E::KeyRotationAbandoned { .. }
        | E::ApiKeyRotated { .. } => row,
        E::KeyPairSet { keys, .. } => {
            let keys = keys.known()?;
            AccountView {
                public_key: Some(keys.public_key.clone()),
                private_key: Some(keys.private_key.as_str().to_owned()),
                ..row
            }
        }
        E::SigningKeysSet { signing, .. } => AccountView {
            signing: Some(signing.known()?.clone()),
            ..row
        },
        E::UserKeyIdSet { key_id, .. } => AccountView {
            key_id: Some(key_id.clone()),
            ..row
        },
        E::PasswordChanged { credentials, stamp, .. } | E::TemporaryPasswordReplaced { credentials, stamp, .. } => {
            AccountView {
                temporary_password: false,
                ..row.keyed(credentials, *stamp)?
            }
        }
        E::PasswordRecovered { credentials, stamp, .. } => AccountView {
            temporary_password: true,
            ..row.keyed(credentials, *stamp)?
        },
        E::KdfChanged {
            kdf,
            credentials,
            stamp,
            ..
        } => AccountView {
            kdf: *kdf,
            ..row.keyed(credentials, *stamp)?
        },
        E::KeyRotated {
            credentials,
            keys,
            key_id,
            stamp,
            ..
        } => {
            let keys = keys.known()?;
            AccountView {
                public_key: Some(keys.public_key.clone()),
                private_key: Some(keys.private_key.as_str().to_owned()),
                key_id: key_id.clone(),
                temporary_password: false,
                ..row.keyed(credentials, *stamp)?
            }
        }
        E::EmailChanged {
            email,
            credentials,
            stamp,
            ..
        } => AccountView {
            email: email.known()?.clone(),
            email_verified: true,
            ..row.keyed(credentials, *stamp)?
        },
        E::EmailVerified { .. } => AccountView {
            email_verified: true,
            ..row
        },
        E::Renamed { name: None, .. } => AccountView { name: None, ..row },
        E::Renamed { name: Some(name), .. } => AccountView {
            name: Some(name.known()?.clone()),
            ..row
        },
        E::AvatarChanged { color, .. } => AccountView {
            avatar_color: color.clone(),
            ..row
        },
        E::DomainsSet {
            equivalent: None,
            excluded,
            ..
        } => AccountView {
            equivalent_domains: None,
            excluded_domains: excluded.clone(),
            ..row
        },
        E::DomainsSet {
            equivalent: Some(equivalent),
            excluded,
            ..
        } => AccountView {
            equivalent_domains: Some(equivalent.known()?.clone()),
            excluded_domains: excluded.clone(),
            ..row
        },
        E::DeviceVerificationSet { on, .. } => AccountView {
            verify_devices: *on,
            ..row
        },
        E::SecurityStampRotated { stamp, .. } | E::KeyRotationBegun { stamp, .. } => {
            AccountView { stamp: *stamp, ..row }
        }
        E::Deleted { .. } => return None,
    })
}

/// Whether clients must sync because of `event`.
pub(super) fn shows(event: &UserEvent) -> bool {
    use UserEvent as E;
    !matches!(
        event,
        E::EmailChangeRequested { .. }
            | E::EmailVerificationRequested { .. }
            | E::PasswordHintRequested { .. }
            | E::DeletionRequested { .. }
            | E::OneTimeCodeRequested { .. }
            | E::OneTimeCodeUsed { .. }
            | E::KeyRotationBegun { .. }
            | E::KeyRotationAbandoned { .. }
            | E::ApiKeyRotated { .. }
    )
}

/// Table `account`.
pub(crate) struct Accounts;

impl Table for Accounts {
    type Row = AccountView;
    const SHAPE: Shape = Shape {
        name: "account",
        columns: &[("user_id", Kind::Uuid), ("stamp", Kind::Uuid), ("view", Kind::Text)],
    };

    fn read(row: &PgRow) -> Result<(Uuid, AccountView), sqlx::Error> {
        Ok((row.try_get(0)?, read_view(row.try_get(2)?)?))
    }

    fn write(key: Uuid, row: &AccountView, line: &mut Line) {
        let view = serde_json::to_string(row).expect("a view holds nothing that JSON cannot");
        line.put(key).put(row.stamp).put(&*view);
    }
}

/// Reads the column `view`.
pub fn read_view(text: &str) -> Result<AccountView, sqlx::Error> {
    serde_json::from_str(text).map_err(|e| sqlx::Error::Decode(e.into()))
}
