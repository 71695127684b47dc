//! Requests of somebody who means harm, or whose client does: ids of others among one's own, the same id many times,
//! nothing at all, numbers out of all bounds, and the same wish many times at once.

use super::stranger::Owner;
use crate::compare::assert_same;
use crate::operations::{code, letter};
use futures::future::join_all;
use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::{Account, Answer, Client};
use tests::crypto::SymmetricKey;
use tests::server::Server;
use uuid::Uuid;

/// The routes about many items, in an order in which each has something to do: trash, back, archive, back, delete.
const BULK: [(&str, &str); 7] = [
    ("PUT", "/api/ciphers/delete"),
    ("PUT", "/api/ciphers/restore"),
    ("PUT", "/api/ciphers/archive"),
    ("PUT", "/api/ciphers/unarchive"),
    ("PUT", "/api/ciphers/move"),
    ("POST", "/api/ciphers/move"),
    ("DELETE", "/api/ciphers"),
];

async fn ask(client: &Client, method: &str, path: &str, body: &Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    client.send(client.request(method, path).json(body)).await
}

/// How often each status occurs.
fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[track_caller]
fn none_broke(answers: &[Answer]) {
    for answer in answers {
        assert!(
            answer.status < 500,
            "{}: {} {}",
            answer.what,
            answer.status,
            answer.text
        );
    }
}

#[tokio::test]
async fn ids_of_others_among_ones_own_are_passed_over_and_doubles_count_once() {
    let server = Server::shared().await;
    let owner = Owner::new(server).await;
    let (account, stranger) = server.member("stranger").await;
    let own = stranger.create_login(&account, "own").await;
    let before = owner.client.vault().await;
    for (method, path) in BULK {
        let body = json!({"ids": [owner.item, own, own, owner.item, Uuid::nil()], "folderId": null});
        let answer = ask(&stranger, method, path, &body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        if let Some(list) = answer.body["data"].as_array() {
            assert_eq!(list.len(), 1, "{method} {path}: {list:?}");
        }
        assert!(!answer.text.contains(&owner.item), "{method} {path}: {}", answer.text);
    }
    assert_eq!(stranger.sync().await["ciphers"], json!([]));
    assert_same(&before, &owner.client.vault().await);

    let own = stranger.create_folder(&account, "own").await;
    let body = json!({"ids": [owner.folder, own, own]});
    ask(&stranger, "DELETE", "/api/folders", &body).await.ok_empty();
    assert_eq!(stranger.sync().await["folders"], json!([]));
    assert_same(&before, &owner.client.vault().await);
}

#[tokio::test]
async fn empty_lists_and_lists_for_organizations_change_nothing() {
    let (account, client) = Server::shared().await.member("empty").await;
    client.create_login(&account, "kept").await;
    let kept = client.create_login(&account, "kept too").await;
    client.create_folder(&account, "kept").await;
    let before = client.vault().await;
    for (method, path) in BULK
        .into_iter()
        .chain([("DELETE", "/api/folders"), ("POST", "/api/ciphers/delete")])
    {
        let answer = ask(&client, method, path, &json!({"ids": [], "folderId": null})).await;
        assert!(
            matches!(answer.status, 200 | 400),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        let body = json!({"ids": [kept], "organizationId": Uuid::new_v4(), "folderId": Uuid::new_v4()});
        let answer = ask(&client, method, path, &body).await;
        if path != "/api/folders" {
            assert!(
                matches!(answer.status, 400 | 404),
                "{method} {path}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
    for body in [
        json!({}),
        json!({"ciphers": [], "folders": [], "folderRelationships": []}),
    ] {
        client.post("/api/ciphers/import", &body).await.ok_empty();
    }
    let query = format!("/api/ciphers/purge?organizationId={}", Uuid::new_v4());
    let body = json!({"masterPasswordHash": account.password_hash()});
    client.post(&query, &body).await.refused(404, "not found");
    assert_same(&before, &client.vault().await);
}

#[tokio::test]
async fn numbers_out_of_all_bounds_change_nothing() {
    let (account, client) = Server::shared().await.member("numbers").await;
    let made = client.create_login(&account, "kept").await;
    let before = client.vault().await;
    let sealed = item::request(&account.user_key, Kind::Login, "imported");
    for number in [json!(-1), json!(i64::MAX), json!(i64::MIN)] {
        let relation = json!({"key": number, "value": number});
        let mut wrong = sealed.clone();
        wrong["type"] = number;
        let body = json!({"ciphers": [wrong], "folders": [], "folderRelationships": [relation]});
        let answer = client.post("/api/ciphers/import", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    for number in [json!(u64::MAX), json!(1e300), json!(0.5)] {
        let relation = json!({"key": number, "value": 0});
        let body = json!({"ciphers": [sealed], "folders": [], "folderRelationships": [relation]});
        let answer = client.post("/api/ciphers/import", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    for excluded in [json!([i64::MAX]), json!([0.5]), json!(["x"])] {
        let body = json!({"equivalentDomains": null, "excludedGlobalEquivalentDomains": excluded});
        let answer = client.put("/api/settings/domains", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    let mut dated = sealed.clone();
    dated["lastKnownRevisionDate"] = json!("292277026596-12-04T15:30:07.999Z");
    let answer = client.put(&format!("/api/ciphers/{made}"), &dated).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_same(&before, &client.vault().await);
}

#[tokio::test]
async fn a_rotation_that_names_things_of_others_touches_them_not() {
    let server = Server::shared().await;
    let owner = Owner::new(server).await;
    let (account, stranger) = server.member("stranger").await;
    let own = stranger.create_login(&account, "own").await;
    let before = owner.client.vault().await;
    let after = Account {
        user_key: SymmetricKey::random(),
        ..account.clone()
    };
    let with_id = |id: &str, mut value: Value| {
        value["id"] = json!(id);
        value
    };
    let taken = item::request(&after.user_key, Kind::Login, "taken over");
    let kdf = after.kdf.to_flat_json();
    let mut unlock = json!({
        "kdfType": kdf["kdf"], "kdfIterations": kdf["kdfIterations"], "kdfMemory": kdf["kdfMemory"],
        "kdfParallelism": kdf["kdfParallelism"], "email": after.email,
        "masterKeyAuthenticationHash": after.password_hash(), "masterKeyEncryptedUserKey": after.wrapped_user_key(),
    });
    let mut body = json!({
        "oldMasterKeyAuthenticationHash": account.password_hash(),
        "accountKeys": {
            "userKeyEncryptedAccountPrivateKey": after.pair.wrapped_by(&after.user_key),
            "accountPublicKey": after.pair.public_key(),
        },
        "accountData": {
            "ciphers": [with_id(&owner.item, taken.clone()), with_id(&own, taken.clone()), with_id(&own, taken)],
            "folders": [with_id(&owner.folder, item::folder(&after.user_key, "taken over"))],
            "sends": [],
        },
    });
    let path = "/api/accounts/key-management/rotate-user-account-keys";
    // somebody else's address is not one's own
    unlock["email"] = json!(owner.account.email);
    body["accountUnlockData"] = json!({"masterPasswordUnlockData": unlock});
    assert_eq!(stranger.post(path, &body).await.status, 400);
    unlock["email"] = json!(account.email);
    body["accountUnlockData"] = json!({"masterPasswordUnlockData": unlock});
    stranger.post(path, &body).await.ok_empty();
    assert_same(&before, &owner.client.vault().await);
    let mut again = server.client();
    again.login(&after).await;
    let sync = again.sync().await;
    assert_eq!(
        (sync["ciphers"].as_array().unwrap().len(), &sync["folders"]),
        (1, &json!([]))
    );
}

#[tokio::test]
async fn the_same_wish_many_times_at_once_is_granted_once() {
    let server = Server::shared().await;
    let (account, client) = server.member("eager").await;
    let item = client.create_login(&account, "item").await;

    // trash: the second finds what it wished for
    let path = format!("/api/ciphers/{item}/delete");
    let answers = join_all((0..8).map(|_| client.put_empty(&path))).await;
    assert_eq!(count(&answers, 200), 8);
    // for good: the second finds nothing
    let path = format!("/api/ciphers/{item}");
    let answers = join_all((0..8).map(|_| client.delete(&path))).await;
    assert_eq!((count(&answers, 200), count(&answers, 404)), (1, 7));

    // the id of the user key, eight different ones: one stays
    let path = "/api/accounts/key-management/user-key-id";
    let ids: Vec<String> = (0..8).map(|_| Uuid::new_v4().simple().to_string()).collect();
    let bodies: Vec<Value> = ids.iter().map(|id| json!({"userKeyId": id})).collect();
    let answers = join_all(bodies.iter().map(|body| client.post(path, body))).await;
    assert_eq!((count(&answers, 200), count(&answers, 400)), (1, 7));
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
    assert_eq!(client.sync().await["userDecryption"]["userKeyId"], ids[winner].as_str());

    // a device record
    let device = json!({"type": 8, "name": "desktop", "identifier": Uuid::new_v4()});
    let answers = join_all((0..8).map(|_| client.post("/api/devices", &device))).await;
    none_broke(&answers);
    let devices = client.get("/api/devices").await.ok();
    let named = |device: &&Value| device["name"] == "desktop";
    assert_eq!(devices["data"].as_array().unwrap().iter().filter(named).count(), 1);

    // a one-time code is good once
    client.post("/api/accounts/request-otp", &json!({})).await.ok_empty();
    let text = letter(server, &account.email, "code").await;
    let code = code(&text);
    let body = json!({"otp": code});
    let answers = join_all((0..8).map(|_| client.post("/api/accounts/verify-otp", &body))).await;
    assert_eq!((count(&answers, 200), count(&answers, 400)), (1, 7));

    // the end of the account
    let body = json!({"masterPasswordHash": account.password_hash()});
    let answers = join_all((0..8).map(|_| client.post("/api/accounts/delete", &body))).await;
    none_broke(&answers);
    assert_eq!(count(&answers, 200), 1, "{answers:?}");
}
