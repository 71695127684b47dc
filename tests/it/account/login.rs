//! Getting a session: what the token endpoint answers, and how it refuses.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::{Account, Answer, Device};
use tests::server::Server;
use tests::shape::assert_shape;
use uuid::Uuid;

/// Panics unless the answer is a refusal with this OAuth error.
#[track_caller]
fn refused(answer: Answer, error: &str) -> Value {
    assert_eq!(answer.status, 400, "{}: {}", answer.what, answer.text);
    assert_shape("OAuthError", &answer.body);
    assert_eq!(answer.body["error"], error, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn a_login_by_password_answers_what_every_client_needs() {
    let (account, mut client) = Server::shared().await.member("login").await;
    let answer = client.login(&account).await;
    assert_shape("TokenAnswer", &answer);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["scope"], "api offline_access");
    assert!(answer["refresh_token"].is_string(), "{answer}");
    assert_eq!(answer["KdfIterations"], account.kdf.to_flat_json()["kdfIterations"]);
    assert_eq!(
        answer["PrivateKey"],
        answer["AccountKeys"]["publicKeyEncryptionKeyPair"]["wrappedPrivateKey"]
    );
    assert_eq!(
        answer["AccountKeys"]["publicKeyEncryptionKeyPair"]["publicKey"],
        account.pair.public_key()
    );
    let unlock = &answer["UserDecryptionOptions"]["MasterPasswordUnlock"];
    assert_eq!(unlock["Salt"], account.email);
    assert_eq!(unlock["MasterKeyEncryptedUserKey"], answer["Key"]);
    assert_eq!(unlock["Kdf"]["Memory"], account.kdf.to_json()["memory"]);
}

#[tokio::test]
async fn the_access_token_says_whose_it_is_and_on_which_device() {
    let (account, client) = Server::shared().await.member("claims").await;
    let payload = client
        .tokens()
        .access
        .split('.')
        .nth(1)
        .expect("a token of three parts")
        .to_owned();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(claims["sub"], client.user_id().await.to_string());
    assert_eq!(claims["email"], account.email);
    assert_eq!(claims["amr"], json!(["Application"]));
    assert_eq!(claims["client_id"], "cli");
    assert_eq!(claims["device"], client.device().identifier);
    assert_eq!(claims["devicetype"], "LinuxCLI");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert!(claims["sstamp"].is_string() && claims["premium"] == true, "{claims}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let server = Server::shared().await;
    let (account, _) = server.member("wrong").await;
    let hash = Account {
        password: "another password".into(),
        ..account.clone()
    }
    .password_hash();
    let wrong = refused(server.client().try_login(&account.email, &hash).await, "invalid_grant");
    let unknown = refused(
        server.client().try_login(&Account::new("nobody").email, &hash).await,
        "invalid_grant",
    );
    assert_eq!(wrong, unknown);
    assert_eq!(wrong["error_description"], "invalid_username_or_password");
    assert_eq!(
        wrong["ErrorModel"]["Message"],
        "Username or password is incorrect. Try again."
    );
}

#[tokio::test]
async fn an_address_logs_in_in_any_letter_case() {
    let server = Server::shared().await;
    let (account, _) = server.member("case").await;
    let answer = server
        .client()
        .try_login(&account.email.to_uppercase(), &account.password_hash())
        .await
        .ok();
    assert_shape("TokenAnswer", &answer);
}

#[tokio::test]
async fn prelogin_for_an_unknown_address_is_plausible_and_always_the_same() {
    let client = Server::shared().await.client();
    let email = Account::new("ghost").email;
    let first = client.prelogin(&email).await.ok();
    assert_shape("PasswordPreloginResponseModel", &first);
    assert_eq!(first, client.prelogin(&email).await.ok());
    let old = client
        .post("/identity/accounts/prelogin", &json!({"email": email}))
        .await
        .ok();
    assert_eq!(first, old, "both paths give one answer");
}

#[tokio::test]
async fn a_login_without_device_or_client_version_is_refused_by_name() {
    let server = Server::shared().await;
    let (account, _) = server.member("bare").await;
    let hash = account.password_hash();
    let form = [
        ("grant_type", "password"),
        ("scope", "api offline_access"),
        ("client_id", "cli"),
        ("username", account.email.as_str()),
        ("password", hash.as_str()),
    ];
    let client = server.client();
    let body = refused(
        client
            .send(client.request(Method::POST, "/identity/connect/token").form(&form))
            .await,
        "device_error",
    );
    assert_eq!(body["ErrorModel"]["Message"], "no device information provided");

    let plain = reqwest::Client::new();
    let device = [
        ("deviceType", "25"),
        ("deviceIdentifier", "an-identifier"),
        ("deviceName", "linux"),
    ];
    let form: Vec<_> = form.iter().chain(&device).collect();
    let request = plain.post(format!("{}/identity/connect/token", server.url)).form(&form);
    refused(client.send(request).await, "version_header_missing");
}

#[tokio::test]
async fn grants_and_clients_nobody_has_are_refused_by_name() {
    let client = Server::shared().await.client();
    let grant = |fields: Vec<(&'static str, &'static str)>| {
        let client = client.clone();
        async move { client.token(&fields).await }
    };
    refused(
        grant(vec![
            ("grant_type", "telepathy"),
            ("client_id", "cli"),
            ("scope", "api"),
        ])
        .await,
        "unsupported_grant_type",
    );
    refused(
        grant(vec![
            ("grant_type", "refresh_token"),
            ("client_id", "cli"),
            ("refresh_token", "nonsense"),
        ])
        .await,
        "invalid_grant",
    );
    let key = [
        ("grant_type", "client_credentials"),
        ("client_id", "user.nobody"),
        ("scope", "api"),
        ("client_secret", "x"),
    ];
    refused(grant(key.to_vec()).await, "invalid_client");
    let answer = grant(vec![]).await;
    assert_eq!(answer.status, 400, "a form without a grant: {}", answer.text);
}

#[tokio::test]
async fn an_api_key_logs_in_without_a_refresh_token_until_it_is_rotated() {
    let server = Server::shared().await;
    let (account, client) = server.member("apikey").await;
    let (user, secret) = client.api_key(&account).await;
    assert_eq!(secret.len(), 30);
    let mut machine = server.client().on(Device::cli());
    let answer = machine.login_api_key(user, &secret).await;
    assert_shape("TokenAnswer", &answer);
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    assert_eq!(machine.sync().await["profile"]["id"], user.to_string());

    refused(
        machine.try_login_api_key(user, "abcdefghijklmnopqrstuvwxyz0123").await,
        "invalid_client",
    );
    refused(
        machine.try_login_api_key(Uuid::new_v4(), &secret).await,
        "invalid_client",
    );

    let body = json!({"masterPasswordHash": account.password_hash()});
    let rotated = client.post("/api/accounts/rotate-api-key", &body).await.ok();
    assert_shape("ApiKeyResponseModel", &rotated);
    refused(machine.try_login_api_key(user, &secret).await, "invalid_client");
    machine.login_api_key(user, rotated["apiKey"].as_str().unwrap()).await;
}
