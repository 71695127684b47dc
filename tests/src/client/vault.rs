//! Vault requests that tests make over and over.

use serde_json::{Value, json};

use super::item::{self, Kind};
use super::{Account, Client};

impl Client {
    /// Creates a small item; gives the sealed request and the answer.
    pub async fn create(&self, account: &Account, kind: Kind, name: &str) -> (Value, Value) {
        let sent = item::request(&account.user_key, kind, name);
        let answer = self.post("/api/ciphers", &sent).await.ok();
        (sent, answer)
    }

    /// Creates a login and gives its id.
    pub async fn create_login(&self, account: &Account, name: &str) -> String {
        let (_, answer) = self.create(account, Kind::Login, name).await;
        id(&answer)
    }

    /// Creates a folder and gives its id.
    pub async fn create_folder(&self, account: &Account, name: &str) -> String {
        let answer = self
            .post("/api/folders", &item::folder(&account.user_key, name))
            .await
            .ok();
        id(&answer)
    }

    /// An item with its collections, as sync gives it.
    pub async fn details(&self, id: &str) -> Value {
        self.get(&format!("/api/ciphers/{id}/details")).await.ok()
    }

    /// What a wrong write may not change: items, folders and the account itself, without what changes by reading.
    pub async fn vault(&self) -> Value {
        let sync = self.sync().await;
        json!({"ciphers": sync["ciphers"], "folders": sync["folders"], "profile": sync["profile"]})
    }
}

/// The id of an answer; panics without one.
#[track_caller]
pub fn id(answer: &Value) -> String {
    answer["id"]
        .as_str()
        .unwrap_or_else(|| panic!("the answer has no id: {answer}"))
        .to_owned()
}

/// The entry with this id in a list of a sync answer.
pub fn find<'a>(list: &'a Value, id: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|entry| entry["id"] == id)
}
