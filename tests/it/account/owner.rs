//! What the owner of an account sees and changes.

use serde_json::{Value, json};
use tests::client::Account;
use tests::server::Server;
use tests::shape::assert_shape;

#[tokio::test]
async fn name_and_colour_are_kept_and_can_be_taken_back() {
    let (_, client) = Server::shared().await.member("profile").await;
    let answer = client
        .put(
            "/api/accounts/profile",
            &json!({"name": "Ada Ünïcode", "masterPasswordHint": null}),
        )
        .await
        .ok();
    assert_eq!(answer["name"], "Ada Ünïcode");
    client
        .put("/api/accounts/avatar", &json!({"avatarColor": "#ff0000"}))
        .await
        .ok();
    let profile = client.sync().await["profile"].clone();
    assert_eq!(
        (&profile["name"], &profile["avatarColor"]),
        (&json!("Ada Ünïcode"), &json!("#ff0000"))
    );

    client
        .put("/api/accounts/profile", &json!({"name": "x".repeat(51)}))
        .await
        .refused(400, "maximum length of 50");
    client
        .put("/api/accounts/avatar", &json!({"avatarColor": "#ff00000"}))
        .await
        .refused(400, "maximum length of 7");
    client
        .put("/api/accounts/avatar", &json!({"avatarColor": null}))
        .await
        .ok();
    client.put("/api/accounts/profile", &json!({"name": ""})).await.ok();
    let profile = client.get("/api/accounts/profile").await.ok();
    assert_eq!(
        (&profile["name"], &profile["avatarColor"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_revision_date_is_the_moment_of_the_last_change() {
    let (account, client) = Server::shared().await.member("revision").await;
    let revision = || async {
        client
            .get("/api/accounts/revision-date")
            .await
            .ok()
            .as_i64()
            .expect("unix milliseconds")
    };
    let mut before = revision().await;
    let folder = client.create_folder(&account, "one").await;
    for change in ["item", "folder", "profile"] {
        match change {
            "item" => {
                client.create_login(&account, "two").await;
            }
            "folder" => client.delete(&format!("/api/folders/{folder}")).await.ok_empty(),
            _ => {
                client.put("/api/accounts/profile", &json!({"name": "Ada"})).await.ok();
            }
        }
        let after = revision().await;
        assert!(
            after > before,
            "a changed {change} must move the revision date: {before} then {after}"
        );
        before = after;
    }
    client.sync().await;
    assert_eq!(revision().await, before, "reading changes nothing");
}

#[tokio::test]
async fn the_password_is_verified_without_telling_anything_else() {
    let (account, client) = Server::shared().await.member("verify").await;
    let answer = client
        .post(
            "/api/accounts/verify-password",
            &json!({"masterPasswordHash": account.password_hash()}),
        )
        .await
        .ok();
    assert_shape("MasterPasswordPolicyResponseModel", &answer);
    let wrong = json!({"masterPasswordHash": "bm90IHRoZSBwYXNzd29yZCBoYXNo"});
    client
        .post("/api/accounts/verify-password", &wrong)
        .await
        .refused(400, "Invalid password.");
    client
        .post("/api/accounts/api-key", &wrong)
        .await
        .refused(400, "User verification failed.");
    client
        .post("/api/accounts/api-key", &json!({}))
        .await
        .refused(400, "must be supplied");
}

#[tokio::test]
async fn a_key_pair_is_made_once() {
    let (account, client) = Server::shared().await.member("pair").await;
    client
        .post("/api/accounts/keys", &account.key_pair_data())
        .await
        .refused(400, "User has existing keypair");
    let keys = client.get("/api/accounts/keys").await.ok();
    assert_shape("KeysResponseModel", &keys);
    assert_eq!(keys["publicKey"], account.pair.public_key());
}

#[tokio::test]
async fn an_account_opened_without_a_key_pair_gets_one_later() {
    let server = Server::shared().await;
    let account = Account::new("later");
    let mut body = account.register_request();
    body.as_object_mut().unwrap().remove("keys");
    let mut client = server.client();
    client.post("/identity/accounts/register", &body).await.ok();
    client.login(&account).await;
    assert_eq!(client.sync().await["profile"]["accountKeys"], Value::Null);
    client.post("/api/accounts/keys", &account.key_pair_data()).await.ok();
    assert_eq!(
        client.sync().await["profile"]["accountKeys"]["publicKeyEncryptionKeyPair"]["publicKey"],
        account.pair.public_key()
    );
}

#[tokio::test]
async fn the_public_key_of_anybody_is_there_for_everybody_signed_in() {
    let server = Server::shared().await;
    let (account, owner) = server.member("owner").await;
    let (_, other) = server.member("other").await;
    let id = owner.user_id().await;
    let answer = other.get(&format!("/api/users/{id}/public-key")).await.ok();
    assert_shape("UserKeyResponseModel", &answer);
    assert_eq!(answer["publicKey"], account.pair.public_key());
    assert_shape(
        "PublicKeysResponseModel",
        &other.get(&format!("/api/users/{id}/keys")).await.ok(),
    );
    let nobody = uuid::Uuid::new_v4();
    other
        .get(&format!("/api/users/{nobody}/public-key"))
        .await
        .refused(404, "Resource not found.");
}

#[tokio::test]
async fn the_id_of_the_user_key_is_reported_once_and_may_be_repeated() {
    let (_, client) = Server::shared().await.member("keyid").await;
    let path = "/api/accounts/key-management/user-key-id";
    client
        .post(path, &json!({"userKeyId": "NOT A KEY ID"}))
        .await
        .refused(400, "UserKeyId is not a valid key id.");
    let id = "00112233445566778899aabbccddeeff";
    client.post(path, &json!({"userKeyId": id})).await.ok();
    assert_eq!(client.sync().await["userDecryption"]["userKeyId"], id);
    let again = client.post(path, &json!({"userKeyId": id})).await;
    assert_eq!(
        again.status, 200,
        "two devices that report the same id at once must both log in: {}",
        again.text
    );
    let other = client
        .post(path, &json!({"userKeyId": "ffeeddccbbaa99887766554433221100"}))
        .await;
    other.refused(400, "User key id is already set.");
}

#[tokio::test]
async fn equivalent_domains_are_kept_and_excluded_groups_marked() {
    let (_, client) = Server::shared().await.member("domains").await;
    let before = client.get("/api/settings/domains").await.ok();
    assert_shape("DomainsResponseModel", &before);
    assert_eq!(before["equivalentDomains"], Value::Null);
    let groups = before["globalEquivalentDomains"].as_array().unwrap();
    assert_eq!(groups.len(), 91, "the known groups");

    let body = json!({"equivalentDomains": [["a.example", "b.example"]], "excludedGlobalEquivalentDomains": [2, 5]});
    let answer = client.put("/api/settings/domains", &body).await.ok();
    assert_shape("DomainsResponseModel", &answer);
    assert_eq!(answer["equivalentDomains"], body["equivalentDomains"]);
    let excluded = |domains: &Value| -> Vec<i64> {
        let groups = domains["globalEquivalentDomains"].as_array().unwrap().iter();
        groups
            .filter(|group| group["excluded"] == true)
            .map(|group| group["type"].as_i64().unwrap())
            .collect()
    };
    let mut marked = excluded(&answer);
    marked.sort_unstable();
    assert_eq!(marked, [2, 5]);
    let sync = client.get("/api/sync").await.ok();
    assert_eq!(
        sync["domains"]["globalEquivalentDomains"].as_array().unwrap().len(),
        89,
        "sync leaves excluded groups out"
    );
    assert_eq!(
        client.sync().await["domains"],
        Value::Null,
        "and all of it when asked to"
    );
}
