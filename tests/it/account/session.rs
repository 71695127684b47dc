//! How long a session lives, and what ends it.

use serde_json::{Value, json};
use tests::client::{Account, Client};
use tests::server::Server;

/// Panics unless access and refresh token of this session are dead.
pub async fn assert_ended(client: &Client, why: &str) {
    let answer = client.get("/api/sync").await;
    assert_eq!(
        answer.status, 401,
        "{why}: the access token must be refused, the answer was {} {}",
        answer.status, answer.text
    );
    let token = client.tokens().refresh.clone().expect("a refresh token");
    let answer = client.try_refresh(&token).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (400, &json!("invalid_grant")),
        "{why}: {}",
        answer.text
    );
}

#[tokio::test]
async fn a_refresh_gives_a_session_that_goes_on() {
    let (_, mut client) = Server::shared().await.member("refresh").await;
    for _ in 0..3 {
        client.refresh().await;
        client.sync().await;
    }
}

#[tokio::test]
async fn a_client_that_keeps_its_first_refresh_token_stays_logged_in() {
    let (_, client) = Server::shared().await.member("keeper").await;
    let first = client.tokens().refresh.clone().unwrap();
    for round in 1..=3 {
        let answer = client.try_refresh(&first).await;
        assert_eq!(
            answer.status, 200,
            "refresh {round} with the first token: {}",
            answer.text
        );
        client
            .with_access_token(answer.body["access_token"].as_str().unwrap())
            .sync()
            .await;
    }
}

#[tokio::test]
async fn a_refresh_answers_the_oauth_fields_and_nothing_else() {
    let (_, client) = Server::shared().await.member("plain").await;
    let answer = client.try_refresh(client.tokens().refresh.as_ref().unwrap()).await.ok();
    let mut names: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["access_token", "expires_in", "refresh_token", "scope", "token_type"]
    );
}

#[tokio::test]
async fn a_refresh_token_is_good_for_its_own_client_only() {
    let server = Server::shared().await;
    let (_, client) = server.member("bound").await;
    let token = client.tokens().refresh.clone().unwrap();
    let answer = server
        .client()
        .on(tests::client::Device::web())
        .try_refresh(&token)
        .await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (400, &json!("invalid_grant")),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn without_a_token_or_with_a_changed_one_nobody_is_let_in() {
    let (_, client) = Server::shared().await.member("forger").await;
    let good = client.tokens().access.clone();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let changed = format!("{head}.{other}{}", &signature[1..]);
    let unsigned = format!(
        "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.",
        good.split('.').nth(1).unwrap()
    );
    for wrong in [changed.as_str(), unsigned.as_str(), "nonsense", "", "a.b.c"] {
        assert_eq!(
            client.with_access_token(wrong).get("/api/sync").await.status,
            401,
            "token {wrong:?}"
        );
    }
    assert_eq!(client.signed_out().get("/api/sync").await.status, 401);
    assert_eq!(
        client.signed_out().get("/api/no/such/path").await.status,
        404,
        "an unknown path is unknown to everybody"
    );
}

#[tokio::test]
async fn the_end_of_all_sessions_is_immediate() {
    let server = Server::shared().await;
    let (account, client) = server.member("stamp").await;
    let mut second = server.client();
    second.login(&account).await;
    let body = json!({"masterPasswordHash": account.password_hash()});
    client.post("/api/accounts/security-stamp", &body).await.ok_empty();
    assert_ended(&client, "after a new security stamp").await;
    assert_ended(&second, "after a new security stamp, on another device").await;
    second.login(&account).await;
    second.sync().await;
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_keeps_the_vault() {
    let server = Server::shared().await;
    let (account, client) = server.member("password").await;
    let item = client.create_login(&account, "kept").await;
    let changed = Account {
        password: "quite another password".into(),
        ..account.clone()
    };
    let body = json!({
        "masterPasswordHash": account.password_hash(),
        "newMasterPasswordHash": changed.password_hash(),
        "masterPasswordHint": null,
        "key": changed.wrapped_user_key(),
    });
    let mut wrong = body.clone();
    wrong["masterPasswordHash"] = json!(changed.password_hash());
    client
        .post("/api/accounts/password", &wrong)
        .await
        .refused(400, "Incorrect password.");
    client.sync().await;

    client.post("/api/accounts/password", &body).await.ok_empty();
    assert_ended(&client, "after a new password").await;
    assert_eq!(
        server
            .client()
            .try_login(&account.email, &account.password_hash())
            .await
            .status,
        400,
        "the old password"
    );
    let mut again = server.client();
    again.login(&changed).await;
    assert_eq!(again.details(&item).await["id"], item);
}

#[tokio::test]
async fn new_key_derivation_settings_take_effect_at_the_next_login() {
    let server = Server::shared().await;
    let (account, client) = server.member("kdf").await;
    let changed = Account {
        kdf: tests::crypto::Kdf::Argon2id {
            iterations: 4,
            memory_mib: 20,
            parallelism: 2,
        },
        ..account.clone()
    };
    let body = json!({
        "masterPasswordHash": account.password_hash(),
        "authenticationData": changed.authentication_data(),
        "unlockData": changed.unlock_data(),
    });
    client.post("/api/accounts/kdf", &body).await.ok_empty();
    assert_ended(&client, "after new key derivation settings").await;
    server.client().login(&changed).await;
}

#[tokio::test]
async fn the_whole_sync_is_refused_after_the_account_is_deleted() {
    let server = Server::shared().await;
    let (account, client) = server.member("gone").await;
    client.create_login(&account, "gone with me").await;
    client
        .delete_with(
            "/api/accounts",
            &json!({"masterPasswordHash": "bm90IHRoZSBwYXNzd29yZCBoYXNo"}),
        )
        .await
        .refused(400, "User verification failed.");
    client
        .delete_with("/api/accounts", &json!({"masterPasswordHash": account.password_hash()}))
        .await
        .ok_empty();
    assert_ended(&client, "after the account was deleted").await;
    let answer = server
        .client()
        .try_login(&account.email, &account.password_hash())
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let mut again = server.client();
    again.join(&account).await;
    assert_eq!(
        again.sync().await["ciphers"],
        Value::Array(vec![]),
        "the address is free again, and what was there is gone"
    );
}
