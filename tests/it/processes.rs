//! Two processes over one PostgreSQL, one Redis and one data folder, as behind a load balancer.

#[path = "../../infra/redis/tests/support/server.rs"]
mod redis;

use redis::RedisServer;
use serde_json::Value;
use tests::client::vault::find;
use tests::client::{Account, Client};
use tests::cluster::{TestDatabase, database};
use tests::server::Server;

/// Both processes, and what they share.
struct Two {
    one: Server,
    other: Server,
    redis: RedisServer,
    _database: TestDatabase,
}

impl Two {
    async fn start() -> Self {
        let database = database().await;
        let redis = RedisServer::start();
        let redis_url = redis.url();
        let shared = [
            ("ANNALOCK_DATABASE_URL", database.url.as_str()),
            ("ANNALOCK_REDIS_URL", redis_url.as_str()),
        ];
        let one = Server::start_with(&shared).await;
        let data = one.data_path().display().to_string();
        let public = one.https_url.clone();
        let same = [
            shared[0],
            shared[1],
            ("ANNALOCK_DATA_DIR", data.as_str()),
            ("ANNALOCK_PUBLIC_URL", public.as_str()),
        ];
        let other = Server::start_with(&same).await;
        Self {
            one,
            other,
            redis,
            _database: database,
        }
    }

    /// One session, at either process, every request on a connection of its own.
    async fn member(&self, name: &str) -> (Account, [Client; 2]) {
        let (account, client) = self.one.member(name).await;
        let client = client.without_reuse();
        let other = client.at(&self.other.url);
        (account, [client, other])
    }
}

/// Changes at one process, each read at the other at once; then the other way round.
async fn each_sees_what_the_other_did(account: &Account, clients: &[Client; 2], rounds: usize) {
    for round in 0..rounds {
        let (writer, reader) = (&clients[round % 2], &clients[(round + 1) % 2]);
        let (_, made) = writer
            .create(account, tests::client::item::Kind::Login, &format!("round {round}"))
            .await;
        let id = made["id"].as_str().unwrap();
        let seen = reader.sync().await;
        let seen = find(&seen["ciphers"], id).unwrap_or_else(|| panic!("round {round}: the item is not there"));
        assert_eq!(seen["name"], made["name"]);
        writer.put_empty(&format!("/api/ciphers/{id}/delete")).await.ok_empty();
        let there = reader.get(&format!("/api/ciphers/{id}")).await.ok();
        assert!(there["deletedDate"].is_string(), "round {round}: {there}");
    }
}

async fn ids(client: &Client) -> Vec<String> {
    let sync = client.sync().await;
    let ciphers = sync["ciphers"].as_array().unwrap().iter();
    let mut ids: Vec<String> = ciphers.map(|c| c["id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_change_shows_in_every_process_at_once() {
    let two = Two::start().await;
    let (account, clients) = two.member("both").await;
    each_sees_what_the_other_did(&account, &clients, 60).await;
}

#[tokio::test]
async fn without_redis_a_change_shows_in_every_process_all_the_same() {
    let mut two = Two::start().await;
    let (account, clients) = two.member("no-redis").await;
    two.redis.kill();
    each_sees_what_the_other_did(&account, &clients, 6).await;
    two.redis.start_again();
    each_sees_what_the_other_did(&account, &clients, 6).await;
}

#[tokio::test]
async fn a_session_ended_in_one_process_is_over_in_the_other() {
    let two = Two::start().await;
    for (ending, asked) in [(0, 1), (1, 0)] {
        let (account, clients) = two.member(&format!("ended-{ending}")).await;
        clients[asked].get("/api/accounts/revision-date").await.ok();
        let body = serde_json::json!({"masterPasswordHash": account.password_hash()});
        clients[ending]
            .post("/api/accounts/security-stamp", &body)
            .await
            .ok_empty();
        assert_eq!(clients[asked].get("/api/accounts/revision-date").await.status, 401);
    }
}

#[tokio::test]
async fn when_the_owner_of_the_read_models_is_killed_the_other_takes_over() {
    let two = Two::start().await;
    let (account, clients) = two.member("owner").await;
    let mut kept = Vec::new();
    for round in 0..10 {
        kept.push(
            clients[round % 2]
                .create_login(&account, &format!("before {round}"))
                .await,
        );
    }
    two.one.kill9().await;
    for round in 0..10 {
        let id = clients[1].create_login(&account, &format!("after {round}")).await;
        let sync: Value = clients[1].sync().await;
        assert!(find(&sync["ciphers"], &id).is_some(), "round {round}");
        kept.push(id);
    }
    two.one.start_again().await;
    kept.sort_unstable();
    assert_eq!(ids(&clients[0]).await, kept);
    assert_eq!(ids(&clients[1]).await, kept);
    each_sees_what_the_other_did(&account, &clients, 10).await;
}
