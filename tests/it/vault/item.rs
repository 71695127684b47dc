//! One item through its life.

use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::vault::{find, id};
use tests::server::Server;
use tests::shape::assert_shape;
use uuid::Uuid;

#[tokio::test]
async fn every_kind_of_item_comes_back_as_it_was_sent() {
    let (account, client) = Server::shared().await.member("kinds").await;
    for kind in Kind::ALL {
        for plain in [item::full(kind, "everything"), item::minimal(kind, "little")] {
            let sent = item::seal(&account.user_key, &plain);
            let made = client.post("/api/ciphers", &sent).await.ok();
            assert_shape("CipherResponseModel", &made);
            item::assert_kept(&sent, &made);
            let details = client.details(&id(&made)).await;
            assert_shape("CipherDetailsResponseModel", &details);
            item::assert_kept(&sent, &details);
            let sync = client.sync().await;
            assert_eq!(
                find(&sync["ciphers"], &id(&made)),
                Some(&details),
                "{kind:?}: sync and details say the same"
            );
        }
    }
}

#[tokio::test]
async fn a_login_repeats_its_first_address() {
    let (account, client) = Server::shared().await.member("uri").await;
    let sent = item::seal(&account.user_key, &item::full(Kind::Login, "login"));
    let made = client.post("/api/ciphers", &sent).await.ok();
    assert_eq!(made["login"]["uri"], sent["login"]["uris"][0]["uri"]);
    let mut only = item::request(&account.user_key, Kind::Login, "only uri");
    only["login"]["uri"] = json!(account.user_key.seal("https://example.com"));
    let made = client.post("/api/ciphers", &only).await.ok();
    assert_eq!(
        made["login"]["uris"],
        json!([{"uri": only["login"]["uri"], "uriChecksum": null, "match": null}])
    );
}

#[tokio::test]
async fn an_edit_replaces_the_whole_item_and_moves_its_revision() {
    let (account, client) = Server::shared().await.member("edit").await;
    let (_, made) = client.create(&account, Kind::Login, "before").await;
    let path = format!("/api/ciphers/{}", id(&made));
    let mut sent = item::seal(&account.user_key, &item::full(Kind::Login, "after"));
    sent["lastKnownRevisionDate"] = made["revisionDate"].clone();
    let edited = client.put(&path, &sent).await.ok();
    assert_shape("CipherResponseModel", &edited);
    item::assert_kept(&sent, &edited);
    assert!(edited["revisionDate"].as_str() > made["revisionDate"].as_str());
    assert_eq!(edited["creationDate"], made["creationDate"]);
    let bare = item::request(&account.user_key, Kind::Login, "bare again");
    let edited = client.post(&path, &bare).await.ok();
    assert_eq!(
        (&edited["notes"], &edited["fields"], &edited["favorite"]),
        (&Value::Null, &Value::Null, &json!(false)),
        "absent means gone"
    );
    assert_eq!(client.get(&path).await.ok(), edited);
}

#[tokio::test]
async fn favorite_and_folder_change_without_an_edit() {
    let (account, client) = Server::shared().await.member("partial").await;
    let (sent, made) = client.create(&account, Kind::Login, "item").await;
    let folder = client.create_folder(&account, "folder").await;
    let path = format!("/api/ciphers/{}/partial", id(&made));
    let filed = client
        .put(&path, &json!({"folderId": folder, "favorite": true}))
        .await
        .ok();
    assert_shape("CipherResponseModel", &filed);
    assert_eq!((&filed["folderId"], &filed["favorite"]), (&json!(folder), &json!(true)));
    assert_eq!(filed["revisionDate"], made["revisionDate"]);
    assert_eq!(filed["name"], sent["name"]);
    let bare = client.put(&path, &json!({})).await.ok();
    assert_eq!(
        (&bare["folderId"], &bare["favorite"]),
        (&Value::Null, &json!(false)),
        "absent means not"
    );
}

#[tokio::test]
async fn an_item_goes_to_the_trash_comes_back_and_goes_for_good() {
    let (account, client) = Server::shared().await.member("trash").await;
    let (_, made) = client.create(&account, Kind::Card, "card").await;
    let path = format!("/api/ciphers/{}", id(&made));
    client.put_empty(&format!("{path}/delete")).await.ok_empty();
    let trashed = client.details(&id(&made)).await;
    assert_eq!(trashed["deletedDate"], trashed["revisionDate"]);
    client.put_empty(&format!("{path}/delete")).await.ok_empty();
    assert_eq!(
        client.details(&id(&made)).await,
        trashed,
        "a second time changes nothing"
    );

    let restored = client.put_empty(&format!("{path}/restore")).await.ok();
    assert_shape("CipherResponseModel", &restored);
    assert_eq!(restored["deletedDate"], Value::Null);
    assert!(restored["revisionDate"].as_str() > trashed["revisionDate"].as_str());

    client.delete(&path).await.ok_empty();
    client.delete(&path).await.refused(404, "Resource not found.");
    client.get(&path).await.refused(404, "Resource not found.");
    assert_eq!(client.sync().await["ciphers"], json!([]));
}

#[tokio::test]
async fn an_item_is_archived_and_taken_out_again() {
    let (account, client) = Server::shared().await.member("archive").await;
    let (_, made) = client.create(&account, Kind::Login, "old").await;
    let ids = json!({"ids": [id(&made)]});
    let archived = client.put("/api/ciphers/archive", &ids).await.ok();
    assert_shape("ListResponseModel<CipherResponseModel>", &archived);
    assert!(archived["data"][0]["archivedDate"].is_string(), "{archived}");
    client
        .put("/api/ciphers/archive", &ids)
        .await
        .refused(400, "No ciphers were archived.");
    assert_eq!(
        client.details(&id(&made)).await["archivedDate"],
        archived["data"][0]["archivedDate"]
    );
    let back = client.put("/api/ciphers/unarchive", &ids).await.ok();
    assert_eq!(back["data"][0]["archivedDate"], Value::Null);
    client
        .put("/api/ciphers/unarchive", &ids)
        .await
        .refused(400, "Ciphers were not unarchived.");
}

#[tokio::test]
async fn an_item_made_together_with_collections_needs_none_of_its_own() {
    let (account, client) = Server::shared().await.member("create").await;
    let sent = item::request(&account.user_key, Kind::Login, "made by create");
    let made = client
        .post("/api/ciphers/create", &json!({"cipher": sent, "collectionIds": null}))
        .await
        .ok();
    assert_shape("CipherResponseModel", &made);
    item::assert_kept(&sent, &made);
}

#[tokio::test]
async fn an_item_sealed_for_somebody_else_or_by_another_key_is_refused() {
    let (account, client) = Server::shared().await.member("sealed").await;
    let mut sent = item::request(&account.user_key, Kind::Login, "item");
    sent["encryptedFor"] = json!(Uuid::new_v4());
    client
        .post("/api/ciphers", &sent)
        .await
        .refused(400, "not encrypted for the current user");
    sent["encryptedFor"] = json!(client.user_id().await);
    client.post("/api/ciphers", &sent).await.ok();

    client
        .post(
            "/api/accounts/key-management/user-key-id",
            &json!({"userKeyId": "00112233445566778899aabbccddeeff"}),
        )
        .await
        .ok();
    sent["encryptedByKeyId"] = json!("ffeeddccbbaa99887766554433221100");
    client
        .post("/api/ciphers", &sent)
        .await
        .refused(400, "not encrypted with the current user key");
    sent["encryptedByKeyId"] = json!("00112233445566778899aabbccddeeff");
    client.post("/api/ciphers", &sent).await.ok();
    assert_eq!(client.sync().await["ciphers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn new_kinds_of_items_are_kept_from_clients_too_old_to_read_them() {
    let (account, client) = Server::shared().await.member("versions").await;
    for kind in Kind::ALL {
        client.create(&account, kind, "item").await;
    }
    let kinds = |version: &'static str| {
        let client = client.saying_version(version);
        async move {
            let sync = client.sync().await;
            let mut kinds: Vec<i64> = sync["ciphers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["type"].as_i64().unwrap())
                .collect();
            kinds.sort_unstable();
            kinds
        }
    };
    assert_eq!(kinds("2026.8.0").await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(kinds("2026.1.0").await, [1, 2, 3, 4, 5]);
    assert_eq!(kinds("2024.2.0").await, [1, 2, 3, 4]);
    assert_eq!(
        kinds("2026.8.0").await,
        [1, 2, 3, 4, 5, 6, 7, 8],
        "what an old client was given is not given to a new one"
    );
}

#[tokio::test]
async fn what_is_no_item_is_refused_with_the_field_at_fault() {
    let (account, client) = Server::shared().await.member("faults").await;
    let good = item::seal(&account.user_key, &item::full(Kind::Login, "login"));
    let faults: [(&str, Value, &str); 8] = [
        ("/name", Value::Null, "The Name field is required."),
        ("/name", json!("clear text"), "Name is not a valid encrypted string."),
        ("/notes", json!("clear text"), "Notes is not a valid encrypted string."),
        ("/login/username", json!("2.a|b"), "Username"),
        ("/login/uris/0/uri", json!("https://example.com"), "Login.Uris[0].Uri"),
        ("/fields/1/value", json!(""), "Fields[1].Value"),
        (
            "/passwordHistory/0/password",
            Value::Null,
            "PasswordHistory[0].Password",
        ),
        ("/type", json!(99), "Type"),
    ];
    for (place, value, words) in faults {
        let mut sent = good.clone();
        *sent.pointer_mut(place).expect("a field of the item") = value.clone();
        let answer = client.post("/api/ciphers", &sent).await;
        assert_eq!(answer.status, 400, "{place} = {value}: {}", answer.text);
        answer.refused(400, words);
    }
    assert_eq!(client.sync().await["ciphers"], json!([]));
}
