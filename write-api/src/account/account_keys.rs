//! The keys of an account as newer clients send them: the pair others seal with, and for V2 accounts what it signs with.

use super::{check::Checks, keys::pair};
use commands::account::keys::AccountKeys;
use domain::account::signing::Signing;
use serde::Deserialize;

/// The most characters of a signed text.
const MAX_SIGNED: usize = 10_000;

/// `AccountKeysRequestModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountKeysRequest {
    user_key_encrypted_account_private_key: Option<String>,
    account_public_key: Option<String>,
    public_key_encryption_key_pair: Option<EncryptionPair>,
    signature_key_pair: Option<SignaturePair>,
    security_state: Option<SecurityState>,
}

/// `WrappedAccountCryptographicStateRequestModel`: the same without the older fields, for V2 accounts only.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CryptographicState {
    public_key_encryption_key_pair: EncryptionPair,
    signature_key_pair: SignaturePair,
    security_state: SecurityState,
}

/// `PublicKeyEncryptionKeyPairRequestModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EncryptionPair {
    wrapped_private_key: Option<String>,
    public_key: Option<String>,
    signed_public_key: Option<String>,
}

/// `SignatureKeyPairRequestModel`. The algorithm is not kept: the verifying key says it too.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignaturePair {
    signature_algorithm: Option<String>,
    wrapped_signing_key: Option<String>,
    verifying_key: Option<String>,
}

/// `SecurityStateModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecurityState {
    security_state: Option<String>,
    security_version: i64,
}

impl From<CryptographicState> for AccountKeysRequest {
    fn from(state: CryptographicState) -> Self {
        Self {
            user_key_encrypted_account_private_key: None,
            account_public_key: None,
            public_key_encryption_key_pair: Some(state.public_key_encryption_key_pair),
            signature_key_pair: Some(state.signature_key_pair),
            security_state: Some(state.security_state),
        }
    }
}

impl AccountKeysRequest {
    /// Whether they are those of a V2 account.
    pub fn is_v2(&self) -> bool {
        self.signature_key_pair.is_some() && self.security_state.is_some()
    }

    /// The keys, if nothing is wrong with their form. V2 keys are there as a whole or not at all.
    pub fn checked(self, checks: &mut Checks) -> Option<AccountKeys> {
        let (public, private, signed) = match self.public_key_encryption_key_pair {
            Some(pair) => (pair.public_key, pair.wrapped_private_key, pair.signed_public_key),
            None => (
                self.account_public_key,
                self.user_key_encrypted_account_private_key,
                None,
            ),
        };
        let pair = pair(
            checks,
            ("AccountPublicKey", public),
            ("UserKeyEncryptedAccountPrivateKey", private),
        );
        let signing = match (self.signature_key_pair, self.security_state) {
            (None, None) => None,
            (Some(keys), Some(state)) => Some(signing(checks, signed, keys, state)?),
            _ => {
                checks.wrong(
                    "AccountKeys",
                    "SignatureKeyPair and SecurityState must be sent together.",
                );
                None
            }
        };
        Some(AccountKeys { pair: pair?, signing })
    }
}

fn signing(
    checks: &mut Checks,
    signed_public_key: Option<String>,
    keys: SignaturePair,
    state: SecurityState,
) -> Option<Signing> {
    checks.required("SignatureAlgorithm", keys.signature_algorithm, 50);
    let signing_key = checks.sealed("WrappedSigningKey", keys.wrapped_signing_key);
    let verifying_key = checks.public_key("VerifyingKey", keys.verifying_key);
    let signed_public_key = checks.public_key("SignedPublicKey", signed_public_key);
    let text = checks.required("SecurityState", state.security_state, MAX_SIGNED);
    let version = u32::try_from(state.security_version)
        .ok()
        .filter(|version| i32::try_from(*version).is_ok());
    if version.is_none() {
        checks.wrong("SecurityVersion", "SecurityVersion is not a version.");
    }
    Some(Signing {
        signed_public_key,
        signing_key: signing_key?,
        verifying_key,
        state: text,
        version: version?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn v2() -> Value {
        json!({
            "userKeyEncryptedAccountPrivateKey": "7.AAAA", "accountPublicKey": "AAAA",
            "publicKeyEncryptionKeyPair": {"wrappedPrivateKey": "7.BBBB", "publicKey": "BBBB", "signedPublicKey": "CCCC"},
            "signatureKeyPair": {"signatureAlgorithm": "ed25519", "wrappedSigningKey": "7.DDDD", "verifyingKey": "EEEE"},
            "securityState": {"securityState": "FFFF", "securityVersion": 2},
        })
    }

    fn checked(request: Value) -> Result<AccountKeys, String> {
        let mut checks = Checks::new();
        let keys = serde_json::from_value::<AccountKeysRequest>(request)
            .unwrap()
            .checked(&mut checks);
        match checks.done() {
            Ok(()) => Ok(keys.unwrap()),
            Err(problem) => Err(problem.message().to_owned()),
        }
    }

    #[test]
    fn older_keys_are_a_pair_and_newer_ones_sign() {
        let old = json!({"userKeyEncryptedAccountPrivateKey": "2.AAAA|AAAA|AAAA", "accountPublicKey": "AAAA"});
        assert_eq!(checked(old).unwrap().signing, None);
        let new = checked(v2()).unwrap();
        assert_eq!(new.pair.public_key, "BBBB");
        assert_eq!(new.signing.unwrap().version, 2);
    }

    #[test]
    fn half_of_the_newer_keys_is_refused_by_name() {
        for (place, words) in [
            ("/signatureKeyPair", "must be sent together"),
            ("/securityState", "must be sent together"),
            ("/publicKeyEncryptionKeyPair/signedPublicKey", "SignedPublicKey"),
            ("/signatureKeyPair/wrappedSigningKey", "WrappedSigningKey"),
            ("/signatureKeyPair/verifyingKey", "VerifyingKey"),
            ("/securityState/securityState", "SecurityState"),
        ] {
            let mut request = v2();
            *request.pointer_mut(place).unwrap() = Value::Null;
            let message = checked(request).unwrap_err();
            assert!(message.contains(words), "{place}: {message}");
        }
        let mut request = v2();
        request["securityState"]["securityVersion"] = json!(-1);
        assert!(checked(request).is_err());
    }
}
