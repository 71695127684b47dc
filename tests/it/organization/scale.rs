//! What a change costs does not grow with the organization.

use super::join;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tests::client::Client;
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::cluster::database;
use tests::server::Server;

/// The rows of read models that transactions from `first` on wrote.
async fn rows_since(pool: &PgPool, first: i64) -> i64 {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname like 'read_g%'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut all = 0;
    for table in tables {
        let count = format!("select count(*) from {table} where xmin::text::bigint >= {first}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(pool).await.unwrap();
        all += count;
    }
    all
}

/// Waits until all projectors are at the end of the history, and stay there.
async fn quiet(pool: &PgPool) {
    let places = "select position from projection.generation where state = 'live' order by projector";
    let mut before: Vec<i64> = Vec::new();
    loop {
        let now: Vec<i64> = sqlx::query_scalar(places).fetch_all(pool).await.unwrap();
        let head: i64 = sqlx::query_scalar("select position from es.log_head")
            .fetch_one(pool)
            .await
            .unwrap();
        if now == before && now.iter().all(|place| *place == head) {
            return;
        }
        before = now;
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
}

/// How many rows each of these changes writes.
async fn costs(pool: &PgPool, owner: &Client, organization: &Organization, turn: usize) -> Vec<(&'static str, i64)> {
    let item = owner
        .make_shared(organization, "about", &[&organization.collection])
        .await;
    let group = json!({"name": format!("group {turn}"), "collections": [], "users": []});
    let group = id(&owner.post(&organization.path("groups"), &group).await.ok());
    let mut costs = Vec::new();
    for name in [
        "edit an item",
        "trash an item",
        "give a group a right",
        "invite",
        "set a policy",
    ] {
        quiet(pool).await;
        let first: i64 = sqlx::query_scalar("select pg_current_xact_id()::text::bigint + 1")
            .fetch_one(pool)
            .await
            .unwrap();
        match name {
            "edit an item" => {
                let mut edited =
                    tests::client::item::request(&organization.key, tests::client::item::Kind::Login, "edited");
                edited["organizationId"] = json!(organization.id);
                drop(owner.put(&format!("/api/ciphers/{item}"), &edited).await.ok());
            }
            "trash an item" => owner.put_empty(&format!("/api/ciphers/{item}/delete")).await.ok_empty(),
            "give a group a right" => {
                let rights = [Organization::selection(&organization.collection, [true, false, false])];
                let body = json!({"name": format!("group {turn}"), "collections": rights, "users": []});
                drop(
                    owner
                        .put(&organization.path(&format!("groups/{group}")), &body)
                        .await
                        .ok(),
                );
            }
            "invite" => {
                let body = json!({
                    "emails": [format!("one-more-{turn}@example.org")], "type": 2, "permissions": {}, "collections": [], "groups": [],
                });
                owner.post(&organization.path("users/invite"), &body).await.ok_empty();
            }
            _ => {
                let body: Value = json!({"enabled": true, "data": {"minLength": 12 + turn}});
                drop(owner.put(&organization.path("policies/1"), &body).await.ok());
            }
        }
        quiet(pool).await;
        costs.push((name, rows_since(pool, first).await));
    }
    costs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_writes_as_many_rows_in_a_large_organization_as_in_a_small_one() {
    let database = database().await;
    let server = Server::start_with(&[("ANNALOCK_DATABASE_URL", &database.url)]).await;
    let (ann, anns) = server.member("scale").await;
    let organization = anns.found(&ann, "Scale").await;
    let rights = Organization::selection(&organization.collection, [false, false, false]);
    let (_, first, _) = join(
        &server,
        &anns,
        &organization,
        "scale-first",
        2,
        std::slice::from_ref(&rights),
    )
    .await;
    let small = costs(&database.pool, &anns, &organization, 0).await;
    for number in 0..10 {
        join(
            &server,
            &anns,
            &organization,
            &format!("scale-{number}"),
            2,
            std::slice::from_ref(&rights),
        )
        .await;
    }
    let emails: Vec<String> = (0..500).map(|n| format!("invited-{n}@example.org")).collect();
    let body = json!({"emails": emails, "type": 2, "permissions": {}, "collections": [rights], "groups": []});
    anns.post(&organization.path("users/invite"), &body).await.ok_empty();
    let large = costs(&database.pool, &anns, &organization, 1).await;
    assert_eq!(small, large);
    assert!(small.iter().all(|(_, rows)| (1..40).contains(rows)), "{small:?}");
    // and yet every member sees it at once
    let date = first.get("/api/accounts/revision-date").await.ok();
    anns.make_shared(&organization, "seen", &[&organization.collection])
        .await;
    assert!(first.get("/api/accounts/revision-date").await.ok().as_i64() > date.as_i64());
}
