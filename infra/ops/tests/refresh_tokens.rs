//! Logins in a real table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;

use cluster::Cluster;
use commands::ports::refresh_tokens::{NewSession, RefreshError, RefreshTokens};
use domain::id::{DeviceId, UserId};
use domain::time::Timestamp;
use ops::PostgresRefreshTokens;
use sqlx::PgPool;
use std::sync::Arc;
use uuid::Uuid;

const DAY: i64 = 24 * 60 * 60;
const NOW: Timestamp = Timestamp(1_795_363_200_123);

fn after(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

fn ann() -> UserId {
    UserId(Uuid::from_u128(0xa))
}

fn laptop() -> DeviceId {
    DeviceId(Uuid::from_u128(0xd))
}

fn login(client_id: &str) -> NewSession {
    NewSession {
        user: ann(),
        device: laptop(),
        client_id: client_id.to_owned(),
        stamp: "stamp-1".to_owned(),
        scopes: vec!["api".to_owned(), "offline_access".to_owned()],
    }
}

struct Setup {
    _cluster: Arc<Cluster>,
    pool: PgPool,
    tokens: PostgresRefreshTokens,
}

async fn setup() -> Setup {
    let cluster = Cluster::shared();
    let pool = cluster.database().await;
    ops::migrate(&pool).await.unwrap();
    Setup {
        _cluster: cluster,
        tokens: PostgresRefreshTokens::new(pool.clone(), &[1; 32]),
        pool,
    }
}

#[tokio::test]
async fn a_login_comes_back_as_it_was_granted() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let token = tokens.issue(login("desktop"), NOW).await.unwrap();
    let presented = tokens.present(&token, after(3600)).await.unwrap();
    assert_eq!(presented.session.granted, login("desktop"));
    assert_eq!(presented.session.created, NOW);
    assert_eq!(presented.session.expires_at, after(3600 + 30 * DAY));
    assert_ne!(presented.token, token);
}

#[tokio::test]
async fn a_client_may_keep_its_first_token_while_it_throws_new_ones_away() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let token = tokens.issue(login("cli"), NOW).await.unwrap();
    let next = tokens.present(&token, after(0)).await.unwrap().token;
    for day in 1..100 {
        assert_eq!(tokens.present(&token, after(day * DAY)).await.unwrap().token, next);
    }
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_token_and_stay_signed_in() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let first = tokens.issue(login("web"), NOW).await.unwrap();
    let second = tokens.present(&first, NOW).await.unwrap().token;
    let (a, b, c, d) = tokio::join!(
        tokens.present(&second, after(3600)),
        tokens.present(&first, after(3600)),
        tokens.present(&second, after(3600)),
        tokens.present(&first, after(3600)),
    );
    let third = a.unwrap().token;
    for other in [b, c, d] {
        let other = other.unwrap().token;
        // who came before `second` was presented was given `second`, which is still good
        assert!(other == third || other == second);
    }
    assert_eq!(
        tokens.present(&first, after(3660)).await.unwrap().token,
        third,
        "a late tab catches up"
    );
    assert_eq!(
        tokens.present(&third, after(7200)).await.unwrap().session.granted,
        login("web")
    );
}

#[tokio::test]
async fn a_tab_that_lags_by_several_tokens_is_given_the_newest() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let first = tokens.issue(login("web"), NOW).await.unwrap();
    let mut newest = first.clone();
    for second in 0..10 {
        newest = tokens.present(&newest, after(second)).await.unwrap().token;
    }
    assert_eq!(tokens.present(&first, after(11)).await.unwrap().token, newest);
}

#[tokio::test]
async fn a_token_used_again_after_its_minute_ends_the_login_for_everybody() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let first = tokens.issue(login("browser"), NOW).await.unwrap();
    let second = tokens.present(&first, NOW).await.unwrap().token;
    let third = tokens.present(&second, after(10)).await.unwrap().token;
    assert_eq!(tokens.present(&first, after(70)).await.unwrap().token, third);
    assert_eq!(
        tokens.present(&first, Timestamp(after(70).0 + 1)).await,
        Err(RefreshError::Reused)
    );
    for token in [first, second, third] {
        assert_eq!(tokens.present(&token, after(71)).await, Err(RefreshError::Ended));
    }
}

#[tokio::test]
async fn a_login_that_is_used_lasts_and_one_that_is_not_expires() {
    let Setup { tokens, _cluster, .. } = setup().await;
    for (client, days) in [("mobile", 60), ("web", 7), ("browser", 30)] {
        let used = tokens.issue(login(client), NOW).await.unwrap();
        let unused = tokens.issue(login(client), NOW).await.unwrap();
        tokens.present(&used, after(days * DAY - 1)).await.unwrap();
        assert_eq!(
            tokens.present(&unused, after(days * DAY)).await,
            Err(RefreshError::Expired)
        );
        tokens.present(&used, after(2 * days * DAY - 2)).await.unwrap();
        assert_eq!(
            tokens.present(&used, after(3 * days * DAY)).await,
            Err(RefreshError::Expired)
        );
    }
}

#[tokio::test]
async fn signing_out_ends_the_logins_of_a_device_or_of_a_person() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let here = tokens.issue(login("web"), NOW).await.unwrap();
    let phone = DeviceId(Uuid::from_u128(0xe));
    let there = tokens
        .issue(
            NewSession {
                device: phone,
                ..login("mobile")
            },
            NOW,
        )
        .await
        .unwrap();
    let bob = UserId(Uuid::from_u128(0xb));
    let other = tokens
        .issue(
            NewSession {
                user: bob,
                ..login("web")
            },
            NOW,
        )
        .await
        .unwrap();

    assert_eq!(tokens.end_device(ann(), laptop(), NOW).await, Ok(1));
    assert_eq!(tokens.present(&here, NOW).await, Err(RefreshError::Ended));
    tokens.present(&there, NOW).await.unwrap();
    assert_eq!(tokens.end_user(ann(), NOW).await, Ok(1), "one was ended before");
    assert_eq!(tokens.present(&there, NOW).await, Err(RefreshError::Ended));
    tokens.present(&other, NOW).await.unwrap();
}

#[tokio::test]
async fn expired_logins_are_forgotten() {
    let Setup { tokens, pool, _cluster } = setup().await;
    let old = tokens.issue(login("web"), NOW).await.unwrap();
    let kept = tokens.issue(login("mobile"), NOW).await.unwrap();
    assert_eq!(tokens.delete_expired(after(7 * DAY)).await, Ok(0));
    assert_eq!(tokens.delete_expired(after(7 * DAY + 1)).await, Ok(1));
    assert_eq!(tokens.present(&old, after(8 * DAY)).await, Err(RefreshError::Unknown));
    tokens.present(&kept, after(8 * DAY)).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from ops.refresh_family")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn what_is_no_token_is_unknown() {
    let Setup { tokens, _cluster, .. } = setup().await;
    let good = tokens.issue(login("web"), NOW).await.unwrap();
    let elsewhere = setup().await.tokens.issue(login("web"), NOW).await.unwrap();
    for text in [
        "",
        "null",
        "\0",
        "ä",
        &good[1..],
        &format!("{good}A"),
        &format!(" {good}"),
        &elsewhere,
    ] {
        assert_eq!(tokens.present(text, NOW).await, Err(RefreshError::Unknown), "{text}");
    }
    tokens.present(&good, NOW).await.unwrap();
}

#[tokio::test]
async fn a_new_server_key_signs_nobody_out() {
    let Setup { tokens, pool, _cluster } = setup().await;
    let first = tokens.issue(login("web"), NOW).await.unwrap();
    let second = tokens.present(&first, NOW).await.unwrap().token;
    let rekeyed = PostgresRefreshTokens::new(pool, &[2; 32]);
    assert_eq!(
        rekeyed.present(&first, after(1)).await.unwrap().token,
        first,
        "its successor is not known here"
    );
    let third = rekeyed.present(&second, after(2)).await.unwrap().token;
    assert_ne!(third, second);
    rekeyed.present(&third, after(3600)).await.unwrap();
}

#[tokio::test]
async fn nothing_a_client_holds_can_be_read_from_the_table() {
    let Setup { tokens, pool, _cluster } = setup().await;
    let first = tokens.issue(login("web"), NOW).await.unwrap();
    let second = tokens.present(&first, NOW).await.unwrap().token;
    let row: String = sqlx::query_scalar("select f::text from ops.refresh_family f")
        .fetch_one(&pool)
        .await
        .unwrap();
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    for token in [first, second] {
        let secret: String = URL_SAFE_NO_PAD.decode(&token).unwrap()[16..]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert!(!row.contains(&token) && !row.contains(&secret));
    }
}
