//! An organization as its members know it: with the key that never leaves clients unsealed.

use serde_json::{Value, json};

use super::item::{self, Kind};
use super::vault::id;
use super::{Account, Client};
use crate::crypto::{KeyPair, SymmetricKey};

/// An organization, and the key its items are sealed with.
#[derive(Debug, Clone)]
pub struct Organization {
    pub id: String,
    pub key: SymmetricKey,
    /// The collection it was founded with.
    pub collection: String,
}

impl Organization {
    /// The path of something in it: `/api/organizations/<id>/<rest>`.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/organizations/{}/{rest}", self.id)
    }

    /// Rights in a collection as requests say them.
    pub fn selection(id: &str, rights: [bool; 3]) -> Value {
        let [read_only, hide_passwords, manage] = rights;
        json!({"id": id, "readOnly": read_only, "hidePasswords": hide_passwords, "manage": manage})
    }
}

fn founding(account: &Account, name: &str, key: &SymmetricKey) -> Value {
    let pair = KeyPair::shared();
    json!({
        "name": name,
        "billingEmail": account.email,
        "planType": 20,
        "key": KeyPair::seal_for(&account.pair.public_key(), &key.to_bytes()).unwrap(),
        "keys": {"publicKey": pair.public_key(), "encryptedPrivateKey": pair.wrapped_by(key)},
        "collectionName": key.seal("Default collection"),
        "useSecretsManager": false,
    })
}

impl Client {
    /// The request that founds an organization whose key is of no further use.
    pub fn founding(&self, account: &Account, name: &str) -> Value {
        founding(account, name, &SymmetricKey::random())
    }

    /// Founds an organization with one collection.
    pub async fn found(&self, account: &Account, name: &str) -> Organization {
        let key = SymmetricKey::random();
        let body = founding(account, name, &key);
        let made = self.post("/api/organizations", &body).await.ok();
        crate::shape::assert_shape("OrganizationResponseModel", &made);
        let organization = id(&made);
        let collections = self
            .get(&format!("/api/organizations/{organization}/collections"))
            .await
            .ok();
        Organization {
            collection: id(&collections["data"][0]),
            id: organization,
            key,
        }
    }

    /// Makes a collection with rights for these members.
    pub async fn make_collection(&self, organization: &Organization, name: &str, users: &[Value]) -> String {
        let body = json!({"name": organization.key.seal(name), "groups": [], "users": users});
        let made = self.post(&organization.path("collections"), &body).await.ok();
        crate::shape::assert_shape("CollectionAccessDetailsResponseModel", &made);
        id(&made)
    }

    /// Makes an item of the organization in these collections.
    pub async fn make_shared(&self, organization: &Organization, name: &str, collections: &[&str]) -> String {
        let mut cipher = item::request(&organization.key, Kind::Login, name);
        cipher["organizationId"] = json!(organization.id);
        let body = json!({"cipher": cipher, "collectionIds": collections});
        id(&self.post("/api/ciphers/create", &body).await.ok())
    }

    /// The membership of somebody in the organization, by their address.
    pub async fn membership(&self, organization: &Organization, email: &str) -> Value {
        let members = self
            .get(&organization.path("users?includeGroups=true&includeCollections=true"))
            .await
            .ok();
        let found = members["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(|member| member["email"] == email);
        found
            .unwrap_or_else(|| panic!("{email} is no member: {members}"))
            .clone()
    }

    /// Confirms somebody who accepted, with the organization's key sealed for them.
    pub async fn confirm(&self, organization: &Organization, membership: &Value) {
        let user = membership["userId"].as_str().unwrap();
        let key = self.get(&format!("/api/users/{user}/public-key")).await.ok();
        let sealed = KeyPair::seal_for(key["publicKey"].as_str().unwrap(), &organization.key.to_bytes()).unwrap();
        let path = organization.path(&format!("users/{}/confirm", id(membership)));
        self.post(&path, &json!({"key": sealed})).await.ok_empty();
    }
}
