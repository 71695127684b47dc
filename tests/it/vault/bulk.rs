//! Many items in one request.

use serde_json::{Value, json};
use tests::client::item::Kind;
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::server::Server;
use tests::shape::assert_shape;
use uuid::Uuid;

async fn three(client: &Client, account: &Account) -> [String; 3] {
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(client.create_login(account, name).await);
    }
    ids.try_into().unwrap()
}

/// How many items of the vault are in the trash, and how many there are.
async fn counts(client: &Client) -> (usize, usize) {
    let sync = client.sync().await;
    let ciphers = sync["ciphers"].as_array().unwrap();
    (
        ciphers.iter().filter(|c| !c["deletedDate"].is_null()).count(),
        ciphers.len(),
    )
}

#[tokio::test]
async fn many_items_go_to_the_trash_come_back_and_go_for_good() {
    let (account, client) = Server::shared().await.member("bulk").await;
    let [one, two, _] = three(&client, &account).await;
    let stranger = Uuid::new_v4();
    let ids = json!({"ids": [one, two, stranger]});
    client.put("/api/ciphers/delete", &ids).await.ok_empty();
    assert_eq!(counts(&client).await, (2, 3));
    let restored = client.put("/api/ciphers/restore", &ids).await.ok();
    assert_shape("ListResponseModel<CipherMiniResponseModel>", &restored);
    assert_eq!(
        restored["data"].as_array().unwrap().len(),
        2,
        "ids nobody has are passed over"
    );
    assert_eq!(counts(&client).await, (0, 3));
    client.delete_with("/api/ciphers", &ids).await.ok_empty();
    assert_eq!(counts(&client).await, (0, 1));
    client.post("/api/ciphers/delete", &json!({"ids": []})).await.ok_empty();
    client
        .put("/api/ciphers/delete", &json!({}))
        .await
        .refused(400, "The Ids field is required.");
}

#[tokio::test]
async fn many_items_move_to_a_folder_and_out_of_it_without_an_edit() {
    let (account, client) = Server::shared().await.member("move").await;
    let [one, two, three] = three(&client, &account).await;
    let folder = client.create_folder(&account, "folder").await;
    let before = client.details(&one).await["revisionDate"].clone();
    client
        .put("/api/ciphers/move", &json!({"ids": [one, two], "folderId": folder}))
        .await
        .ok_empty();
    let folders = || async {
        let mut found = Vec::new();
        for id in [&one, &two, &three] {
            found.push(client.details(id).await["folderId"].clone());
        }
        found
    };
    assert_eq!(folders().await, [json!(folder), json!(folder), Value::Null]);
    assert_eq!(client.details(&one).await["revisionDate"], before);
    client
        .put("/api/ciphers/move", &json!({"ids": [one], "folderId": Uuid::new_v4()}))
        .await
        .refused(400, "Invalid folder.");
    client
        .put("/api/ciphers/move", &json!({"ids": [one, two], "folderId": null}))
        .await
        .ok_empty();
    assert_eq!(folders().await, [Value::Null, Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_purge_empties_the_vault_after_the_password_was_given() {
    let (account, client) = Server::shared().await.member("purge").await;
    let [one, ..] = three(&client, &account).await;
    client.put_empty(&format!("/api/ciphers/{one}/delete")).await.ok_empty();
    client.create_folder(&account, "folder").await;
    let wrong = json!({"masterPasswordHash": "bm90IHRoZSBwYXNzd29yZCBoYXNo"});
    client
        .post("/api/ciphers/purge", &wrong)
        .await
        .refused(400, "User verification failed.");
    assert_eq!(counts(&client).await, (1, 3));
    client
        .post(
            "/api/ciphers/purge",
            &json!({"masterPasswordHash": account.password_hash()}),
        )
        .await
        .ok_empty();
    let sync = client.sync().await;
    assert_eq!((&sync["ciphers"], &sync["folders"]), (&json!([]), &json!([])));
    let (_, made) = client.create(&account, Kind::Login, "new life").await;
    assert_eq!(client.details(&id(&made)).await["id"], made["id"]);
}
