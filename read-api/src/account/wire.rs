//! Accounts as clients read them. Shapes: `models.json`.

use crate::organization::{
    Membership,
    wire::{profile_organizations, profile_organizations_new},
};
use domain::{account::signing::Signing, crypto::Kdf, id::UserId};
use projections::sync::account::AccountView;
use serde_json::{Map, Value, json};

/// `ProfileResponseModel`, with the organizations the person is confirmed in, and for newer clients those that they are on their way to.
pub fn profile(id: UserId, account: &AccountView, memberships: &[Membership]) -> Value {
    let organizations = profile_organizations(memberships, &account.email);
    let shares = !organizations.is_empty();
    json!({
        "object": "profile",
        "id": id,
        "name": account.name,
        "email": account.email,
        "emailVerified": account.email_verified,
        "premium": true,
        "premiumFromOrganization": shares,
        "culture": "en-US",
        "twoFactorEnabled": false,
        "key": account.user_key,
        "privateKey": account.private_key,
        "accountKeys": account_keys(account),
        "securityStamp": account.stamp,
        "forcePasswordReset": account.temporary_password,
        "usesKeyConnector": false,
        "avatarColor": account.avatar_color,
        "creationDate": account.created.iso(),
        "verifyDevices": account.verify_devices,
        "organizationsNew": profile_organizations_new(memberships, &account.email),
        "organizations": organizations,
        "providers": [],
        "providerOrganizations": [],
    })
}

/// `PrivateKeysResponseModel`; null for an account without a key pair.
pub fn account_keys(account: &AccountView) -> Value {
    match (&account.public_key, &account.private_key) {
        (Some(public), Some(private)) => {
            private_keys("object", (public.as_str(), private.as_str()), account.signing.as_ref())
        }
        _ => Value::Null,
    }
}

/// The keys of an account, public and sealed private key first. What kind of object each is stands in the member `tag`,
/// which the token answer writes with a capital.
pub fn private_keys(tag: &str, (public, private): (&str, &str), signing: Option<&Signing>) -> Value {
    let tagged = |kind: &str, mut value: Value| {
        value[tag] = json!(kind);
        value
    };
    let pair = json!({
        "wrappedPrivateKey": private,
        "publicKey": public,
        "signedPublicKey": signing.map(|signing| &signing.signed_public_key),
    });
    let signature = signing.map(|signing| {
        let pair = json!({
            "wrappedSigningKey": signing.signing_key.as_str(),
            "verifyingKey": signing.verifying_key,
        });
        tagged("signatureKeyPair", pair)
    });
    let state = signing.map(|signing| {
        json!({
            "securityState": signing.state,
            "securityVersion": signing.version,
        })
    });
    let keys = json!({
        "signatureKeyPair": signature,
        "publicKeyEncryptionKeyPair": tagged("publicKeyEncryptionKeyPair", pair),
        "securityState": state,
    });
    tagged("privateKeys", keys)
}

/// `KeysResponseModel`; `None` for an account without a key pair.
pub fn keys(account: &AccountView) -> Option<Value> {
    Some(json!({
        "object": "keys",
        "key": account.user_key,
        "publicKey": account.public_key.as_ref()?,
        "privateKey": account.private_key.as_ref()?,
        "accountKeys": account_keys(account),
    }))
}

/// `UserKeyResponseModel`; `None` for an account without a key pair.
pub fn user_key(id: UserId, account: &AccountView) -> Option<Value> {
    Some(json!({ "object": "userKey", "userId": id, "publicKey": account.public_key.as_ref()? }))
}

/// `PublicKeysResponseModel`; `None` for an account without a key pair.
pub fn public_keys(account: &AccountView) -> Option<Value> {
    let signing = account.signing.as_ref();
    Some(json!({
        "object": "publicKeys",
        "verifyingKey": signing.map(|signing| &signing.verifying_key),
        "signedPublicKey": signing.map(|signing| &signing.signed_public_key),
        "publicKey": account.public_key.as_ref()?,
    }))
}

/// `KeyRotationDataResponseModel`: of others, organizations that may recover the account have the user key.
pub fn key_rotation_data(memberships: &[Membership]) -> Value {
    let enrolled = memberships.iter().filter(|(_, row, _)| row.view.recovery_key.is_some());
    let organizations: Vec<Value> = enrolled
        .map(|(_, row, view)| {
            json!({
                "object": "organizationPasswordResetKeyData",
                "organizationId": row.organization,
                "organizationName": view.name,
                "organizationPublicKey": view.public_key,
            })
        })
        .collect();
    json!({
        "object": "keyRotationData",
        "organizationPasswordResetKeyData": organizations,
        "emergencyAccessKeyData": [],
        "trustedDeviceKeyData": [],
        "passkeyKeyData": [],
    })
}

/// `MasterPasswordUnlockKdfResponseModel`.
pub fn kdf(kdf: Kdf) -> Value {
    json!({
        "kdfType": kdf.kind(),
        "iterations": kdf.iterations(),
        "memory": kdf.memory(),
        "parallelism": kdf.parallelism(),
    })
}

/// `UserDecryptionResponseModel`: what is unset besides the master password is absent.
pub fn user_decryption(account: &AccountView) -> Value {
    let mut members = Map::new();
    let unlock = json!({
        "kdf": kdf(account.kdf),
        "masterKeyEncryptedUserKey": account.user_key,
        "salt": account.salt,
        "containedKeyId": account.key_id,
    });
    members.insert("masterPasswordUnlock".to_owned(), unlock);
    if let Some(id) = &account.key_id {
        members.insert("userKeyId".to_owned(), json!(id));
    }
    Value::Object(members)
}
