//! Two accounts and nobody: what belongs to one does not exist for the others.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::{Account, Client};
use tests::server::Server;

use crate::compare::assert_same;

/// Routes that take the id of an item (`{item}`) or of a folder (`{folder}`), with a body that would do something.
const BY_PATH: &[(&str, &str, &str)] = &[
    ("GET", "/api/ciphers/{item}", ""),
    ("GET", "/api/ciphers/{item}/details", ""),
    ("GET", "/api/ciphers/{item}/full-details", ""),
    ("PUT", "/api/ciphers/{item}", "item"),
    ("POST", "/api/ciphers/{item}", "item"),
    ("PUT", "/api/ciphers/{item}/partial", "partial"),
    ("POST", "/api/ciphers/{item}/partial", "partial"),
    ("PUT", "/api/ciphers/{item}/delete", ""),
    ("POST", "/api/ciphers/{item}/delete", ""),
    ("PUT", "/api/ciphers/{item}/restore", ""),
    ("DELETE", "/api/ciphers/{item}", ""),
    ("GET", "/api/folders/{folder}", ""),
    ("PUT", "/api/folders/{folder}", "folder"),
    ("POST", "/api/folders/{folder}", "folder"),
    ("POST", "/api/folders/{folder}/delete", ""),
    ("DELETE", "/api/folders/{folder}", ""),
];

pub struct Owner {
    pub account: Account,
    pub client: Client,
    pub item: String,
    pub folder: String,
}

impl Owner {
    pub async fn new(server: &Server) -> Self {
        let (account, client) = server.member("owner").await;
        let folder = client.create_folder(&account, "private").await;
        let mut sent = item::request(&account.user_key, Kind::Login, "private");
        sent["folderId"] = json!(folder);
        let made = client.post("/api/ciphers", &sent).await.ok();
        Self {
            account,
            client,
            item: tests::client::vault::id(&made),
            folder,
        }
    }

    fn path(&self, template: &str) -> String {
        template.replace("{item}", &self.item).replace("{folder}", &self.folder)
    }
}

fn body(kind: &str, account: &Account) -> Option<Value> {
    match kind {
        "item" => Some(item::request(&account.user_key, Kind::Login, "taken over")),
        "partial" => Some(json!({"folderId": null, "favorite": true})),
        "folder" => Some(item::folder(&account.user_key, "taken over")),
        _ => None,
    }
}

async fn ask(client: &Client, method: &str, path: &str, body: Option<Value>) -> tests::client::Answer {
    let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
    client
        .send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
}

#[tokio::test]
async fn ids_of_others_do_not_exist() {
    let server = Server::shared().await;
    let owner = Owner::new(server).await;
    let (account, stranger) = server.member("stranger").await;
    let before = owner.client.vault().await;
    for (method, template, kind) in BY_PATH {
        let path = owner.path(template);
        ask(&stranger, method, &path, body(kind, &account))
            .await
            .refused(404, "Resource not found.");
        let answer = ask(&stranger.signed_out(), method, &path, body(kind, &account)).await;
        assert_eq!(
            answer.status, 401,
            "{method} {template} without a session: {}",
            answer.text
        );
    }
    assert_same(&before, &owner.client.vault().await);
    assert_eq!(stranger.sync().await["ciphers"], json!([]));
    for (method, template, kind) in BY_PATH
        .iter()
        .filter(|(method, path, _)| *method != "DELETE" && !path.ends_with("/delete"))
    {
        let answer = ask(&owner.client, method, &owner.path(template), body(kind, &owner.account)).await;
        assert_eq!(answer.status, 200, "{method} {template} by the owner: {}", answer.text);
    }
}

#[tokio::test]
async fn ids_of_others_in_lists_are_passed_over_or_refused_but_never_obeyed() {
    let server = Server::shared().await;
    let owner = Owner::new(server).await;
    let (account, stranger) = server.member("stranger").await;
    let own = stranger.create_login(&account, "own").await;
    let before = owner.client.vault().await;
    let ids = json!({"ids": [owner.item]});
    for (method, path) in [
        ("PUT", "/api/ciphers/delete"),
        ("POST", "/api/ciphers/delete"),
        ("DELETE", "/api/ciphers"),
        ("PUT", "/api/ciphers/restore"),
    ] {
        // as it is for one: none of them is there for a stranger
        let answer = ask(&stranger, method, path, Some(ids.clone())).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    for path in ["/api/ciphers/archive", "/api/ciphers/unarchive"] {
        let answer = stranger.put(path, &ids).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for action in ["archive", "unarchive"] {
        let answer = stranger
            .put_empty(&format!("/api/ciphers/{}/{action}", owner.item))
            .await;
        assert_eq!(answer.status, 404, "{action}: {}", answer.text);
    }
    stranger
        .put("/api/ciphers/move", &json!({"ids": [owner.item], "folderId": null}))
        .await
        .refused(404, "not found");
    stranger
        .put("/api/ciphers/move", &json!({"ids": [own], "folderId": owner.folder}))
        .await
        .refused(400, "Invalid folder.");
    assert_same(&before, &owner.client.vault().await);
    assert_eq!(stranger.details(&own).await["folderId"], Value::Null);
}

#[tokio::test]
async fn a_folder_of_somebody_else_takes_no_items() {
    let server = Server::shared().await;
    let owner = Owner::new(server).await;
    let (account, stranger) = server.member("stranger").await;
    let mut sent = item::request(&account.user_key, Kind::Login, "smuggled");
    sent["folderId"] = json!(owner.folder);
    let answer = stranger.post("/api/ciphers", &sent).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let own = stranger.create_login(&account, "own").await;
    let answer = stranger
        .put(
            &format!("/api/ciphers/{own}/partial"),
            &json!({"folderId": owner.folder, "favorite": false}),
        )
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let mut import = json!({"ciphers": [item::request(&account.user_key, Kind::Login, "imported")], "folders": [item::folder(&account.user_key, "x")], "folderRelationships": [{"key": 0, "value": 0}]});
    import["folders"][0]["id"] = json!(owner.folder);
    stranger.post("/api/ciphers/import", &import).await.ok();
    let sync = stranger.sync().await;
    let foreign: Vec<_> = sync["ciphers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["folderId"] == owner.folder.as_str())
        .collect();
    assert!(foreign.is_empty(), "items were filed in another's folder: {foreign:?}");
    assert!(
        sync["folders"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f["id"] != owner.folder.as_str()),
        "{sync}"
    );
}

#[tokio::test]
async fn devices_of_others_do_not_exist() {
    let server = Server::shared().await;
    let owner = Owner::new(server).await;
    let (_, stranger) = server.member("stranger").await;
    let devices = owner.client.get("/api/devices").await.ok();
    let id = devices["data"][0]["id"].as_str().unwrap();
    let identifier = &owner.client.device().identifier;
    for (method, path) in [
        ("GET", format!("/api/devices/{id}")),
        ("GET", format!("/api/devices/identifier/{identifier}")),
        ("PUT", format!("/api/devices/identifier/{identifier}/token")),
        ("DELETE", format!("/api/devices/{id}")),
        ("POST", format!("/api/devices/{id}/deactivate")),
    ] {
        let body = (method == "PUT").then(|| json!({"pushToken": "stolen"}));
        ask(&stranger, method, &path, body.clone())
            .await
            .refused(404, "Resource not found.");
        assert_eq!(
            ask(&stranger.signed_out(), method, &path, body).await.status,
            401,
            "{method} {path} without a session"
        );
    }
    assert_eq!(owner.client.get("/api/devices").await.ok(), devices);
}
