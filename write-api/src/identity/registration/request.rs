//! The requests that make an account, checked.

use crate::account::{
    account_keys::AccountKeysRequest,
    check::Checks,
    keys::pair,
    unlock::{AuthenticationData, UnlockData, agreed, checked_kdf},
};
use commands::account::keys::AccountKeys;
use domain::{
    crypto::{EncString, Kdf},
    id::MembershipId,
};
use serde::Deserialize;
use web::{Answer, Problem};

/// The longest hash of a master password in a registration.
const MAX_HASH: usize = 1_000;

/// An account that somebody wants, as far as it goes without knowing who asks.
#[derive(Debug)]
pub struct NewAccount {
    /// The address, normalised; what the master key is salted with.
    pub email: String,
    /// What the client sends to sign in.
    pub hash: String,
    /// The sealed user key.
    pub user_key: EncString,
    /// How the client makes the master key.
    pub kdf: Kdf,
    /// The keys; the oldest clients make them at the first login.
    pub keys: Option<AccountKeys>,
    /// The id of the user key, if the client named it.
    pub key_id: Option<String>,
    /// The password hint.
    pub hint: Option<String>,
}

/// `KeysRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatKeys {
    public_key: Option<String>,
    encrypted_private_key: Option<String>,
}

impl FlatKeys {
    fn checked(self, checks: &mut Checks) -> Option<AccountKeys> {
        let public = ("PublicKey", self.public_key);
        let private = ("EncryptedPrivateKey", self.encrypted_private_key);
        pair(checks, public, private).map(|pair| AccountKeys { pair, signing: None })
    }
}

/// `RegisterFinishRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishRequest {
    email: Option<String>,
    email_verification_token: Option<String>,
    org_invite_token: Option<String>,
    organization_user_id: Option<String>,
    master_password_authentication: Option<AuthenticationData>,
    master_password_unlock: Option<UnlockData>,
    master_password_hash: Option<String>,
    master_password_hint: Option<String>,
    user_symmetric_key: Option<String>,
    user_asymmetric_keys: Option<FlatKeys>,
    account_keys: Option<AccountKeysRequest>,
    kdf: Option<i64>,
    kdf_iterations: Option<i64>,
    kdf_memory: Option<i64>,
    kdf_parallelism: Option<i64>,
}

/// The master password of a new account, whichever form it came in.
struct Password {
    hash: String,
    user_key: EncString,
    kdf: Kdf,
    key_id: Option<String>,
}

/// What allows somebody to make an account.
#[derive(Debug)]
pub enum Allowed {
    /// The token of a mail to the address.
    Mailed(String),
    /// An invitation into an organization: the membership, and the token of its link.
    Invited(MembershipId, String),
}

impl FinishRequest {
    /// The account, and what allows it.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub fn checked(mut self) -> Answer<(NewAccount, Allowed)> {
        let mut checks = Checks::new();
        let email = checks.email("Email", self.email.as_deref());
        let hint = checks.text("MasterPasswordHint", self.master_password_hint.take(), 50);
        let keys = self.keys(&mut checks);
        checks.done()?;
        let password = self.password(&email)?;
        let mailed = self.email_verification_token.filter(|token| !token.is_empty());
        let invited = self.org_invite_token.filter(|token| !token.is_empty());
        let membership = self.organization_user_id.and_then(|id| id.parse().ok());
        let allowed = match (mailed, invited, membership) {
            (Some(token), _, _) => Some(Allowed::Mailed(token)),
            (None, Some(token), Some(membership)) => Some(Allowed::Invited(membership, token)),
            _ => None,
        };
        let allowed = allowed.ok_or_else(|| Problem::field("", "No valid registration token provided"))?;
        let account = NewAccount {
            email,
            hash: password.hash,
            user_key: password.user_key,
            kdf: password.kdf,
            keys,
            key_id: password.key_id,
            hint,
        };
        Ok((account, allowed))
    }

    fn keys(&mut self, checks: &mut Checks) -> Option<AccountKeys> {
        match (self.user_asymmetric_keys.take(), self.account_keys.take()) {
            (None, Some(keys)) => keys.checked(checks),
            (Some(_), Some(keys)) if keys.is_v2() => keys.checked(checks),
            (Some(keys), _) => keys.checked(checks),
            (None, None) => {
                checks.wrong("", "PublicKey and WrappedPrivateKey not found in RequestModel");
                None
            }
        }
    }

    fn password(&mut self, email: &str) -> Answer<Password> {
        match (
            self.master_password_authentication.take(),
            self.master_password_unlock.take(),
        ) {
            (Some(authentication), Some(unlock)) => {
                let new = agreed(authentication, unlock)?;
                if self.master_password_hash.as_ref().is_some_and(|hash| *hash != new.hash) {
                    let message = "MasterPasswordAuthenticationHash and root level MasterPasswordHash provided and are not equal. Only provide one.";
                    return Err(Problem::field("", message));
                }
                if new.salt != email {
                    return Err(Problem::field("Salt", "Invalid master password salt."));
                }
                Ok(Password {
                    hash: new.hash,
                    user_key: new.user_key,
                    kdf: new.kdf,
                    key_id: new.key_id,
                })
            }
            (Some(_), None) => Err(Problem::field("", "MasterPasswordUnlock not found on RequestModel")),
            (None, Some(_)) => Err(Problem::field(
                "",
                "MasterPasswordAuthentication not found on RequestModel",
            )),
            (None, None) => flat_password(
                self.master_password_hash.take(),
                ("UserSymmetricKey", self.user_symmetric_key.take()),
                (self.kdf, self.kdf_iterations, self.kdf_memory, self.kdf_parallelism),
            ),
        }
    }
}

type FlatKdf = (Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn flat_password(
    hash: Option<String>,
    (key_field, user_key): (&str, Option<String>),
    (kind, iterations, memory, parallelism): FlatKdf,
) -> Answer<Password> {
    let mut checks = Checks::new();
    if hash.as_ref().is_none_or(|hash| hash.is_empty()) {
        let message =
            "MasterPasswordAuthenticationHash and MasterPasswordHash not found on request, one needs to be defined.";
        checks.wrong("MasterPasswordHash", message);
    }
    if kind.is_none() {
        checks.wrong("Kdf", "Kdf not found on RequestModel");
    }
    if iterations.is_none() {
        checks.wrong("KdfIterations", "KdfIterations not found on RequestModel");
    }
    checks.done()?;
    let mut checks = Checks::new();
    let hash = checks.new_hash("MasterPasswordHash", hash, MAX_HASH);
    let user_key = checks.sealed(key_field, user_key);
    checks.done()?;
    Ok(Password {
        hash,
        user_key: user_key.ok_or_else(|| Problem::field(key_field, format!("The {key_field} field is required.")))?,
        kdf: checked_kdf(
            kind.unwrap_or_default(),
            iterations.unwrap_or_default(),
            memory,
            parallelism,
        )?,
        key_id: None,
    })
}

/// The request of clients before 2025.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SingleStepRequest {
    email: Option<String>,
    name: Option<String>,
    master_password_hash: Option<String>,
    master_password_hint: Option<String>,
    key: Option<String>,
    keys: Option<FlatKeys>,
    kdf: Option<i64>,
    kdf_iterations: Option<i64>,
    kdf_memory: Option<i64>,
    kdf_parallelism: Option<i64>,
}

impl SingleStepRequest {
    /// The account, and what the person is called.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub fn checked(self) -> Answer<(NewAccount, Option<String>)> {
        let mut checks = Checks::new();
        let email = checks.email("Email", self.email.as_deref());
        let name = checks.text("Name", self.name, 50);
        let hint = checks.text("MasterPasswordHint", self.master_password_hint, 50);
        let keys = self.keys.and_then(|keys| keys.checked(&mut checks));
        checks.done()?;
        let password = flat_password(
            self.master_password_hash,
            ("Key", self.key),
            (self.kdf, self.kdf_iterations, self.kdf_memory, self.kdf_parallelism),
        )?;
        let account = NewAccount {
            email,
            hash: password.hash,
            user_key: password.user_key,
            kdf: password.kdf,
            keys,
            key_id: None,
            hint,
        };
        Ok((account, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn flat() -> Value {
        json!({
            "email": " Ann@Example.org ", "emailVerificationToken": "t", "masterPasswordHash": "a hash of some length",
            "userSymmetricKey": "2.AAAA|AAAA|AAAA", "kdf": 0, "kdfIterations": 600_000,
            "userAsymmetricKeys": {"publicKey": "AAAA", "encryptedPrivateKey": "2.BBBB|BBBB|BBBB"},
        })
    }

    fn parts(salt: &str) -> Value {
        let kdf = json!({"kdfType": 0, "iterations": 600_000});
        json!({
            "email": "ann@example.org", "emailVerificationToken": "t",
            "masterPasswordAuthentication":
                {"kdf": kdf, "masterPasswordAuthenticationHash": "a hash of some length", "salt": salt},
            "masterPasswordUnlock": {"kdf": kdf, "masterKeyWrappedUserKey": "2.AAAA|AAAA|AAAA", "salt": salt},
            "userAsymmetricKeys": {"publicKey": "AAAA", "encryptedPrivateKey": "2.BBBB|BBBB|BBBB"},
        })
    }

    fn checked(body: Value) -> Answer<(NewAccount, Allowed)> {
        serde_json::from_value::<FinishRequest>(body).unwrap().checked()
    }

    fn without(mut body: Value, member: &str) -> Value {
        body.as_object_mut().unwrap().remove(member);
        body
    }

    fn message(body: Value) -> String {
        checked(body).unwrap_err().message().to_owned()
    }

    #[test]
    fn both_forms_make_the_same_account() {
        let (flat, _) = checked(flat()).unwrap();
        let (parts, _) = checked(parts("ann@example.org")).unwrap();
        assert_eq!(flat.email, "ann@example.org");
        assert_eq!((flat.email, flat.hash, flat.kdf), (parts.email, parts.hash, parts.kdf));
    }

    #[test]
    fn what_is_missing_is_named() {
        let parts = parts("ann@example.org");
        for (body, words) in [
            (
                without(parts.clone(), "masterPasswordUnlock"),
                "MasterPasswordUnlock not found",
            ),
            (
                without(parts, "masterPasswordAuthentication"),
                "MasterPasswordAuthentication not found",
            ),
            (without(flat(), "masterPasswordHash"), "one needs to be defined."),
            (without(flat(), "kdf"), "Kdf not found"),
            (
                without(flat(), "userAsymmetricKeys"),
                "PublicKey and WrappedPrivateKey not found",
            ),
            (without(flat(), "emailVerificationToken"), "No valid registration token"),
            (without(flat(), "email"), "The Email field is required."),
        ] {
            let message = message(body);
            assert!(message.contains(words), "{message} does not say {words}");
        }
    }

    #[test]
    fn the_salt_is_the_address() {
        assert_eq!(message(parts("bob@example.org")), "Invalid master password salt.");
    }
}
