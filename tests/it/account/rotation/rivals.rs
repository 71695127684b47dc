//! Other devices write while the user key is rotated: nothing is lost, and nothing stays under the old key.

use super::super::session::assert_ended;
use super::{KEYS_ONLY, PATH, keys_only, rotation, with_new_key};
use eventstore_memory::MemoryStore;
use eventstore_postgres::{PostgresStore, Settings};
use rand::Rng;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tests::client::Account;
use tests::client::item::{self, Kind};
use tests::client::vault::id;
use tests::cluster::database;
use tests::crypto::SymmetricKey;
use tests::server::Server;

struct Noon;

impl commands::ports::Clock for Noon {
    fn now(&self) -> domain::time::Timestamp {
        domain::time::Timestamp(1_795_000_000_000)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_every_item_is_rotated_or_refused() {
    let store = || Arc::new(MemoryStore::new(Arc::new(Noon)));
    tests::rotation::every_item_is_rotated_or_refused(store()).await;
    tests::rotation::a_sign_in_ends_a_rotation(store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_postgres_every_item_is_rotated_or_refused() {
    for _ in 0..3 {
        let database = database().await;
        eventstore_postgres::migrate(&database.pool).await.unwrap();
        let store = PostgresStore::connect(&database.pool, Settings::default())
            .await
            .unwrap();
        tests::rotation::every_item_is_rotated_or_refused(Arc::new(store)).await;
    }
    let database = database().await;
    eventstore_postgres::migrate(&database.pool).await.unwrap();
    let store = PostgresStore::connect(&database.pool, Settings::default())
        .await
        .unwrap();
    tests::rotation::a_sign_in_ends_a_rotation(Arc::new(store)).await;
}

#[tokio::test]
async fn an_edit_that_the_client_has_not_seen_stops_the_rotation() {
    let server = Server::shared().await;
    let (account, client) = server.member("unseen").await;
    let (_, made) = client.create(&account, Kind::Login, "one").await;
    let after = with_new_key(&account);
    let body = rotation(&client, &account, &after).await;
    let edit = item::request(&account.user_key, Kind::Login, "edited by another device");
    client.put(&format!("/api/ciphers/{}", id(&made)), &edit).await.ok();
    let before = client.vault().await;
    client.post(PATH, &body).await.refused(400, "changed by another client");
    assert_eq!(client.vault().await, before, "and nobody is signed out");
    let body = rotation(&client, &account, &after).await;
    client.post(PATH, &body).await.ok_empty();
}

#[tokio::test]
async fn with_the_password_as_it_is_the_same_stops_it() {
    let server = Server::shared().await;
    let (account, client) = server.member("unseen").await;
    let (_, made) = client.create(&account, Kind::Login, "one").await;
    let after = Account {
        user_key: SymmetricKey::random(),
        ..account.clone()
    };
    let edited = keys_only(&client, &account, &after, 2).await;
    let edit = item::request(&account.user_key, Kind::Login, "edited by another device");
    client.put(&format!("/api/ciphers/{}", id(&made)), &edit).await.ok();
    client
        .post(KEYS_ONLY, &edited)
        .await
        .refused(400, "changed by another client");
    let left_out = keys_only(&client, &account, &after, 2).await;
    client.create_login(&account, "two").await;
    let before = client.vault().await;
    client
        .post(KEYS_ONLY, &left_out)
        .await
        .refused(400, "All existing ciphers");
    assert_eq!(client.vault().await, before, "and nobody is signed out");
    let body = keys_only(&client, &account, &after, 2).await;
    client.post(KEYS_ONLY, &body).await.ok_empty();
    assert_ended(&client, "after a rotation").await;
    let keys = server.client().login(&after).await["AccountKeys"].clone();
    assert_eq!(keys["securityState"]["securityVersion"], 2);
}

/// Several devices each make an item at some moment around the rotation. Whatever the order: what was answered with 200 is
/// there under the key that counts, what was refused is not there.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_made_during_a_rotation_is_under_the_key_that_counts() {
    const ROUNDS: usize = 8;
    let server = Server::shared().await;
    let mut rotations = 0;
    for round in 0..ROUNDS {
        let (account, client) = server.member("rivals").await;
        client.create_login(&account, "first").await;
        let after = with_new_key(&account);
        let body = rotation(&client, &account, &after).await;
        let devices = (0..4).map(|device| {
            let rival = client.without_reuse();
            let body = item::request(&account.user_key, Kind::Login, &format!("by device {device}"));
            async move {
                let pause = rand::rng().random_range(0..1_000);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                rival.post("/api/ciphers", &body).await
            }
        });
        let (answers, rotated) = tokio::join!(futures::future::join_all(devices), client.post(PATH, &body));
        let counts = if rotated.status == 200 { &after } else { &account };
        rotations += usize::from(rotated.status == 200);
        let mut again = server.client();
        again.login(counts).await;
        let vault = again.sync().await;
        let listed = vault["ciphers"].as_array().unwrap();
        let made: Vec<Value> = answers
            .into_iter()
            .filter_map(|answer| match answer.status {
                200 => Some(answer.ok()),
                401 => None,
                status => panic!("round {round}: {status} {}", answer.text),
            })
            .collect();
        assert_eq!(listed.len(), made.len() + 1, "round {round}: {}", rotated.text);
        for cipher in listed {
            counts
                .user_key
                .open(cipher["name"].as_str().unwrap())
                .expect("it opens with the key that counts");
        }
        for item in made {
            assert!(listed.iter().any(|cipher| cipher["id"] == item["id"]), "round {round}");
        }
    }
    println!("{rotations} of {ROUNDS} rotations came through");
}
