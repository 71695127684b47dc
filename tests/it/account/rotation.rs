//! Another user key: the whole vault sealed anew, or nothing of it.

use serde_json::{Value, json};
use tests::client::{Account, Client, item};
use tests::crypto::SymmetricKey;
use tests::server::Server;

mod rivals;

pub const PATH: &str = "/api/accounts/key-management/rotate-user-account-keys";

/// What a client sends that gives `before` the user key and the password of `after`, with everything `client` sees.
pub async fn rotation(client: &Client, before: &Account, after: &Account) -> Value {
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
        "accountData": {"ciphers": ciphers, "folders": folders, "sends": []},
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
    assert_eq!(client.get("/api/sync").await.status, 401, "the session before");

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
