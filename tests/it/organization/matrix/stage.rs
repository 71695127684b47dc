//! Who asks, in which organization, and how each question is asked.

use super::Right;
use crate::organization::{invite, join};
use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Answer, Client};
use tests::crypto::KeyPair;
use tests::server::Server;

/// An organization with one of each thing; its founder has every right.
pub struct Stage {
    pub owner: Client,
    pub organization: Organization,
    pub founder: String,
    /// The collection it is about, and an item in it.
    pub collection: String,
    pub item: String,
    pub group: String,
    /// An ordinary member to whom things are done, and somebody who was invited.
    pub member: String,
    pub invited: String,
    /// What confirms somebody.
    pub key: Value,
    pub ruled: bool,
}

/// Somebody who asks.
pub struct Asking {
    pub role: &'static str,
    pub account: Account,
    pub client: Client,
    pub membership: String,
}

pub fn rules(on: bool) -> Value {
    json!({
        "limitCollectionCreation": on, "limitCollectionDeletion": on, "limitItemDeletion": on,
        "allowAdminAccessToAllCollectionItems": on,
    })
}

pub fn role_body(role: &str, collections: &[Value]) -> Value {
    let kind = match role {
        "owner" => 0,
        "admin" => 1,
        "user" => 2,
        _ => 4,
    };
    let permissions = if kind == 4 { json!({role: true}) } else { json!({}) };
    json!({"type": kind, "permissions": permissions, "collections": collections, "groups": []})
}

impl Stage {
    pub async fn new(server: &'static Server, name: &str, ruled: bool) -> Self {
        let (ann, owner) = server.member(&format!("{name}-ann")).await;
        let organization = owner.found(&ann, "Matrix").await;
        let founder = id(&owner.membership(&organization, &ann.email).await);
        let all = [Organization::selection(&founder, [false, false, true])];
        let collection = owner.make_collection(&organization, "about", &all).await;
        owner
            .put(&organization.path("collection-management"), &rules(ruled))
            .await
            .ok();
        let item = owner.make_shared(&organization, "about", &[&collection]).await;
        let (_, _, member) = join(server, &owner, &organization, &format!("{name}-victim"), 2, &[]).await;
        let invited = invite(&owner, &organization, &Account::new(&format!("{name}-invited")), 2, &[]).await;
        let body = json!({"name": "about", "collections": [], "users": [member]});
        let group = id(&owner.post(&organization.path("groups"), &body).await.ok());
        owner.post(&organization.path("invite-link"), &link()).await.ok();
        let key = KeyPair::seal_for(&ann.pair.public_key(), &organization.key.to_bytes()).unwrap();
        Self {
            key: json!({"key": key}),
            owner,
            founder,
            collection,
            item,
            group,
            member,
            invited: id(&invited),
            organization,
            ruled,
        }
    }

    pub fn path(&self, rest: &str) -> String {
        self.organization.path(rest)
    }

    pub fn cipher(&self, name: &str) -> Value {
        let mut cipher = item::request(&self.organization.key, Kind::Login, name);
        cipher["organizationId"] = json!(self.organization.id);
        cipher
    }

    /// An item to be lost, in the trash or not.
    pub async fn spare(&self, trashed: bool) -> String {
        let item = self
            .owner
            .make_shared(&self.organization, "spare", &[&self.collection])
            .await;
        if trashed {
            let path = format!("/api/ciphers/{item}/delete");
            self.owner.put_empty(&path).await.ok_empty();
        }
        item
    }

    /// A collection to be lost, in which `asking` has the same right.
    pub async fn spare_collection(&self, asking: &Asking, right: Right) -> String {
        let mut users = right.selection(&asking.membership);
        users.push(Organization::selection(&self.founder, [false, false, true]));
        self.owner.make_collection(&self.organization, "spare", &users).await
    }

    pub async fn spare_group(&self) -> String {
        let body = json!({"name": "spare", "collections": [], "users": []});
        id(&self.owner.post(&self.path("groups"), &body).await.ok())
    }

    pub async fn spare_invited(&self) -> String {
        let account = Account::new("spare");
        id(&invite(&self.owner, &self.organization, &account, 2, &[]).await)
    }

    /// Gives somebody a right in the collection.
    pub async fn give(&self, asking: &Asking, right: Right) {
        let body = role_body(asking.role, &right.selection(&self.collection));
        let path = self.path(&format!("users/{}", asking.membership));
        self.owner.put(&path, &body).await.ok_empty();
    }

    /// Asks what has this name.
    pub async fn ask(&self, asking: &Asking, right: Right, name: &str) -> Answer {
        let Asking { client, account, .. } = asking;
        let cipher = |id: &str, rest: &str| format!("/api/ciphers/{id}{rest}");
        let ids = |id: String| json!({"ids": [id], "organizationId": self.organization.id});
        let within = json!({"collectionIds": [self.collection]});
        let member = self.path(&format!("users/{}", self.member));
        let group = self.path(&format!("groups/{}", self.group));
        let collection = self.path(&format!("collections/{}", self.collection));
        match name {
            "item: read" => client.get(&cipher(&self.item, "")).await,
            "item: details" => client.get(&cipher(&self.item, "/details")).await,
            "item: change" => client.put(&cipher(&self.item, ""), &self.cipher("changed")).await,
            "item: file" => {
                let body = json!({"folderId": null, "favorite": true});
                client.put(&cipher(&self.item, "/partial"), &body).await
            }
            "item: archive and fetch back" => {
                let there = client.put_empty(&cipher(&self.item, "/archive")).await;
                if there.status != 200 {
                    return there;
                }
                client.put_empty(&cipher(&self.item, "/unarchive")).await
            }
            "item: trash" => client.put_empty(&cipher(&self.spare(false).await, "/delete")).await,
            "item: restore" => client.put_empty(&cipher(&self.spare(true).await, "/restore")).await,
            "item: delete" => client.delete(&cipher(&self.spare(false).await, "")).await,
            "item: say collections" => client.put(&cipher(&self.item, "/collections"), &within).await,
            "item: say collections, second version" => {
                client.put(&cipher(&self.item, "/collections_v2"), &within).await
            }
            "items: trash" => client.put("/api/ciphers/delete", &ids(self.spare(false).await)).await,
            "items: restore" => client.put("/api/ciphers/restore", &ids(self.spare(true).await)).await,
            "items: delete" => client.delete_with("/api/ciphers", &ids(self.spare(false).await)).await,
            "items: file" => {
                let body = json!({"ids": [self.item], "folderId": null});
                client.put("/api/ciphers/move", &body).await
            }
            "items: into a collection" => {
                let body = json!({
                    "organizationId": self.organization.id, "cipherIds": [self.item], "collectionIds": [self.collection],
                    "removeCollections": false,
                });
                client.post("/api/ciphers/bulk-collections", &body).await
            }
            "item: make" => {
                let body = json!({"cipher": self.cipher("made"), "collectionIds": [self.collection]});
                client.post("/api/ciphers/create", &body).await
            }
            "item: share" => {
                let own = client.create_login(account, "own").await;
                let body = json!({"cipher": self.cipher("shared"), "collectionIds": [self.collection]});
                client.put(&cipher(&own, "/share"), &body).await
            }
            "items: share" => {
                let own = client.create_login(account, "own").await;
                let mut shared = self.cipher("shared");
                shared["id"] = json!(own);
                let body = json!({"ciphers": [shared], "collectionIds": [self.collection]});
                client.put("/api/ciphers/share", &body).await
            }
            "items: import" => {
                let named = json!({"id": self.collection, "name": self.organization.key.seal("about")});
                let body = json!({
                    "collections": [named], "ciphers": [self.cipher("imported")],
                    "collectionRelationships": [{"key": 0, "value": 0}],
                });
                let path = format!(
                    "/api/ciphers/import-organization?organizationId={}",
                    self.organization.id
                );
                client.post(&path, &body).await
            }
            "admin item: read" => client.get(&cipher(&self.item, "/admin")).await,
            "admin item: change" => client.put(&cipher(&self.item, "/admin"), &self.cipher("changed")).await,
            "admin item: trash" => {
                client
                    .put_empty(&cipher(&self.spare(false).await, "/delete-admin"))
                    .await
            }
            "admin item: restore" => {
                client
                    .put_empty(&cipher(&self.spare(true).await, "/restore-admin"))
                    .await
            }
            "admin item: delete" => client.delete(&cipher(&self.spare(false).await, "/admin")).await,
            "admin item: say collections" => client.put(&cipher(&self.item, "/collections-admin"), &within).await,
            "admin items: trash" => {
                client
                    .put("/api/ciphers/delete-admin", &ids(self.spare(false).await))
                    .await
            }
            "admin items: restore" => {
                client
                    .put("/api/ciphers/restore-admin", &ids(self.spare(true).await))
                    .await
            }
            "admin items: delete" => {
                client
                    .delete_with("/api/ciphers/admin", &ids(self.spare(false).await))
                    .await
            }
            "items: all" | "items: assigned" => {
                let rest = if name == "items: all" { "" } else { "/assigned" };
                let organization = &self.organization.id;
                let path = format!("/api/ciphers/organization-details{rest}?organizationId={organization}");
                client.get(&path).await
            }
            "items: export" => client.get(&self.path("export")).await,
            "collection: read" => client.get(&collection).await,
            "collection: details" => client.get(&format!("{collection}/details")).await,
            "collection: users" => client.get(&format!("{collection}/users")).await,
            "collection: change" => {
                let mut users = right.selection(&asking.membership);
                users.push(Organization::selection(&self.founder, [false, false, true]));
                let body = json!({"name": self.organization.key.seal("renamed"), "groups": [], "users": users});
                client.put(&collection, &body).await
            }
            "collection: delete" => {
                let spare = self.spare_collection(asking, right).await;
                client.delete(&self.path(&format!("collections/{spare}"))).await
            }
            "collections: delete" => {
                let spare = self.spare_collection(asking, right).await;
                client
                    .delete_with(&self.path("collections"), &json!({"ids": [spare]}))
                    .await
            }
            "collections: give access" => {
                let users = [Organization::selection(&self.member, [true, false, false])];
                let body = json!({"collectionIds": [self.collection], "users": users, "groups": []});
                client.post(&self.path("collections/bulk-access"), &body).await
            }
            "collections: list" => client.get(&self.path("collections")).await,
            "collections: details" => client.get(&self.path("collections/details")).await,
            "collection: make" => {
                let users = [Organization::selection(&self.founder, [false, false, true])];
                let body = json!({"name": self.organization.key.seal("made"), "groups": [], "users": users});
                client.post(&self.path("collections"), &body).await
            }
            "groups: list" => client.get(&self.path("groups")).await,
            "groups: details" => client.get(&self.path("groups/details")).await,
            "group: read" => client.get(&group).await,
            "group: details" => client.get(&format!("{group}/details")).await,
            "group: members" => client.get(&format!("{group}/users")).await,
            "group: change" => {
                let body = json!({"name": "renamed", "collections": [], "users": [self.member]});
                client.put(&group, &body).await
            }
            "group: make" => {
                let body = json!({"name": "made", "collections": [], "users": []});
                client.post(&self.path("groups"), &body).await
            }
            "group: delete" => {
                let spare = self.spare_group().await;
                client.delete(&self.path(&format!("groups/{spare}"))).await
            }
            "groups: delete" => {
                let spare = self.spare_group().await;
                client.delete_with(&self.path("groups"), &json!({"ids": [spare]})).await
            }
            "group: put out" => client.delete(&format!("{group}/user/{}", self.member)).await,
            "members: list" => client.get(&self.path("users")).await,
            "members: names" => client.get(&self.path("users/mini-details")).await,
            "member: read" => client.get(&member).await,
            "member: change" => client.put(&member, &role_body("user", &[])).await,
            "member: invite" => {
                let mut body = role_body("user", &[]);
                body["emails"] = json!([Account::new("made").email]);
                client.post(&self.path("users/invite"), &body).await
            }
            "member: invite again" => {
                client
                    .post(&self.path(&format!("users/{}/reinvite", self.invited)), &json!({}))
                    .await
            }
            "members: invite again" => {
                client
                    .post(&self.path("users/reinvite"), &json!({"ids": [self.invited]}))
                    .await
            }
            "member: revoke" | "members: revoke" => {
                let answer = match name {
                    "member: revoke" => client.put_empty(&format!("{member}/revoke")).await,
                    _ => {
                        let body = json!({"ids": [self.member]});
                        client.put(&self.path("users/revoke"), &body).await
                    }
                };
                if answer.status == 200 {
                    self.owner.put_empty(&format!("{member}/restore")).await.ok_empty();
                }
                answer
            }
            "member: restore" | "members: restore" => {
                self.owner.put_empty(&format!("{member}/revoke")).await.ok_empty();
                let answer = match name {
                    "member: restore" => client.put_empty(&format!("{member}/restore")).await,
                    _ => {
                        let body = json!({"ids": [self.member]});
                        client.put(&self.path("users/restore"), &body).await
                    }
                };
                if answer.status != 200 {
                    self.owner.put_empty(&format!("{member}/restore")).await.ok_empty();
                }
                answer
            }
            "members: public keys" => {
                let body = json!({"ids": [self.member]});
                client.post(&self.path("users/public-keys"), &body).await
            }
            "member: remove" => {
                let spare = self.spare_invited().await;
                client.delete(&self.path(&format!("users/{spare}"))).await
            }
            "members: remove" => {
                let spare = self.spare_invited().await;
                client.delete_with(&self.path("users"), &json!({"ids": [spare]})).await
            }
            "policies: list" => client.get(&self.path("policies")).await,
            "policy: read" => client.get(&self.path("policies/1")).await,
            "policy: set" => {
                let body = json!({"enabled": true, "data": {"minLength": 12}});
                client.put(&self.path("policies/1"), &body).await
            }
            "events: organization" => client.get(&self.path("events")).await,
            "events: item" => client.get(&cipher(&self.item, "/events")).await,
            "events: member" => client.get(&format!("{member}/events")).await,
            "audit: checkpoint" => client.get(&self.path("audit/checkpoint")).await,
            "audit: replay" => client.get(&self.path("audit/replay")).await,
            "audit: access" => {
                client
                    .get(&self.path(&format!("audit/items/{}/access", self.item)))
                    .await
            }
            "organization: read" => {
                client
                    .get(&format!("/api/organizations/{}", self.organization.id))
                    .await
            }
            "organization: change" => {
                let body = json!({"name": "Matrix", "billingEmail": "billing@example.org"});
                client
                    .put(&format!("/api/organizations/{}", self.organization.id), &body)
                    .await
            }
            "organization: rules" => {
                client
                    .put(&self.path("collection-management"), &rules(self.ruled))
                    .await
            }
            "organization: key" => {
                let body = json!({"masterPasswordHash": account.password_hash()});
                client.post(&self.path("api-key"), &body).await
            }
            "organization: keys there are" => client.get(&self.path("api-key-information")).await,
            "organization: private key" => client.get(&self.path("private-key")).await,
            "organization: connection" => {
                let path = format!("/api/organizations/connections/{}/2", self.organization.id);
                client.get(&path).await
            }
            "may confirm a member" => client.post(&format!("{member}/confirm"), &self.key).await,
            "may confirm a member by itself" => client.post(&format!("{member}/auto-confirm"), &self.key).await,
            "members: confirm" | "members: confirm by itself" => {
                let keys = json!({"keys": [{"id": self.member, "key": self.key["key"]}]});
                let rest = if name.ends_with("itself") {
                    "bulk-auto-confirm"
                } else {
                    "confirm"
                };
                client.post(&self.path(&format!("users/{rest}")), &keys).await
            }
            "members: that wait for it" => client.get(&self.path("users/pending-auto-confirm")).await,
            "may recover an account" => {
                let body = json!({"resetMasterPassword": true, "newMasterPasswordHash": account.password_hash(),
                                  "key": account.wrapped_user_key()});
                client.put(&format!("{member}/recover-account"), &body).await
            }
            "may delete an account" => client.delete(&format!("{member}/delete-account")).await,
            "members: delete accounts" => {
                let path = self.path("users/delete-account");
                client.delete_with(&path, &json!({"ids": [self.member]})).await
            }
            "members: sponsored" => {
                let path = format!("/api/organization/sponsorship/{}/sponsored", self.organization.id);
                client.get(&path).await
            }
            "may sponsor" => {
                let path = format!(
                    "/api/organization/sponsorship/{}/families-for-enterprise",
                    self.organization.id
                );
                client.post(&path, &json!({"sponsoredEmail": "a@example.org"})).await
            }
            "organization: another key" => {
                let body = json!({"masterPasswordHash": account.password_hash()});
                client.post(&self.path("rotate-api-key"), &body).await
            }
            "link: another" => client.post(&self.path("invite-link/refresh"), &link()).await,
            "link: confirmation" => client.put(&self.path("invite-link/support-confirm"), &link()).await,
            "link: delete" => {
                let answer = client.delete(&self.path("invite-link")).await;
                if answer.status == 200 {
                    self.owner.post(&self.path("invite-link"), &link()).await.ok();
                }
                answer
            }
            "may make a link" => client.post(&self.path("invite-link"), &link()).await,
            "task: complete" => {
                let give = format!("/api/tasks/{}/bulk-create", self.organization.id);
                let body = json!({"tasks": [{"type": 0, "cipherId": self.item}]});
                let task = id(&self.owner.post(&give, &body).await.ok()["data"][0]);
                let request = client.request(reqwest::Method::PATCH, &format!("/api/tasks/{task}/complete"));
                client.send(request).await
            }
            "domain: read" => {
                let name = format!("{}.example", uuid::Uuid::new_v4().simple());
                let body = json!({"domainName": name});
                let made = self.owner.post(&self.path("domain"), &body).await.ok();
                let path = self.path(&format!("domain/{}", id(&made)));
                let answer = client.get(&path).await;
                self.owner.delete(&path).await.ok_empty();
                answer
            }
            "link: read" => client.get(&self.path("invite-link")).await,
            "link: allow" => {
                let body = json!({"allowedDomains": ["matrix.example"]});
                client.put(&self.path("invite-link"), &body).await
            }
            "tasks: list" => {
                let path = format!("/api/tasks/organization?organizationId={}", self.organization.id);
                client.get(&path).await
            }
            "tasks: metrics" => {
                client
                    .get(&format!("/api/tasks/{}/metrics", self.organization.id))
                    .await
            }
            "tasks: give" => {
                let path = format!("/api/tasks/{}/bulk-create", self.organization.id);
                let body = json!({"tasks": [{"type": 0, "cipherId": self.item}]});
                client.post(&path, &body).await
            }
            "domains: list" => client.get(&self.path("domain")).await,
            "domain: claim" => {
                let name = format!("{}.example", uuid::Uuid::new_v4().simple());
                let made = client.post(&self.path("domain"), &json!({"domainName": name})).await;
                if made.status == 200 {
                    let path = self.path(&format!("domain/{}", id(&made.body)));
                    self.owner.delete(&path).await.ok_empty();
                }
                made
            }
            "domain: give up" => {
                let name = format!("{}.example", uuid::Uuid::new_v4().simple());
                let body = json!({"domainName": name});
                let made = self.owner.post(&self.path("domain"), &body).await.ok();
                let path = self.path(&format!("domain/{}", id(&made)));
                let answer = client.delete(&path).await;
                if answer.status != 200 {
                    self.owner.delete(&path).await.ok_empty();
                }
                answer
            }
            other => panic!("{other} is no question"),
        }
    }
}

pub fn link() -> Value {
    json!({"allowedDomains": ["matrix.example"], "invite": "2.SU5W|SU5W|SU5W", "supportsConfirmation": false})
}
