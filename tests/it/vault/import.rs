//! Imports: all or nothing, in one request.

use serde_json::{Value, json};
use tests::client::Account;
use tests::client::item::{self, Kind};
use tests::server::Server;

fn bundle(account: &Account, items: usize, folders: usize) -> Value {
    let kinds = Kind::ALL.iter().cycle();
    let ciphers: Vec<_> = kinds
        .take(items)
        .enumerate()
        .map(|(i, kind)| item::request(&account.user_key, *kind, &format!("item {i}")))
        .collect();
    let names: Vec<_> = (0..folders)
        .map(|i| item::folder(&account.user_key, &format!("folder {i}")))
        .collect();
    let filed: Vec<_> = (0..items)
        .filter(|_| folders > 0)
        .map(|i| json!({"key": i, "value": i % folders.max(1)}))
        .collect();
    json!({"ciphers": ciphers, "folders": names, "folderRelationships": filed})
}

#[tokio::test]
async fn a_thousand_items_in_twenty_folders_arrive_whole() {
    let (account, client) = Server::shared().await.member("import").await;
    let sent = bundle(&account, 1_000, 20);
    client.post("/api/ciphers/import", &sent).await.ok_empty();
    let sync = client.sync().await;
    let folders = sync["folders"].as_array().unwrap();
    let ciphers = sync["ciphers"].as_array().unwrap();
    assert_eq!((ciphers.len(), folders.len()), (1_000, 20));
    for (index, request) in sent["ciphers"].as_array().unwrap().iter().enumerate() {
        let found = ciphers
            .iter()
            .find(|c| c["name"] == request["name"])
            .unwrap_or_else(|| panic!("item {index} is missing"));
        item::assert_kept(request, found);
        let folder = folders
            .iter()
            .find(|f| f["id"] == found["folderId"])
            .unwrap_or_else(|| panic!("item {index} is not filed"));
        assert_eq!(
            folder["name"],
            sent["folders"][index % 20]["name"],
            "item {index} is in another folder"
        );
    }
}

#[tokio::test]
async fn one_bad_entry_refuses_all_of_it_and_is_named() {
    let (account, client) = Server::shared().await.member("allornothing").await;
    let mut sent = bundle(&account, 5, 2);
    sent["ciphers"][3]["notes"] = json!("clear text");
    client
        .post("/api/ciphers/import", &sent)
        .await
        .refused(400, "Ciphers[3].Notes");
    let mut sent = bundle(&account, 5, 2);
    sent["folders"][1]["name"] = Value::Null;
    client
        .post("/api/ciphers/import", &sent)
        .await
        .refused(400, "Folders[1].Name");
    let sync = client.sync().await;
    assert_eq!((&sync["ciphers"], &sync["folders"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn an_own_folder_is_used_again_and_wrong_indexes_are_passed_over() {
    let (account, client) = Server::shared().await.member("reuse").await;
    let folder = client.create_folder(&account, "mine").await;
    let mut sent = bundle(&account, 2, 2);
    sent["folders"][0]["id"] = json!(folder);
    sent["folderRelationships"] =
        json!([{"key": 0, "value": 0}, {"key": 1, "value": 7}, {"key": 9, "value": 0}, {"key": -1, "value": 0}]);
    client.post("/api/ciphers/import", &sent).await.ok_empty();
    let sync = client.sync().await;
    assert_eq!(
        sync["folders"].as_array().unwrap().len(),
        2,
        "one was there, one is new"
    );
    let folder_of = |index: usize| {
        let ciphers = sync["ciphers"].as_array().unwrap();
        ciphers
            .iter()
            .find(|c| c["name"] == sent["ciphers"][index]["name"])
            .unwrap()["folderId"]
            .clone()
    };
    assert_eq!((folder_of(0), folder_of(1)), (json!(folder), Value::Null));
}

#[tokio::test]
async fn an_import_of_folders_alone_makes_them() {
    let (account, client) = Server::shared().await.member("foldersonly").await;
    client
        .post("/api/ciphers/import", &bundle(&account, 0, 3))
        .await
        .ok_empty();
    assert_eq!(client.sync().await["folders"].as_array().unwrap().len(), 3);
}
