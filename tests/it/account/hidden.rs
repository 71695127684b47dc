//! What nobody learns who does not know a password: whether an address has an account.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::client::{Account, Client, Device};
use tests::server::Server;

/// How often each of two questions is asked, one after the other, so that whatever slows the machine slows both.
const ROUNDS: usize = 40;
/// Of the form an API key has.
const WRONG_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123";

/// Asks for two addresses in turn; the time of each that seven of eight take at least.
async fn times<F: Future<Output = ()>>(emails: [&str; 2], ask: impl Fn(String) -> F) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // what one leaves to be done behind its answer must not always fall on the other
        for one in [round % 2, 1 - round % 2] {
            let started = Instant::now();
            ask(emails[one].to_owned()).await;
            times[one].push(started.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        // what else is done on the machine makes some of them longer, and none shorter
        times[ROUNDS / 8]
    })
}

#[track_caller]
fn assert_alike([known, unknown]: [Duration; 2], what: &str) {
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    assert!(
        (0.5..2.0).contains(&ratio),
        "{what}: {known:?} for an account, {unknown:?} without"
    );
}

#[tokio::test]
async fn a_wrong_password_takes_as_long_where_there_is_no_account() {
    let server = Server::shared().await;
    let (account, client) = server.member("timed").await;
    let hash = account.password_hash();
    let wrong = format!("{}x", &hash[1..]);
    let nobody = Account::new("nobody").email;
    let taken = times([&account.email, &nobody], |email| {
        let (client, wrong) = (client.signed_out(), wrong.clone());
        async move {
            assert_eq!(client.try_login(&email, &wrong).await.status, 400);
        }
    });
    assert_alike(taken.await, "login");
}

#[tokio::test]
async fn questions_before_a_login_take_as_long_where_there_is_no_account() {
    let server = Server::shared().await;
    let (account, client) = server.member("timed").await;
    let client = client.signed_out();
    let nobody = Account::new("nobody").email;
    for path in ["/identity/accounts/prelogin/password", "/api/accounts/password-hint"] {
        let taken = times([&account.email, &nobody], |email| {
            let client = client.clone();
            async move {
                assert_eq!(client.post(path, &json!({"email": email})).await.status, 200);
            }
        });
        assert_alike(taken.await, path);
    }
}

/// The names of the members of an object, in order.
fn names(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

async fn is_known(client: &Client, email: &str) -> Value {
    let email = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, email);
    let request = client
        .request(Method::GET, "/api/devices/knowndevice")
        .header("X-Request-Email", email)
        .header("X-Device-Identifier", Device::cli().identifier);
    client.send(request).await.ok()
}

#[tokio::test]
async fn questions_before_a_login_get_the_same_answer_where_there_is_no_account() {
    let server = Server::shared().await;
    let (account, client) = server.member("asked").await;
    let user = client.user_id().await;
    let client = client.signed_out();
    let nobody = Account::new("nobody").email;
    for path in ["/api/accounts/password-hint", "/api/accounts/delete-recover"] {
        for email in [&account.email, &nobody] {
            client.post(path, &json!({"email": email})).await.ok_empty();
        }
    }
    let resend = "/api/accounts/resend-new-device-otp";
    for (email, hash) in [(&account.email, account.password_hash()), (&nobody, "x".repeat(44))] {
        let body = json!({"email": email, "masterPasswordHash": hash});
        client.post(resend, &body).await.ok_empty();
    }
    assert_eq!(
        is_known(&client, &account.email).await,
        is_known(&client, &nobody).await
    );
    let known = client.prelogin(&account.email).await.ok();
    let unknown = client.prelogin(&nobody).await.ok();
    assert_eq!(names(&known), names(&unknown));
    assert_eq!(unknown["salt"], nobody.as_str());
    let wrong = client.try_login_api_key(user, WRONG_KEY).await;
    let stranger = client.try_login_api_key(uuid::Uuid::new_v4(), WRONG_KEY).await;
    assert_eq!((wrong.status, wrong.text), (stranger.status, stranger.text));
}

#[tokio::test]
async fn answers_are_kept_by_no_cache() {
    let (account, client) = Server::shared().await.member("cache").await;
    let body = json!({"masterPasswordHash": account.password_hash()});
    for answer in [
        client.get("/api/sync").await,
        client.get("/api/accounts/profile").await,
        client.post("/api/accounts/api-key", &body).await,
        client.try_login(&account.email, &account.password_hash()).await,
        client.get("/api/ciphers/00000000-0000-0000-0000-000000000000").await,
    ] {
        assert_eq!(answer.headers["cache-control"], "no-store", "{}", answer.what);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{}", answer.what);
    }
}
