//! The official command line client of February 2024, which still runs in scripts.

use tests::cli::{Cli, Version};
use tests::client::item::Kind;
use tests::server::Server;

use super::journey;

#[tokio::test]
async fn a_day_with_every_kind_of_item_it_knows() {
    journey::day(
        Version::Old,
        &[Kind::Login, Kind::SecureNote, Kind::Card, Kind::Identity],
    )
    .await;
}

#[tokio::test]
async fn two_hundred_items_there_and_back() {
    journey::there_and_back(Version::Old, 200).await;
}

#[tokio::test]
async fn a_login_by_api_key_is_unlocked_by_the_password() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "apikey").await;
    let item = client.create_login(&account, "From elsewhere").await;
    let (user, secret) = client.api_key(&account).await;
    let mut cli = Cli::new(Version::Old, server).await;
    cli.login_api_key(&format!("user.{user}"), &secret).await.unwrap();
    cli.unlock(&account.password).await.unwrap();
    cli.ok(&["sync"]).await;
    assert_eq!(cli.ok(&["get", "item", &item]).await["name"], "From elsewhere");
}

#[tokio::test]
async fn items_it_does_not_know_do_not_disturb_it() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "mixed").await;
    for kind in Kind::ALL {
        client.create(&account, kind, &format!("{kind:?}")).await;
    }
    let mut cli = Cli::new(Version::Old, server).await;
    cli.login(&account).await;
    let mut names: Vec<String> = cli
        .list("items", &[])
        .await
        .iter()
        .map(|item| journey::text(item, "name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Card", "Identity", "Login", "SecureNote"]);
}
