//! Another user key: the whole vault sealed anew, or nothing of it. And signing keys, which come with a rotation.

use super::session::assert_ended;
use serde_json::{Value, json};
use tests::client::{Account, Client, item};
use tests::crypto::SymmetricKey;
use tests::server::Server;
use tests::shape::assert_shape;

mod rivals;

pub const PATH: &str = "/api/accounts/key-management/rotate-user-account-keys";
/// The same with the password as it is.
pub const KEYS_ONLY: &str = "/api/accounts/key-management/rotate-user-keys";

/// `accountData`: everything `client` sees, sealed by `before`, sealed anew by `after`.
async fn resealed(client: &Client, before: &Account, after: &Account) -> Value {
    let sync = client.sync().await;
    let list = |name: &str| sync[name].as_array().unwrap().clone();
    let ciphers: Vec<Value> = list("ciphers")
        .iter()
        .map(|cipher| {
            let plain = item::open(&before.user_key, cipher);
            let mut sealed = item::seal(&after.user_key, &plain);
            sealed["lastKnownRevisionDate"] = cipher["revisionDate"].clone();
            sealed
        })
        .collect();
    let folders: Vec<Value> = list("folders")
        .iter()
        .map(|folder| {
            let name = before.user_key.open(folder["name"].as_str().unwrap()).unwrap();
            json!({"id": folder["id"], "name": after.user_key.seal(&name)})
        })
        .collect();
    json!({"ciphers": ciphers, "folders": folders, "sends": []})
}

/// What a client sends that gives `before` the user key and the password of `after`.
pub async fn rotation(client: &Client, before: &Account, after: &Account) -> Value {
    let kdf = after.kdf.to_json();
    json!({
        "oldMasterKeyAuthenticationHash": before.password_hash(),
        "accountUnlockData": {
            "masterPasswordUnlockData": {
                "kdfType": kdf["kdfType"], "kdfIterations": kdf["iterations"],
                "kdfMemory": kdf["memory"], "kdfParallelism": kdf["parallelism"],
                "email": after.email,
                "masterKeyAuthenticationHash": after.password_hash(),
                "masterKeyEncryptedUserKey": after.wrapped_user_key(),
                "masterPasswordHint": null,
            },
            "emergencyAccessUnlockData": [], "organizationAccountRecoveryUnlockData": [],
            "passkeyUnlockData": [], "deviceKeyUnlockData": [],
        },
        "accountKeys": {
            "userKeyEncryptedAccountPrivateKey": after.pair.wrapped_by(&after.user_key),
            "accountPublicKey": after.pair.public_key(),
        },
        "accountData": resealed(client, before, after).await,
    })
}

/// The keys of an account that signs, sealed by `account`.
fn signing_keys(account: &Account, version: i64) -> Value {
    json!({
        "publicKeyEncryptionKeyPair": {
            "wrappedPrivateKey": account.pair.wrapped_by(&account.user_key),
            "publicKey": account.pair.public_key(),
            "signedPublicKey": "c2lnbmVkIHB1YmxpYyBrZXk=",
        },
        "signatureKeyPair": {
            "signatureAlgorithm": "ed25519",
            "wrappedSigningKey": account.user_key.seal("signing key"),
            "verifyingKey": "dmVyaWZ5aW5nIGtleQ==",
        },
        "securityState": {"securityState": "c3RhdGU=", "securityVersion": version},
    })
}

/// What a client sends that gives `before` the user key of `after`, and signing keys.
pub async fn keys_only(client: &Client, before: &Account, after: &Account, version: i64) -> Value {
    json!({
        "wrappedAccountCryptographicState": signing_keys(after, version),
        "unlockData": {
            "emergencyAccessUnlockData": [], "organizationAccountRecoveryUnlockData": [],
            "passkeyUnlockData": [], "deviceKeyUnlockData": [],
        },
        "accountData": resealed(client, before, after).await,
        "unlockMethodData": {"unlockMethod": 1, "masterPasswordUnlockData": after.unlock_data()},
    })
}

pub fn with_new_key(account: &Account) -> Account {
    Account {
        password: "quite another password".into(),
        user_key: SymmetricKey::random(),
        ..account.clone()
    }
}

#[tokio::test]
async fn everything_opens_with_the_new_key_and_the_old_sessions_are_over() {
    let server = Server::shared().await;
    let (account, client) = server.member("rotation").await;
    let folder = client.create_folder(&account, "folder").await;
    let item = client.create_login(&account, "item").await;
    let trashed = client.create_login(&account, "trashed").await;
    client
        .put_empty(&format!("/api/ciphers/{trashed}/delete"))
        .await
        .ok_empty();
    let after = with_new_key(&account);
    let body = rotation(&client, &account, &after).await;
    client.post(PATH, &body).await.ok_empty();
    assert_ended(&client, "after a rotation").await;

    let mut again = server.client();
    again.login(&after).await;
    let name = |cipher: &Value| {
        after
            .user_key
            .open(cipher["name"].as_str().unwrap())
            .expect("the new key")
    };
    assert_eq!(name(&again.details(&item).await), "item");
    let trashed = again.details(&trashed).await;
    assert_eq!(name(&trashed), "trashed");
    assert!(trashed["deletedDate"].is_string(), "it is still in the trash");
    let folder = again.get(&format!("/api/folders/{folder}")).await.ok();
    assert_eq!(name(&folder), "folder");
    let pair = again.sync().await["profile"]["privateKey"].as_str().unwrap().to_owned();
    tests::crypto::KeyPair::unwrap_with(&after.user_key, &pair).expect("the private key opens with the new key");
}

#[tokio::test]
async fn with_an_item_left_out_or_a_wrong_password_nothing_changes() {
    let server = Server::shared().await;
    let (account, client) = server.member("partial").await;
    client.create_login(&account, "one").await;
    client.create_login(&account, "two").await;
    let before = client.vault().await;
    let after = with_new_key(&account);
    let body = rotation(&client, &account, &after).await;

    let mut partial = body.clone();
    partial["accountData"]["ciphers"].as_array_mut().unwrap().pop();
    client
        .post(PATH, &partial)
        .await
        .refused(400, "All existing ciphers must be included in the rotation.");
    let mut wrong = body.clone();
    wrong["oldMasterKeyAuthenticationHash"] = json!(after.password_hash());
    client.post(PATH, &wrong).await.refused(400, "Incorrect password.");
    let mut other = body;
    other["accountKeys"]["accountPublicKey"] = json!(tests::crypto::KeyPair::random().public_key());
    client.post(PATH, &other).await.refused(400, "public key");
    assert_eq!(client.vault().await, before);
    server.client().login(&account).await;
}

#[tokio::test]
async fn an_account_gets_signing_keys_and_keeps_them() {
    let server = Server::shared().await;
    let (account, client) = server.member("signing").await;
    let item = client.create_login(&account, "item").await;
    let after = Account {
        user_key: SymmetricKey::random(),
        ..account.clone()
    };
    let body = keys_only(&client, &account, &after, 2).await;
    client.post(KEYS_ONLY, &body).await.ok_empty();
    assert_ended(&client, "after a rotation").await;

    let mut again = server.client();
    let answer = again.login(&after).await;
    assert_shape("TokenAnswer", &answer);
    assert_eq!(answer["AccountKeys"]["securityState"]["securityVersion"], 2);
    let name = again.details(&item).await["name"].clone();
    assert_eq!(after.user_key.open(name.as_str().unwrap()).unwrap(), "item");
    let keys = again.sync().await["profile"]["accountKeys"].clone();
    assert_shape("PrivateKeysResponseModel", &keys);
    let sent = &body["wrappedAccountCryptographicState"];
    assert_eq!(
        keys["signatureKeyPair"]["wrappedSigningKey"],
        sent["signatureKeyPair"]["wrappedSigningKey"]
    );
    let public = again
        .get(&format!("/api/users/{}/keys", again.user_id().await))
        .await
        .ok();
    assert_shape("PublicKeysResponseModel", &public);
    assert_eq!(public["verifyingKey"], sent["signatureKeyPair"]["verifyingKey"]);
    assert_eq!(
        public["signedPublicKey"],
        sent["publicKeyEncryptionKeyPair"]["signedPublicKey"]
    );

    // without them, or with others, nothing is rotated
    let next = with_new_key(&after);
    let mut without = rotation(&again, &after, &next).await;
    again.post(PATH, &without).await.refused(400, "signing keys");
    let older = keys_only(&again, &after, &next, 1).await;
    again.post(KEYS_ONLY, &older).await.refused(400, "security version");
    without["accountKeys"] = signing_keys(&next, 2);
    without["accountKeys"]["userKeyEncryptedAccountPrivateKey"] = json!(next.pair.wrapped_by(&next.user_key));
    without["accountKeys"]["accountPublicKey"] = json!(next.pair.public_key());
    again.post(PATH, &without).await.ok_empty();
    server.client().login(&next).await;
}

#[tokio::test]
async fn a_client_older_than_signing_keys_is_told_to_update() {
    let server = Server::shared().await;
    let client = server.client();
    let account = Account::new("signed");
    let token = client.verification_token(&account).await.ok();
    let mut body = account.finish_request(token.as_str().unwrap());
    body["accountKeys"] = signing_keys(&account, 2);
    body["accountKeys"]["userKeyEncryptedAccountPrivateKey"] = json!(account.pair.wrapped_by(&account.user_key));
    body["accountKeys"]["accountPublicKey"] = json!(account.pair.public_key());
    client.post("/identity/accounts/register/finish", &body).await.ok();

    let old = client.saying_version("2025.10.1");
    let answer = old.try_login(&account.email, &account.password_hash()).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (400, &json!("invalid_client_version")),
        "{}",
        answer.text
    );
    assert_shape("OAuthError", &answer.body);
    client.saying_version("2025.11.0").login(&account).await;
}

#[tokio::test]
async fn half_of_the_newer_keys_is_refused_and_changes_nothing() {
    let server = Server::shared().await;
    let (account, client) = server.member("half").await;
    let before = client.vault().await;
    let after = Account {
        user_key: SymmetricKey::random(),
        ..account.clone()
    };
    let body = keys_only(&client, &account, &after, 2).await;
    for place in [
        "/wrappedAccountCryptographicState/signatureKeyPair",
        "/wrappedAccountCryptographicState/publicKeyEncryptionKeyPair/signedPublicKey",
        "/wrappedAccountCryptographicState/securityState/securityState",
        "/unlockMethodData/masterPasswordUnlockData",
    ] {
        let mut half = body.clone();
        *half.pointer_mut(place).unwrap() = Value::Null;
        let answer = client.post(KEYS_ONLY, &half).await;
        assert_eq!(answer.status, 400, "{place}: {}", answer.text);
    }
    let mut other = body.clone();
    other["unlockMethodData"]["unlockMethod"] = json!(2);
    client.post(KEYS_ONLY, &other).await.refused(400, "master password");
    let mut weaker = body;
    weaker["unlockMethodData"]["masterPasswordUnlockData"]["kdf"] = json!({"kdfType": 0, "iterations": 600_001});
    client.post(KEYS_ONLY, &weaker).await.refused(400, "KDF");
    assert_eq!(client.vault().await, before);
    server.client().login(&account).await;
}
