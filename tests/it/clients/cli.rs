//! The official command line client as it is today.

use serde_json::json;
use tests::cli::{Cli, Version};
use tests::client::item::Kind;
use tests::server::Server;

use super::journey;

#[tokio::test]
async fn a_day_with_every_kind_of_item() {
    journey::day(Version::Current, &Kind::ALL).await;
}

#[tokio::test]
async fn two_hundred_items_there_and_back() {
    journey::there_and_back(Version::Current, 200).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_in_the_words_people_know() {
    journey::wrong_password(Version::Current).await;
}

#[tokio::test]
async fn a_login_by_api_key_is_unlocked_by_the_password() {
    journey::api_key(Version::Current).await;
}

#[tokio::test]
async fn changes_made_elsewhere_arrive_with_the_next_sync() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "elsewhere").await;
    let mut cli = Cli::new(Version::Current, server).await;
    cli.login(&account).await;
    assert_eq!(cli.list("items", &[]).await, Vec::<serde_json::Value>::new());
    let item = client.create_login(&account, "From elsewhere").await;
    cli.ok(&["sync"]).await;
    assert_eq!(cli.ok(&["get", "password", &item]).await["data"], "hunter2");
}

#[tokio::test]
async fn archived_items_leave_the_list_and_come_back() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "archive").await;
    let item = client.create_login(&account, "Old").await;
    let mut cli = Cli::new(Version::Current, server).await;
    cli.login(&account).await;
    cli.ok(&["archive", "item", &item]).await;
    assert!(client.details(&item).await["archivedDate"].is_string());
    cli.ok(&["restore", "item", &item]).await;
    assert!(client.details(&item).await["archivedDate"].is_null());
}

#[tokio::test]
async fn an_edit_of_something_changed_elsewhere_is_refused() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "stale").await;
    let item = client.create_login(&account, "Mine").await;
    let mut cli = Cli::new(Version::Current, server).await;
    cli.login(&account).await;
    let seen = cli.ok(&["get", "item", &item]).await;
    let elsewhere = tests::client::item::request(&account.user_key, Kind::Login, "Changed elsewhere");
    client.put(&format!("/api/ciphers/{item}"), &elsewhere).await.ok();
    let mut edited = seen.clone();
    edited["name"] = json!("Changed here");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, edited.to_string());
    let message = cli.refused(&["edit", "item", &item, &encoded]).await;
    assert!(message.contains("out of date"), "{message}");
    assert_eq!(client.details(&item).await["name"], elsewhere["name"]);
}

#[tokio::test]
async fn the_client_is_logged_out_when_all_sessions_are_ended() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "ended").await;
    let mut cli = Cli::new(Version::Current, server).await;
    cli.login(&account).await;
    client
        .post(
            "/api/accounts/security-stamp",
            &json!({"masterPasswordHash": account.password_hash()}),
        )
        .await
        .ok_empty();
    cli.refused(&["sync", "--force"]).await;
    assert_eq!(cli.ok(&["status"]).await["template"]["status"], "unauthenticated");
}

#[tokio::test]
async fn a_client_whose_access_token_has_run_out_gets_a_new_one_by_itself() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "expired").await;
    let mut cli = Cli::new(Version::Current, server).await;
    cli.login(&account).await;
    cli.clock_ahead(2);
    let made = cli
        .create("item", &journey::written(Kind::SecureNote, "Two hours later"))
        .await;
    assert!(client.details(&journey::text(&made, "id")).await["name"].is_string());
    cli.ok(&["sync", "--force"]).await;

    let body = json!({"masterPasswordHash": account.password_hash()});
    client.post("/api/accounts/security-stamp", &body).await.ok_empty();
    cli.refused(&["sync", "--force"]).await;
}
