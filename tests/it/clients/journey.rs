//! What a person does in a day with the official client, whatever its version.

use serde_json::{Value, json};
use tests::cli::{Cli, Version};
use tests::client::item::{self, Kind};
use tests::client::{Account, Client};
use tests::crypto::Kdf;
use tests::server::Server;

/// An account with the key derivation every version of the client can compute, and an HTTP session beside the client's.
pub async fn member(server: &Server, name: &str) -> (Account, Client) {
    let account = Account {
        kdf: Kdf::default(),
        ..Account::new(name)
    };
    let mut client = server.client();
    client.join(&account).await;
    (account, client)
}

/// An item as a person writes it: everything that the client's own templates have.
pub fn written(kind: Kind, name: &str) -> Value {
    let mut item = item::full(kind, name);
    item["organizationId"] = Value::Null;
    item["collectionIds"] = Value::Null;
    item["folderId"] = Value::Null;
    item["reprompt"] = json!(0);
    item.as_object_mut().unwrap().remove("passwordHistory");
    if kind == Kind::Login {
        item["login"] = json!({
            "username": "someone@example.com",
            "password": "correct horse",
            "totp": "GEZDGNBVGY3TQOJQ",
            "uris": [{"uri": "https://example.com/login", "match": null}, {"uri": "https://other.example.com", "match": 3}],
        });
    }
    item
}

/// Panics with what differs if `found` does not say what was `written`.
#[track_caller]
pub fn assert_says(written: &Value, found: &Value) {
    for field in ["type", "name", "notes", "favorite"] {
        assert_eq!(found[field], written[field], "{field} of {found}");
    }
    let inside = Kind::ALL
        .iter()
        .find(|kind| **kind as u64 == written["type"].as_u64().unwrap())
        .unwrap()
        .field();
    for (name, value) in written[inside].as_object().unwrap() {
        if name == "uris" {
            let uris = |item: &Value| -> Vec<Value> {
                let uris = item[inside]["uris"].as_array().cloned().unwrap_or_default();
                uris.into_iter().map(|uri| json!([uri["uri"], uri["match"]])).collect()
            };
            assert_eq!(uris(found), uris(written), "uris of {found}");
        } else {
            assert_eq!(&found[inside][name], value, "{inside}.{name} of {found}");
        }
    }
    let fields = |item: &Value| -> Vec<Value> {
        let fields = item["fields"].as_array().cloned().unwrap_or_default();
        fields
            .into_iter()
            .map(|field| json!([field["type"], field["name"], field["value"]]))
            .collect()
    };
    assert_eq!(fields(found), fields(written), "fields of {found}");
}

pub fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {value}"))
        .to_owned()
}

/// Login, a folder, items of these kinds, an edit, trash and back, deletion, search, logout; every step seen by the server.
pub async fn day(version: Version, kinds: &[Kind]) {
    let server = Server::shared().await;
    let (account, client) = member(server, "day").await;
    let mut cli = Cli::new(version, server).await;
    cli.login(&account).await;

    let folder = text(&cli.create("folder", &json!({"name": "Accounts"})).await, "id");
    let mut made = Vec::new();
    for kind in kinds {
        let item = written(*kind, &format!("My {kind:?}"));
        made.push((text(&cli.create("item", &item).await, "id"), item));
    }
    cli.ok(&["sync", "--force"]).await;
    let listed = cli.list("items", &[]).await;
    assert_eq!(listed.len(), kinds.len(), "{listed:?}");
    for (id, item) in &made {
        assert_says(
            item,
            listed
                .iter()
                .find(|found| found["id"] == id.as_str())
                .unwrap_or_else(|| panic!("{id} is not listed")),
        );
    }

    let (id, item) = &mut made[0];
    let mut edited = cli.ok(&["get", "item", id]).await;
    for (field, value) in [
        ("name", json!("Edited")),
        ("favorite", json!(true)),
        ("folderId", json!(folder)),
    ] {
        edited[field] = value.clone();
        item[field] = value;
    }
    cli.edit("item", id, &edited).await;
    cli.ok(&["sync", "--force"]).await;
    let found = cli.ok(&["get", "item", id]).await;
    assert_says(item, &found);
    assert_eq!(found["folderId"], folder.as_str());
    assert_eq!(client.details(id).await["folderId"], folder.as_str());
    assert_eq!(cli.list("items", &["--search", "Edited"]).await.len(), 1);
    assert_eq!(cli.list("items", &["--folderid", &folder]).await.len(), 1);

    trash(&cli, &client, id).await;
    cli.edit("folder", &folder, &json!({"name": "Renamed"})).await;
    cli.ok(&["delete", "folder", &folder]).await;
    assert_eq!(client.sync().await["folders"], json!([]));
    cli.ok(&["delete", "item", id, "--permanent"]).await;
    assert_eq!(client.get(&format!("/api/ciphers/{id}")).await.status, 404);

    cli.ok(&["logout"]).await;
    cli.refused(&["list", "items"]).await;
}

async fn trash(cli: &Cli, client: &Client, id: &str) {
    cli.ok(&["delete", "item", id]).await;
    assert!(
        client.details(id).await["deletedDate"].is_string(),
        "the item is in the trash"
    );
    cli.ok(&["sync", "--force"]).await;
    assert_eq!(cli.list("items", &["--trash"]).await.len(), 1);
    cli.ok(&["restore", "item", id]).await;
    assert!(
        client.details(id).await["deletedDate"].is_null(),
        "the item is out of the trash"
    );
}

/// An import of `count` logins in five folders; then both exports say what went in.
pub async fn there_and_back(version: Version, count: usize) {
    let server = Server::shared().await;
    let (account, client) = member(server, "import").await;
    let mut cli = Cli::new(version, server).await;
    cli.login(&account).await;
    let folders: Vec<Value> = (0..5)
        .map(|i| json!({"id": uuid::Uuid::new_v4(), "name": format!("Folder {i}")}))
        .collect();
    let items: Vec<Value> = (0..count)
        .map(|i| {
            let mut item = written(
                [Kind::Login, Kind::SecureNote, Kind::Card, Kind::Identity][i % 4],
                &format!("Item {i:03}"),
            );
            item["folderId"] = folders[i % 5]["id"].clone();
            item
        })
        .collect();
    let file = cli.folder().join("import.json");
    std::fs::write(
        &file,
        json!({"encrypted": false, "folders": folders, "items": items}).to_string(),
    )
    .unwrap();
    cli.ok(&["import", "bitwardenjson", &file.display().to_string()]).await;
    cli.ok(&["sync", "--force"]).await;
    assert_eq!(client.sync().await["ciphers"].as_array().unwrap().len(), count);

    let exported = cli.export(&["json"]).await;
    let names: std::collections::BTreeMap<String, String> = exported["folders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (text(f, "id"), text(f, "name")))
        .collect();
    let found = exported["items"].as_array().unwrap();
    assert_eq!((found.len(), names.len()), (count, 5));
    for (index, item) in items.iter().enumerate() {
        let found = found
            .iter()
            .find(|f| f["name"] == item["name"])
            .unwrap_or_else(|| panic!("{} was not exported", item["name"]));
        assert_says(item, found);
        assert_eq!(
            names[&text(found, "folderId")],
            format!("Folder {}", index % 5),
            "{}",
            item["name"]
        );
    }
    assert_encrypted_export(&cli.export(&["encrypted_json"]).await, &account, &items);
}

/// The export sealed by the account opens to the same names and passwords.
fn assert_encrypted_export(exported: &Value, account: &Account, items: &[Value]) {
    assert_eq!(exported["encrypted"], true);
    let open = |value: &Value| {
        account
            .user_key
            .open(value.as_str().unwrap())
            .expect("sealed by the account")
    };
    let mut names: Vec<String> = exported["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| open(&item["name"]))
        .collect();
    names.sort_unstable();
    let expected: Vec<String> = items.iter().map(|item| text(item, "name")).collect();
    assert_eq!(names, expected);
    for item in exported["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["type"] == 1)
    {
        assert_eq!(open(&item["login"]["password"]), "correct horse");
    }
}

/// A wrong password is refused at login and at unlock, in the words the client has for it; the right one is taken.
pub async fn wrong_password(version: Version) {
    let server = Server::shared().await;
    let (account, _) = member(server, "wrong").await;
    let mut cli = Cli::new(version, server).await;
    let message = cli.refused(&["login", &account.email, "not the password"]).await;
    let said = ["Invalid master password", "Username or password is incorrect"];
    assert!(said.iter().any(|words| message.contains(words)), "{message}");
    cli.login(&account).await;
    cli.unlock("not the password")
        .await
        .expect_err("a wrong password unlocks nothing");
    cli.unlock(&account.password).await.expect("the right one does");
}

/// A login by API key, refused with a wrong one; then the password unlocks what another client made.
pub async fn api_key(version: Version) {
    let server = Server::shared().await;
    let (account, client) = member(server, "apikey").await;
    let item = client.create_login(&account, "From elsewhere").await;
    let (user, secret) = client.api_key(&account).await;
    let mut cli = Cli::new(version, server).await;
    let id = format!("user.{user}");
    let message = cli
        .login_api_key(&id, "abcdefghijklmnopqrstuvwxyz0123")
        .await
        .expect_err("a wrong secret");
    assert!(message.contains("incorrect"), "{message}");
    cli.login_api_key(&id, &secret).await.unwrap();
    cli.unlock(&account.password).await.unwrap();
    cli.ok(&["sync"]).await;
    assert_eq!(cli.ok(&["get", "item", &item]).await["name"], "From elsewhere");
}

/// A vault with kinds of items that came after this version of the client: it lists the others.
pub async fn unknown_kinds(version: Version) {
    let server = Server::shared().await;
    let (account, client) = member(server, "mixed").await;
    for kind in Kind::ALL {
        client.create(&account, kind, &format!("{kind:?}")).await;
    }
    let mut cli = Cli::new(version, server).await;
    cli.login(&account).await;
    let mut names: Vec<String> = cli
        .list("items", &[])
        .await
        .iter()
        .map(|item| text(item, "name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Card", "Identity", "Login", "SecureNote"]);
}
