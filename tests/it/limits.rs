//! How often secrets may be guessed and letters asked for. A server of their own, for the others have no limits.

use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};
use tests::client::{Account, Answer, Client};
use tests::server::Server;

async fn limited() -> Server {
    Server::start_with(&[("ANNALOCK_RATE_LIMITS", "on")]).await
}

/// Panics unless the answer is 429 and says when to come back.
#[track_caller]
fn assert_too_many(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}: {}", answer.what, answer.text);
    assert!(
        answer.headers.contains_key("retry-after"),
        "{}: no Retry-After",
        answer.what
    );
}

/// How long somebody is told to wait who asked too often: seconds.
fn wait(answer: &Answer) -> Option<u64> {
    let told = answer.headers.get("retry-after").filter(|_| answer.status == 429)?;
    told.to_str().ok()?.parse().ok()
}

/// How many of these answers are a refusal of what was guessed, and not of guessing.
#[track_caller]
fn looked_at(answers: &[Answer]) -> usize {
    let (looked_at, rest): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 400);
    rest.into_iter().for_each(assert_too_many);
    looked_at.len()
}

/// Sends the same wrong secret many times at once.
async fn guesses(client: &Client, path: &str, body: &serde_json::Value) -> Vec<Answer> {
    futures::future::join_all((0..40).map(|_| client.post(path, body))).await
}

#[tokio::test]
async fn letters_are_asked_for_five_times_an_hour_whether_there_is_an_account_or_not() {
    let server = limited().await;
    let (account, client) = server.member("hint").await;
    let client = client.signed_out();
    for (path, email) in [
        ("/api/accounts/password-hint", account.email.clone()),
        ("/api/accounts/delete-recover", Account::new("nobody").email),
    ] {
        for _ in 0..5 {
            client.post(path, &json!({"email": email})).await.ok_empty();
        }
        assert_too_many(&client.post(path, &json!({"email": email})).await);
        // in another spelling it is the same address
        assert_too_many(&client.post(path, &json!({"email": email.to_uppercase()})).await);
    }
}

#[tokio::test]
async fn guesses_of_a_password_are_counted_even_when_they_come_all_at_once() {
    let server = limited().await;
    let (account, client) = server.member("guessed").await;
    let started = Instant::now();
    let wrong = json!({"masterPasswordHash": "bm90IHRoZSBwYXNzd29yZCBoYXNo"});
    let answers = guesses(&client, "/api/accounts/verify-password", &wrong).await;
    // ten at once, and one more every thirty seconds
    let most = 10 + usize::try_from(started.elapsed().as_secs() / 30).unwrap();
    let looked_at = looked_at(&answers);
    assert!((10..=most).contains(&looked_at), "{looked_at} guesses were looked at");
    let used_up = async || {
        for _ in 0..20 {
            let answer = client.post("/api/accounts/verify-password", &wrong).await;
            if wait(&answer).is_some_and(|seconds| seconds > 5) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("nobody is told to wait");
    };
    // what proves the same elsewhere counts together with it: codes, other routes, and the right password too
    for (path, body) in [
        ("/api/accounts/verify-otp", json!({"otp": "00000000"})),
        (
            "/api/accounts/api-key",
            json!({"masterPasswordHash": account.password_hash()}),
        ),
        (
            "/api/accounts/delete",
            json!({"masterPasswordHash": account.password_hash()}),
        ),
        (
            "/api/ciphers/purge",
            json!({"masterPasswordHash": account.password_hash()}),
        ),
    ] {
        used_up().await;
        assert_too_many(&client.post(path, &body).await);
    }
}

#[tokio::test]
async fn guesses_of_a_login_are_counted_even_when_they_come_all_at_once() {
    let server = limited().await;
    let (account, client) = server.member("guessed").await;
    let tries = (0..30).map(|_| client.try_login(&account.email, "bm90IHRoZSBwYXNzd29yZCBoYXNo"));
    let started = Instant::now();
    let answers = futures::future::join_all(tries).await;
    let most = 10 + usize::try_from(started.elapsed().as_secs() / 30).unwrap();
    let looked_at = looked_at(&answers);
    assert!(looked_at <= most, "{looked_at} guesses were looked at");
    for _ in 0..20 {
        let answer = client.try_login(&account.email, "bm90IHRoZSBwYXNzd29yZCBoYXNo").await;
        if wait(&answer).is_some_and(|seconds| seconds > 5) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_too_many(&client.try_login(&account.email, &account.password_hash()).await);
    // another account is not locked out by that
    server.member("bystander").await;
}

#[tokio::test]
async fn guesses_of_the_code_for_another_address_are_counted() {
    let server = limited().await;
    let (account, client) = server.member("moved").await;
    let wished = Account::new("wished").email;
    let ask = json!({"masterPasswordHash": account.password_hash(), "newEmail": wished});
    client.post("/api/accounts/email-token", &ask).await.ok_empty();
    let guess = json!({
        "masterPasswordHash": account.password_hash(), "newEmail": wished, "token": "00000000",
        "newMasterPasswordHash": account.password_hash(), "key": account.wrapped_user_key(),
    });
    let started = Instant::now();
    let mut looked_at = 0;
    for _ in 0..12 {
        let answer = client.post("/api/accounts/email", &guess).await;
        match answer.status {
            400 => looked_at += 1,
            _ => assert_too_many(&answer),
        }
    }
    assert!(
        looked_at <= 5 + started.elapsed().as_secs() / 60,
        "{looked_at} guesses were looked at"
    );
}

#[tokio::test]
async fn reports_are_counted_by_fifty_and_many_at_once_are_taken_when_there_were_none() {
    let server = limited().await;
    let (_, client) = server.member("reporter").await;
    let reports = |n: usize| json!(vec![json!({"type": 1007}); n]);
    // more than a minute's share: it cannot come in two parts
    client.post("/events/collect", &reports(5_500)).await.ok_empty();
    let answer = client.post("/events/collect", &reports(2_000)).await;
    assert_too_many(&answer);
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // another person's are counted by themselves
    let (_, other) = server.member("bystander").await;
    for _ in 0..20 {
        other.post("/events/collect", &reports(1)).await.ok_empty();
    }
}

#[tokio::test]
async fn nobody_fills_the_log_of_an_organization_with_wrong_keys() {
    let settings = [
        ("ANNALOCK_RATE_LIMITS", "on"),
        ("ANNALOCK_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let server = Server::start_with(&settings).await;
    let (ann, anns) = server.member("keys").await;
    let organization = anns.found(&ann, "Keys").await;
    let named = format!("organization.{}", organization.id);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", named.as_str()),
        ("client_secret", "wrong"),
        ("scope", "api.organization"),
    ];
    let (client, started) = (server.client(), Instant::now());
    for n in 0..90 {
        let request = client.request(Method::POST, "/identity/connect/token");
        let request = request.header("X-Forwarded-For", format!("192.0.2.{n}")).form(&fields);
        assert_eq!(client.send(request).await.status, 400);
    }
    let mut noted = 0;
    for _ in 0..20 {
        let (code, text) = server
            .run(&["audit", "export", "--organization", &organization.id])
            .await;
        assert_eq!(code, Some(0), "{text}");
        noted = text.matches("\"AccessRefused\"").count();
        if noted >= 30 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let most = 31 + usize::try_from(started.elapsed().as_secs() / 2).unwrap();
    assert!((30..=most).contains(&noted), "{noted} are in the log");
}
