//! `rbw`, a client with models and cryptography of its own.

use tests::client::Client;
use tests::client::item::Kind;
use tests::rbw::Rbw;
use tests::server::Server;

use super::journey;

async fn names(account: &tests::client::Account, client: &Client) -> Vec<String> {
    let sync = client.sync().await;
    let open = |cipher: &serde_json::Value| account.user_key.open(cipher["name"].as_str().unwrap()).unwrap();
    sync["ciphers"].as_array().unwrap().iter().map(open).collect()
}

#[tokio::test]
async fn login_sync_add_edit_and_remove() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "rbw").await;
    client.create_login(&account, "from elsewhere").await;
    let rbw = Rbw::new(server, &account).await;
    rbw.ok(&["login"]).await;
    rbw.ok(&["sync"]).await;
    assert_eq!(rbw.ok(&["get", "from elsewhere"]).await.trim(), "hunter2");

    rbw.ok_with(
        &["add", "--folder", "made by rbw", "example.org", "someone"],
        "s3cret\nwith notes\n",
    )
    .await;
    let sync = client.sync().await;
    assert_eq!(
        (
            sync["ciphers"].as_array().unwrap().len(),
            sync["folders"].as_array().unwrap().len()
        ),
        (2, 1)
    );
    assert_eq!(rbw.ok(&["get", "example.org", "someone"]).await.trim(), "s3cret");
    assert!(rbw.ok(&["get", "--full", "example.org"]).await.contains("with notes"));

    rbw.ok_with(&["edit", "example.org", "someone"], "changed\nother notes\n")
        .await;
    assert_eq!(rbw.ok(&["get", "example.org", "someone"]).await.trim(), "changed");
    rbw.ok(&["remove", "example.org", "someone"]).await;
    assert_eq!(names(&account, &client).await, ["from elsewhere"]);
}

#[tokio::test]
async fn a_vault_with_every_kind_of_item_is_read() {
    let server = Server::shared().await;
    let (account, client) = journey::member(server, "rbwkinds").await;
    for kind in Kind::ALL {
        let full = tests::client::item::full(kind, &format!("{kind:?}"));
        client
            .post("/api/ciphers", &tests::client::item::seal(&account.user_key, &full))
            .await
            .ok();
    }
    let rbw = Rbw::new(server, &account).await;
    rbw.ok(&["sync"]).await;
    let mut listed: Vec<String> = rbw.ok(&["list"]).await.lines().map(str::to_owned).collect();
    listed.sort_unstable();
    for kind in ["Card", "Identity", "Login", "SecureNote", "SshKey"] {
        assert!(listed.iter().any(|name| name == kind), "{kind} is not in {listed:?}");
    }
    assert_eq!(rbw.ok(&["get", "Login"]).await.trim(), "correct horse");
}

#[tokio::test]
async fn a_wrong_password_is_asked_for_again_and_then_refused() {
    let server = Server::shared().await;
    let (account, _) = journey::member(server, "rbwwrong").await;
    let wrong = tests::client::Account {
        password: "not the password".into(),
        ..account
    };
    let rbw = Rbw::new(server, &wrong).await;
    let said = rbw.refused(&["login"]).await;
    assert!(said.to_lowercase().contains("incorrect"), "{said}");
}
