//! Sessions: what a client is given after its owner proved who they are.

use super::{device_type, oauth::TokenError};
use crate::{
    WriteApi,
    account::device::{MAX_NAME, MAX_PUSH_TOKEN},
    organization::member::rules::PasswordPolicy,
};
use axum::http::StatusCode;
use commands::account::device::DeviceInfo;
use domain::{account::user::LiveUser, id::UserId, time::Timestamp};
use read_api::account::wire;
use serde_json::{Map, Value, json};
use web::{
    Form, Problem,
    token::{Claims, LIFETIME_SECONDS},
};

/// What a client says about the device it runs on.
///
/// # Errors
/// [`TokenError::DEVICE_MISSING`] if it does not, or says what cannot be.
pub fn device_of(form: &Form) -> Result<DeviceInfo, TokenError> {
    let said = |name| form.get(name).map(str::trim).filter(|text| !text.is_empty());
    let plain = |text: &&str| !text.chars().any(char::is_control);
    let (Some(identifier), Some(kind), Some(name)) = (
        said("deviceIdentifier").filter(plain),
        said("deviceType").and_then(device_type::parse),
        said("deviceName"),
    ) else {
        return Err(TokenError::DEVICE_MISSING);
    };
    if identifier.chars().count() > MAX_NAME {
        return Err(TokenError::DEVICE_MISSING);
    }
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    Ok(DeviceInfo {
        identifier: identifier.to_owned(),
        kind,
        name: if name.is_empty() { device_type::name(kind) } else { name },
        push_token: said("devicePushToken")
            .filter(|token| plain(token) && token.chars().count() <= MAX_PUSH_TOKEN)
            .map(str::to_owned),
    })
}

/// A session about to be given an access token.
#[derive(Debug)]
pub struct SessionClaims<'a> {
    /// Whose.
    pub id: UserId,
    /// The account.
    pub user: &'a LiveUser,
    /// The kind of client.
    pub client_id: &'a str,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// The client-made identifier of the device.
    pub device: &'a str,
    /// Its kind.
    pub device_type: u8,
    /// When its owner signed in.
    pub since: Timestamp,
}

impl SessionClaims<'_> {
    /// A signed access token, good from `now` on for an hour.
    ///
    /// # Errors
    /// 500 if it cannot be signed.
    pub fn access_token(self, app: &WriteApi, now: Timestamp) -> Result<String, TokenError> {
        let tokens = &app.read.auth.tokens;
        let seconds = now.0.div_euclid(1000);
        let claims = Claims {
            iss: tokens.issuer().to_owned(),
            nbf: seconds,
            exp: seconds + LIFETIME_SECONDS,
            iat: seconds,
            auth_time: self.since.0.div_euclid(1000),
            sub: self.id.0,
            client_id: self.client_id.to_owned(),
            scope: self.scopes,
            amr: vec!["Application".to_owned()],
            idp: "bitwarden".to_owned(),
            premium: true,
            email: self.user.email.clone(),
            email_verified: self.user.email_verified,
            stamp: self.user.stamp,
            name: self.user.name.clone(),
            device: self.device.to_owned(),
            devicetype: Some(device_type::name(self.device_type)),
        };
        tokens.sign(&claims).map_err(|error| {
            tracing::error!(%error, "no access token can be signed");
            TokenError::Other(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "An unhandled server error has occurred.",
            ))
        })
    }
}

/// What OAuth answers. Source: RFC 6749, section 5.1.
pub fn oauth_members(access_token: String, scope: &str, refresh_token: Option<String>) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("access_token".to_owned(), json!(access_token));
    members.insert("expires_in".to_owned(), json!(LIFETIME_SECONDS));
    members.insert("token_type".to_owned(), json!("Bearer"));
    if let Some(token) = refresh_token {
        members.insert("refresh_token".to_owned(), json!(token));
    }
    members.insert("scope".to_owned(), json!(scope));
    members
}

/// What clients want beside it to unlock the vault. Names begin with a capital here, but those of `AccountKeys` do not.
pub(crate) fn unlock_members(user: &LiveUser, policy: &PasswordPolicy) -> Map<String, Value> {
    let kdf = user.kdf;
    let key = user.credentials.user_key.as_str();
    let mut members = Map::new();
    if let Some(keys) = &user.keys {
        members.insert("PrivateKey".to_owned(), json!(keys.private_key.as_str()));
        let pair = (keys.public_key.as_str(), keys.private_key.as_str());
        let account_keys = wire::private_keys("Object", pair, user.signing.as_ref());
        members.insert("AccountKeys".to_owned(), account_keys);
    }
    members.insert("Key".to_owned(), json!(key));
    members.insert(
        "MasterPasswordPolicy".to_owned(),
        policy.render("Object", |name| name.to_owned()),
    );
    members.insert("ForcePasswordReset".to_owned(), json!(user.temporary_password));
    members.insert("Kdf".to_owned(), json!(kdf.kind()));
    members.insert("KdfIterations".to_owned(), json!(kdf.iterations()));
    members.insert("KdfMemory".to_owned(), json!(kdf.memory()));
    members.insert("KdfParallelism".to_owned(), json!(kdf.parallelism()));
    let unlock = json!({
        "Kdf": {
            "KdfType": kdf.kind(),
            "Iterations": kdf.iterations(),
            "Memory": kdf.memory(),
            "Parallelism": kdf.parallelism(),
        },
        "MasterKeyEncryptedUserKey": key,
        // mobile apps know it by this name
        "MasterKeyWrappedUserKey": key,
        "Salt": user.credentials.salt,
        "ContainedKeyId": user.key_id,
    });
    let options = json!({
        "HasMasterPassword": true,
        "MasterPasswordUnlock": unlock,
        "Object": "userDecryptionOptions",
    });
    members.insert("UserDecryptionOptions".to_owned(), options);
    members
}
