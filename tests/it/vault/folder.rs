//! Folders.

use serde_json::json;
use tests::client::item::{self, Kind};
use tests::client::vault::{find, id};
use tests::server::Server;
use tests::shape::assert_shape;
use uuid::Uuid;

#[tokio::test]
async fn a_folder_is_made_renamed_and_deleted() {
    let (account, client) = Server::shared().await.member("folder").await;
    let sent = item::folder(&account.user_key, "first");
    let made = client.post("/api/folders", &sent).await.ok();
    assert_shape("FolderResponseModel", &made);
    assert_eq!(made["name"], sent["name"]);
    let path = format!("/api/folders/{}", id(&made));

    let renamed = client.put(&path, &item::folder(&account.user_key, "second")).await.ok();
    assert_shape("FolderResponseModel", &renamed);
    assert!(
        renamed["revisionDate"].as_str() > made["revisionDate"].as_str(),
        "{made} then {renamed}"
    );
    assert_eq!(client.get(&path).await.ok(), renamed);
    assert_eq!(client.sync().await["folders"], json!([renamed]));
    let list = client.get("/api/folders").await.ok();
    assert_shape("ListResponseModel<FolderResponseModel>", &list);
    assert_eq!(list["data"], json!([renamed]));

    client.delete(&path).await.ok_empty();
    client.delete(&path).await.refused(404, "Resource not found.");
    client.get(&path).await.refused(404, "Resource not found.");
    assert_eq!(client.sync().await["folders"], json!([]));
}

#[tokio::test]
async fn items_outlive_their_folder_and_leave_it_unchanged() {
    let (account, client) = Server::shared().await.member("filed").await;
    let folder = client.create_folder(&account, "folder").await;
    let mut sent = item::request(&account.user_key, Kind::Login, "filed");
    sent["folderId"] = json!(folder);
    let made = client.post("/api/ciphers", &sent).await.ok();
    assert_eq!(made["folderId"], folder);
    client.delete(&format!("/api/folders/{folder}")).await.ok_empty();
    let sync = client.sync().await;
    let left = find(&sync["ciphers"], &id(&made)).expect("the item is still there");
    assert_eq!(left["folderId"], json!(null));
    assert_eq!(left["revisionDate"], made["revisionDate"], "filing is not an edit");
}

#[tokio::test]
async fn all_folders_go_at_once_and_items_stay() {
    let (account, client) = Server::shared().await.member("sweep").await;
    client.delete("/api/folders/all").await.ok_empty();
    for name in ["one", "two", "three"] {
        client.create_folder(&account, name).await;
    }
    client.create_login(&account, "stays").await;
    client.delete("/api/folders/all").await.ok_empty();
    let sync = client.sync().await;
    assert_eq!(sync["folders"], json!([]));
    assert_eq!(sync["ciphers"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn names_that_are_not_sealed_and_ids_nobody_has_are_refused() {
    let (account, client) = Server::shared().await.member("refused").await;
    client
        .post("/api/folders", &json!({}))
        .await
        .refused(400, "The Name field is required.");
    client
        .post("/api/folders", &json!({"name": ""}))
        .await
        .refused(400, "Name");
    client
        .post("/api/folders", &json!({"name": "clear text"}))
        .await
        .refused(400, "Name is not a valid encrypted string.");
    let long = account.user_key.seal(&"x".repeat(1_000));
    client
        .post("/api/folders", &json!({"name": long}))
        .await
        .refused(400, "maximum encrypted value length of 1000");
    let rename = item::folder(&account.user_key, "x");
    for nobody in [Uuid::new_v4().to_string(), "not-a-uuid".to_owned()] {
        let answer = client.put(&format!("/api/folders/{nobody}"), &rename).await;
        assert!(
            matches!(answer.status, 400 | 404),
            "{nobody}: {} {}",
            answer.status,
            answer.text
        );
    }
    assert_eq!(client.sync().await["folders"], json!([]));
}
