//! The whole server on KurrentDB: events there, read models in PostgreSQL. The double speaks its protocol.

use kurrentdb_double::Double;
use serde_json::json;
use tests::{
    client::{
        item::{self, Kind},
        vault::id,
    },
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_lives_on_kurrentdb_and_survives_the_death_of_the_server() {
    let double = Double::start().unwrap();
    let server = Server::start_with(&[("ANNALOCK_EVENT_STORE_URL", double.url.as_str())]).await;
    let (account, client) = server.member("kurrent").await;
    let folder = client.create_folder(&account, "folder").await;
    let (_, made) = client.create(&account, Kind::Login, "one").await;
    let mut edit = item::request(&account.user_key, Kind::Login, "edited");
    edit["folderId"] = json!(folder);
    edit["lastKnownRevisionDate"] = made["revisionDate"].clone();
    client.put(&format!("/api/ciphers/{}", id(&made)), &edit).await.ok();
    let ciphers: Vec<_> = (0..300)
        .map(|i| item::request(&account.user_key, Kind::SecureNote, &format!("note {i}")))
        .collect();
    let import = json!({ "ciphers": ciphers, "folders": [], "folderRelationships": [] });
    client.post("/api/ciphers/import", &import).await.ok_empty();
    let before = client.vault().await;
    assert_eq!(before["ciphers"].as_array().unwrap().len(), 301);

    server.kill9().await;
    server.start_again().await;
    let mut client = server.client();
    client.login(&account).await;
    crate::compare::assert_same(&before, &client.vault().await);
    let (code, text) = server.run(&["projections", "rebuild", "--verify"]).await;
    assert_eq!(code, Some(0), "{text}");

    // positions are not dense here, and the tree passes over what the adapter keeps for itself
    let [file, key] = ["export.jsonl", "checkpoints/key"].map(|name| server.data_path().join(name));
    let (file, key) = (file.to_str().unwrap(), key.to_str().unwrap());
    for command in [
        &["audit", "export", "--user", &account.email, "--proof", "-o", file][..],
        &["audit", "verify", file, "--key", key],
        &["audit", "verify"],
    ] {
        let (code, text) = server.run(command).await;
        assert_eq!(code, Some(0), "{command:?}: {text}");
    }
}
