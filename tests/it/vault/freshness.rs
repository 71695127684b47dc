//! A write that was answered is in the very next sync, whoever asks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::server::Server;

/// What the vault must be: per item the answer of the last write, per folder its sealed name.
#[derive(Default)]
struct Expected {
    items: BTreeMap<String, Value>,
    folders: BTreeMap<String, Value>,
}

impl Expected {
    /// An item, another one in each round.
    fn some_item(&self, round: usize) -> Option<String> {
        self.items.keys().nth(round % self.items.len().max(1)).cloned()
    }

    fn keep(&mut self, answer: &Value) {
        self.items.insert(id(answer), answer.clone());
    }

    /// One write of the kind that belongs to this round.
    async fn write(&mut self, round: usize, client: &Client, account: &Account) {
        let Some(chosen) = self.some_item(round).filter(|_| !round.is_multiple_of(4)) else {
            let (_, made) = client
                .create(account, Kind::ALL[round / 4 % 8], &format!("round {round}"))
                .await;
            return self.keep(&made);
        };
        let path = format!("/api/ciphers/{chosen}");
        match round % 16 {
            1 | 9 => {
                let kind = self.items[&chosen]["type"].as_u64().unwrap();
                let kind = Kind::ALL[usize::try_from(kind).unwrap() - 1];
                let edited = client
                    .put(&path, &item::request(&account.user_key, kind, &format!("edit {round}")))
                    .await;
                self.keep(&edited.ok());
            }
            2 => {
                let sent = item::folder(&account.user_key, &format!("folder {round}"));
                let made = client.post("/api/folders", &sent).await.ok();
                self.folders.insert(id(&made), sent["name"].clone());
            }
            3 | 11 => {
                let folder = self.folders.keys().nth(round % self.folders.len().max(1)).cloned();
                let filed = client
                    .put(
                        &format!("{path}/partial"),
                        &json!({"folderId": folder, "favorite": true}),
                    )
                    .await;
                self.keep(&filed.ok());
            }
            5 | 13 => {
                client.put_empty(&format!("{path}/delete")).await.ok_empty();
                let trashed = client.get(&path).await.ok();
                assert!(trashed["deletedDate"].is_string(), "round {round}: {trashed}");
                self.keep(&trashed);
            }
            6 => self.keep(&client.put_empty(&format!("{path}/restore")).await.ok()),
            7 if self.folders.len() > 3 => {
                let (folder, _) = self.folders.pop_first().unwrap();
                client.delete(&format!("/api/folders/{folder}")).await.ok_empty();
                for item in self
                    .items
                    .values_mut()
                    .filter(|item| item["folderId"] == folder.as_str())
                {
                    item["folderId"] = Value::Null;
                }
            }
            10 => {
                client.delete(&path).await.ok_empty();
                self.items.remove(&chosen);
            }
            _ => {
                let folder = self.folders.keys().next().cloned();
                client
                    .put("/api/ciphers/move", &json!({"ids": [chosen], "folderId": folder}))
                    .await
                    .ok_empty();
                self.items.get_mut(&chosen).unwrap()["folderId"] = json!(folder);
            }
        }
    }

    /// What in `sync` is not as expected, a line each.
    fn differences(&self, sync: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let ciphers: BTreeMap<String, &Value> =
            sync["ciphers"].as_array().unwrap().iter().map(|c| (id(c), c)).collect();
        let folders: BTreeMap<String, Value> = sync["folders"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| (id(f), f["name"].clone()))
            .collect();
        if folders != self.folders {
            found.push(format!("folders: expected {:?}, found {folders:?}", self.folders));
        }
        for item in self.items.keys().chain(ciphers.keys()) {
            let (expected, seen) = (self.items.get(item), ciphers.get(item));
            for field in ["name", "revisionDate", "folderId", "favorite", "deletedDate"] {
                let (expected, seen) = (expected.map(|e| &e[field]), seen.map(|s| &s[field]));
                if expected != seen {
                    found.push(format!("item {item}: {field} is {seen:?}, expected {expected:?}"));
                }
            }
        }
        found
    }
}

#[tokio::test]
async fn five_hundred_writes_are_each_in_the_next_sync_on_a_new_connection() {
    let server = Server::shared().await;
    let (account, client) = server.member("fresh").await;
    let reader = client.without_reuse();
    let mut expected = Expected::default();
    let mut stale = Vec::new();
    let mut last_revision = 0;
    for round in 0..500 {
        expected.write(round, &client, &account).await;
        let found = expected.differences(&reader.sync().await);
        if !found.is_empty() {
            stale.push(format!(
                "after write {round} (kind {}): {}",
                round % 16,
                found.join("; ")
            ));
        }
        let revision = reader
            .get("/api/accounts/revision-date")
            .await
            .ok()
            .as_i64()
            .expect("unix milliseconds");
        assert!(
            revision >= last_revision,
            "the account's revision went back from {last_revision} to {revision}"
        );
        last_revision = revision;
    }
    assert!(
        stale.is_empty(),
        "{} of 500 syncs were stale:\n{}",
        stale.len(),
        stale[..stale.len().min(5)].join("\n")
    );
}

#[tokio::test]
async fn writers_at_the_same_time_each_see_their_own_writes() {
    let server = Server::shared().await;
    let (account, client) = server.member("together").await;
    let writers = (0..8).map(|writer| {
        let (client, account) = (client.without_reuse(), account.clone());
        async move {
            for round in 0..20 {
                let made = client
                    .create_login(&account, &format!("writer {writer} round {round}"))
                    .await;
                let sync = client.sync().await;
                assert!(
                    tests::client::vault::find(&sync["ciphers"], &made).is_some(),
                    "writer {writer} round {round}: {made} is not in the sync"
                );
            }
        }
    });
    futures::future::join_all(writers).await;
    assert_eq!(client.sync().await["ciphers"].as_array().unwrap().len(), 160);
}
