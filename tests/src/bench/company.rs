//! An organization with members, collections and items, made by the requests clients send.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::crypto::KeyPair;
use tests::server::Server;

use crate::vaults::Vault;

/// An organization, its owner and its members.
pub struct Company {
    pub organization: Organization,
    pub owner: Vault,
    pub members: Vec<Member>,
}

/// A confirmed member.
pub struct Member {
    pub vault: Vault,
    pub id: String,
}

impl Company {
    /// Founded by a new account.
    pub async fn found(server: &Server, name: &str) -> Self {
        let owner = Vault::filled(server, name, 0).await;
        let organization = owner.client.found(&owner.account, name).await;
        Self {
            organization,
            owner,
            members: Vec::new(),
        }
    }

    /// Lets `count` new people in, at most 1,000, as ordinary members with these rights.
    pub async fn let_in(&mut self, server: &Server, name: &str, count: usize, collections: &[Value]) -> Result<()> {
        let mut vaults = Vec::with_capacity(count);
        for number in 0..count {
            vaults.push(Vault::beside(&self.owner, &format!("{name}{number}")).await);
        }
        let emails: Vec<&str> = vaults.iter().map(|vault| vault.account.email.as_str()).collect();
        self.invite(&emails, collections).await;
        let members = self.by_email().await;
        let tokens = tokens(server, &emails).await?;
        for vault in &vaults {
            let (member, token) = (&members[&vault.account.email], &tokens[&vault.account.email]);
            let path = self.organization.path(&format!("users/{member}/accept"));
            vault.client.post(&path, &json!({"token": token})).await.ok_empty();
        }
        // all accounts of these tests have the same key pair
        let public = KeyPair::shared().public_key();
        let sealed = KeyPair::seal_for(&public, &self.organization.key.to_bytes()).expect("a good key");
        let keys: Vec<Value> = vaults
            .iter()
            .map(|vault| json!({"id": members[&vault.account.email], "key": sealed}))
            .collect();
        let confirm = self.organization.path("users/confirm");
        let outcome = self.owner.client.post(&confirm, &json!({"keys": keys})).await.ok();
        let data = outcome["data"].as_array().context("outcomes")?;
        ensure!(data.iter().all(|one| one["error"] == ""), "not confirmed: {outcome}");
        for vault in vaults {
            let id = members[&vault.account.email].clone();
            self.members.push(Member { vault, id });
        }
        Ok(())
    }

    /// Invites people who have no account.
    pub async fn invite(&self, emails: &[&str], collections: &[Value]) {
        let body = json!({
            "emails": emails, "type": 2, "accessSecretsManager": false,
            "permissions": {}, "collections": collections, "groups": [],
        });
        let path = self.organization.path("users/invite");
        self.owner.client.post(&path, &body).await.ok_empty();
    }

    /// Memberships by address.
    async fn by_email(&self) -> HashMap<String, String> {
        let members = self.owner.client.get(&self.organization.path("users")).await.ok();
        let data = members["data"].as_array().expect("a list").clone();
        data.iter()
            .map(|member| (member["email"].as_str().expect("an address").to_owned(), id(member)))
            .collect()
    }

    /// A new item of the organization, sealed.
    pub fn item(&self, name: &str) -> Value {
        let mut item = self.owner.item_under(&self.organization.key, name);
        item["organizationId"] = json!(self.organization.id);
        item
    }

    /// The request that makes an item in these collections.
    pub fn create(&self, name: &str, collections: &[&str]) -> Value {
        json!({"cipher": self.item(name), "collectionIds": collections})
    }

    /// The body of an import of items into new collections, so many in each.
    pub fn import(&self, items: usize, collections: usize) -> Value {
        let ciphers: Vec<Value> = (0..items).map(|number| self.item(&format!("item {number}"))).collect();
        let named: Vec<Value> = (0..collections)
            .map(|number| {
                json!({
                    "name": self.organization.key.seal(&format!("collection {number}")),
                    "externalId": null, "groups": [], "users": [],
                })
            })
            .collect();
        let relations: Vec<Value> = (0..items)
            .map(|number| json!({"key": number, "value": number % collections}))
            .collect();
        json!({"ciphers": ciphers, "collections": named, "collectionRelationships": relations})
    }

    /// The path of such an import.
    pub fn import_path(&self) -> String {
        format!(
            "/api/ciphers/import-organization?organizationId={}",
            self.organization.id
        )
    }

    /// The ids of all collections, in the order they were made.
    pub async fn collections(&self) -> Vec<String> {
        let all = self.owner.client.get(&self.organization.path("collections")).await.ok();
        all["data"].as_array().expect("a list").iter().map(id).collect()
    }
}

/// What the links that invite these people have in them: where there is no mail server, the log shows it.
async fn tokens(server: &Server, emails: &[&str]) -> Result<HashMap<String, String>> {
    for _ in 0..600 {
        let log = std::fs::read_to_string(server.log_path())?;
        let mut found = HashMap::new();
        for line in log.lines().filter(|line| line.contains("accept-organization")) {
            if let (Some(email), Some(token)) = (parameter(line, "email="), parameter(line, "token=")) {
                found.insert(email, token);
            }
        }
        if emails.iter().all(|email| found.contains_key(*email)) {
            return Ok(found);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("not all were invited within a minute")
}

/// A parameter of a link, percent encoding undone.
fn parameter(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(name)?;
    let encoded: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '%')
        .collect();
    let mut out = Vec::new();
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}
