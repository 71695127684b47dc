//! The whole server on KurrentDB: events there, read models in PostgreSQL. The double speaks its protocol.

use crate::account::rotation::{PATH, rotation, with_new_key};
use kurrentdb_double::Double;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tests::{
    client::{
        item::{self, Kind},
        vault::id,
    },
    server::{EVENT_STORE, Server},
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

/// A rotation waits on KurrentDB for what is on its way: time enough to sign in before it is done.
#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_during_a_rotation_ends_it_and_keeps_everything() {
    let double = Double::start().unwrap();
    let server = Server::start_with(&[("ANNALOCK_EVENT_STORE_URL", double.url.as_str())]).await;
    let (account, client) = server.member("kurrentkey").await;
    client.create_login(&account, "one").await;
    let after = with_new_key(&account);
    let body = rotation(&client, &account, &after).await;
    let signing_in = async {
        while client.get("/api/accounts/revision-date").await.status != 401 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let item = item::request(&account.user_key, Kind::Login, "too late");
        assert_eq!(client.post("/api/ciphers", &item).await.status, 401);
        let mut other = server.client();
        other.login(&account).await;
        other.create_login(&account, "two").await;
        other
    };
    let (refused, other) = tokio::join!(client.post(PATH, &body), signing_in);
    refused.refused(400, "Somebody signed in");
    let body = rotation(&other, &account, &after).await;
    other.post(PATH, &body).await.ok_empty();
    let mut again = server.client();
    again.login(&after).await;
    let vault = again.sync().await;
    let names = vault["ciphers"].as_array().unwrap().iter().map(|cipher| {
        let name = after.user_key.open(cipher["name"].as_str().unwrap());
        name.expect("the new key")
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["one", "two"]);
}

/// Everything of a vault is under one key, however the server dies amid the last append of a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_amid_a_rotation_finishes_it_when_it_is_back() {
    const ITEMS: usize = 30;
    let double = Double::start().unwrap();
    let server = Server::start_with(&[("ANNALOCK_EVENT_STORE_URL", double.url.as_str())]).await;
    let (account, client) = server.member("halfway").await;
    for n in 0..ITEMS {
        client.create_login(&account, &format!("item {n}")).await;
    }
    let after = with_new_key(&account);
    let body = rotation(&client, &account, &after).await;
    double.faults().delay(Duration::from_millis(250));
    let rotating = tokio::spawn({
        let request = client.request(Method::POST, PATH).json(&body);
        async move { request.send().await }
    });
    while double.stored_in("cipher") < ITEMS + ITEMS / 3 {
        assert!(!rotating.is_finished(), "it is killed before the end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.kill9().await;
    assert!(rotating.await.unwrap().is_err());
    double.faults().delay(Duration::ZERO);
    server.start_again().await;

    let mut again = server.client();
    again.login(&after).await;
    let vault = again.sync().await;
    let ciphers = vault["ciphers"].as_array().unwrap();
    assert_eq!(ciphers.len(), ITEMS);
    for cipher in ciphers {
        after
            .user_key
            .open(cipher["name"].as_str().unwrap())
            .expect("the new key");
    }
}

/// Every test of vaults and organizations again, this process at the other end of the line.
#[tokio::test(flavor = "multi_thread")]
async fn vaults_and_organizations_are_on_kurrentdb_what_they_are_elsewhere() {
    let double = Double::start().unwrap();
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["vault::", "organization::", "--skip", "kurrent_vault::"])
        // it counts rows, and one event store is that of all servers here
        .args(["--skip", "organization::scale"])
        .env(EVENT_STORE, &double.url)
        .kill_on_drop(true)
        .output();
    let child = child.await.unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    // what it says of itself stands before pages of logs, of which only the end may be kept
    let panics: Vec<_> = said
        .split("panicked at ")
        .skip(1)
        .map(|rest| {
            let own = rest.lines().take_while(|line| !line.starts_with("---- ")).take(12);
            let own: Vec<String> = own.map(|line| line.chars().take(2_000).collect()).collect();
            own.join("\n")
        })
        .collect();
    assert!(child.status.success(), "{said}\n{}", panics.join("\n\n"));
    let passed = said.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(passed >= 51, "{passed}: {said}");
    assert!(double.stored_in("cipher") > 500, "events are there");
}
