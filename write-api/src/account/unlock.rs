//! What newer clients send about a new master password: how to sign in with it, and how to unlock with it.

use super::check::{Checks, MAX_HASH};
use domain::crypto::{EncString, Kdf};
use serde::Deserialize;
use web::{Answer, Problem};

/// The most characters of a salt.
const MAX_SALT: usize = 256;

/// `KdfRequestModel`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KdfRequest {
    kdf_type: i64,
    iterations: i64,
    memory: Option<i64>,
    parallelism: Option<i64>,
}

impl KdfRequest {
    /// The settings, within the limits.
    ///
    /// # Errors
    /// 400 that names the number at fault.
    pub fn checked(&self) -> Answer<Kdf> {
        checked_kdf(self.kdf_type, self.iterations, self.memory, self.parallelism)
    }
}

/// The settings, within the limits.
///
/// # Errors
/// 400 that names the number at fault.
pub fn checked_kdf(kind: i64, iterations: i64, memory: Option<i64>, parallelism: Option<i64>) -> Answer<Kdf> {
    Kdf::checked(kind, iterations, memory, parallelism).map_err(|error| Problem::field("", error.to_string()))
}

/// `MasterPasswordAuthenticationDataRequestModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationData {
    kdf: KdfRequest,
    master_password_authentication_hash: String,
    salt: String,
}

/// `MasterPasswordUnlockDataRequestModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnlockData {
    kdf: KdfRequest,
    master_key_wrapped_user_key: String,
    salt: String,
    contained_key_id: Option<String>,
}

/// How to unlock with the master password, checked.
#[derive(Debug, Clone)]
pub struct Unlock {
    /// How the client makes the master key.
    pub kdf: Kdf,
    /// What it salts it with.
    pub salt: String,
    /// The sealed user key.
    pub user_key: EncString,
    /// The id of the user key, if it said so.
    pub key_id: Option<String>,
}

impl UnlockData {
    /// The same, within the limits.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub fn checked(self) -> Answer<Unlock> {
        let mut checks = Checks::new();
        let salt = checks.required("Salt", Some(self.salt), MAX_SALT);
        let user_key = checks.sealed("MasterKeyWrappedUserKey", Some(self.master_key_wrapped_user_key));
        let key_id = checks.key_id("ContainedKeyId", self.contained_key_id);
        checks.done()?;
        Ok(Unlock {
            kdf: self.kdf.checked()?,
            salt,
            user_key: user_key.ok_or_else(|| Problem::field("MasterKeyWrappedUserKey", "missing"))?,
            key_id,
        })
    }
}

/// Both, once they agree with each other.
#[derive(Debug, Clone)]
pub struct NewUnlock {
    /// How the client makes the master key.
    pub kdf: Kdf,
    /// What it salts it with.
    pub salt: String,
    /// What it sends to sign in.
    pub hash: String,
    /// The sealed user key.
    pub user_key: EncString,
    /// The id of the user key, if it said so.
    pub key_id: Option<String>,
}

/// Takes both parts.
///
/// # Errors
/// 400 if they do not agree or one of them is not as it must be.
pub fn agreed(authentication: AuthenticationData, unlock: UnlockData) -> Answer<NewUnlock> {
    if authentication.kdf != unlock.kdf {
        let message = "AuthenticationData and UnlockData must have the same KDF configuration.";
        return Err(Problem::field("Kdf", message));
    }
    if authentication.salt != unlock.salt {
        return Err(Problem::field("Salt", "Invalid master password salt."));
    }
    if unlock.salt.trim().is_empty() {
        return Err(Problem::field("Salt", "Master password salt must not be empty."));
    }
    let mut checks = Checks::new();
    let hash = checks.new_hash(
        "MasterPasswordAuthenticationHash",
        Some(authentication.master_password_authentication_hash),
        MAX_HASH,
    );
    checks.done()?;
    let unlock = unlock.checked()?;
    Ok(NewUnlock {
        kdf: unlock.kdf,
        salt: unlock.salt,
        hash,
        user_key: unlock.user_key,
        key_id: unlock.key_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parts(kdf: Value, salt: &str) -> (AuthenticationData, UnlockData) {
        let authentication =
            json!({"kdf": kdf, "masterPasswordAuthenticationHash": "a hash of some length", "salt": salt});
        let unlock = json!({"kdf": kdf, "masterKeyWrappedUserKey": "2.AAAA|AAAA|AAAA", "salt": salt});
        (
            serde_json::from_value(authentication).unwrap(),
            serde_json::from_value(unlock).unwrap(),
        )
    }

    fn message(authentication: AuthenticationData, unlock: UnlockData) -> String {
        agreed(authentication, unlock).unwrap_err().message().to_owned()
    }

    #[test]
    fn both_parts_say_the_same() {
        let kdf = json!({"kdfType": 1, "iterations": 3, "memory": 64, "parallelism": 4});
        let (authentication, unlock) = parts(kdf.clone(), "a@b");
        assert!(agreed(authentication.clone(), unlock.clone()).is_ok());
        let (_, other) = parts(json!({"kdfType": 0, "iterations": 600_000}), "a@b");
        assert_eq!(
            message(authentication.clone(), other),
            "AuthenticationData and UnlockData must have the same KDF configuration."
        );
        let (_, other) = parts(kdf, "b@b");
        assert_eq!(message(authentication, other), "Invalid master password salt.");
    }

    #[test]
    fn weak_settings_are_refused_by_name() {
        let (authentication, unlock) = parts(json!({"kdfType": 0, "iterations": 599_999}), "a@b");
        assert_eq!(
            message(authentication, unlock),
            "KDF iterations must be between 600000 and 2000000."
        );
    }
}
