//! Many at once in one organization: rivals for one thing agree on one outcome, and after any crowd the routes, the replay, the log, the
//! read models and what members sync say the same.

use super::history::{now, replayed, seen};
use super::{invitation, invite, join};
use futures::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::crypto::KeyPair;
use tests::server::Server;

/// The statuses of the same request, eight times at once, sorted.
async fn all_at_once(client: &Client, method: Method, path: &str, body: Value) -> Vec<u16> {
    let tries = (0..8).map(|_| {
        let (client, method, body) = (client.without_reuse(), method.clone(), body.clone());
        async move {
            let request = client.request(method, path).json(&body);
            client.send(request).await.status
        }
    });
    let mut statuses = join_all(tries).await;
    statuses.sort_unstable();
    statuses
}

/// One was done, the others were told why not.
fn assert_once(statuses: &[u16]) {
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(
        statuses[1..].iter().all(|status| [400, 404, 409].contains(status)),
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_same_wish_many_times_at_once_one_is_carried_out() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("once-ann").await;
    let organization = anns.found(&ann, "Once").await;
    let (ben, bens) = server.member("once-ben").await;

    // one membership for one address, whoever invites
    let body = json!({
        "emails": [ben.email], "type": 2, "accessSecretsManager": false, "permissions": {},
        "collections": [], "groups": [],
    });
    let invited = all_at_once(&anns, Method::POST, &organization.path("users/invite"), body).await;
    assert_once(&invited);
    let members = anns.get(&organization.path("users")).await.ok();
    let bens_own = members["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["email"] == ben.email);
    assert_eq!(bens_own.count(), 1, "{members}");

    // it is accepted, confirmed and ended once
    let member = id(&anns.membership(&organization, &ben.email).await);
    let token = json!({"token": invitation(server, &ben.email).await});
    let path = organization.path(&format!("users/{member}/accept"));
    assert_once(&all_at_once(&bens, Method::POST, &path, token).await);
    let key = KeyPair::seal_for(&ben.pair.public_key(), &organization.key.to_bytes()).unwrap();
    let path = organization.path(&format!("users/{member}/confirm"));
    assert_once(&all_at_once(&anns, Method::POST, &path, json!({"key": key})).await);
    for (rest, method) in [
        ("/revoke", Method::PUT),
        ("/restore", Method::PUT),
        ("", Method::DELETE),
    ] {
        let path = organization.path(&format!("users/{member}{rest}"));
        assert_once(&all_at_once(&anns, method, &path, json!({})).await);
    }

    // an item is shared once
    let (_, cipher) = anns.create(&ann, Kind::Login, "shared once").await;
    let mut request = item::request(&organization.key, Kind::Login, "shared once");
    request["organizationId"] = json!(organization.id);
    let body = json!({"cipher": request, "collectionIds": [organization.collection]});
    let path = format!("/api/ciphers/{}/share", id(&cipher));
    assert_once(&all_at_once(&anns, Method::PUT, &path, body).await);

    let events = anns.get(&organization.path("events")).await.ok();
    let mut kinds: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_i64().unwrap())
        .collect();
    kinds.sort_unstable();
    for kind in [1500, 1501, 1511, 1512, 1503, 1105] {
        assert_eq!(
            kinds.iter().filter(|told| **told == kind).count(),
            1,
            "{kind}: {kinds:?}"
        );
    }
}

/// Owners who act on each other at the same moment: one is left, whatever they do.
#[tokio::test(flavor = "multi_thread")]
async fn owners_who_end_each_other_leave_one() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("last-ann").await;
    for way in 0..4 {
        let organization = anns.found(&ann, "Last").await;
        let mut owners = vec![(anns.clone(), id(&anns.membership(&organization, &ann.email).await))];
        for n in 0..3 {
            let (_, client, member) = join(server, &anns, &organization, &format!("last-{n}"), 0, &[]).await;
            owners.push((client, member));
        }
        let path = |rest: &str| organization.path(rest);
        let acts = (0..owners.len()).map(|n| {
            let (client, victim) = (owners[n].0.clone(), owners[(n + 1) % owners.len()].1.clone());
            let (remove, revoke, change, leave) = (
                path(&format!("users/{victim}")),
                path(&format!("users/{victim}/revoke")),
                path(&format!("users/{victim}")),
                path("leave"),
            );
            async move {
                let demoted = json!({"type": 2, "permissions": {}, "collections": [], "groups": []});
                match way {
                    0 => client.delete(&remove).await.status,
                    1 => client.put_empty(&revoke).await.status,
                    2 => client.put(&change, &demoted).await.status,
                    _ => client.post(&leave, &json!({})).await.status,
                }
            }
        });
        let statuses = join_all(acts).await;
        assert!(
            statuses.iter().all(|status| [200, 400, 404].contains(status)),
            "{statuses:?}"
        );
        let mut left = 0;
        for (client, _) in &owners {
            let answer = client.get(&format!("/api/organizations/{}", organization.id)).await;
            left += usize::from(answer.status == 200);
        }
        assert!(left >= 1, "way {way}: nobody is left ({statuses:?})");
    }
}

/// What a crowd acts on.
struct Crowd {
    organization: Organization,
    collections: Vec<String>,
    groups: Vec<String>,
    members: Vec<String>,
    items: Vec<String>,
}

impl Crowd {
    fn pick<'a>(&self, rng: &mut StdRng, from: &'a [String]) -> &'a str {
        &from[rng.random_range(0..from.len())]
    }

    fn some(&self, rng: &mut StdRng, from: &[String]) -> Vec<String> {
        let chosen: BTreeSet<_> = (0..rng.random_range(0..3))
            .map(|_| self.pick(rng, from).to_owned())
            .collect();
        chosen.into_iter().collect()
    }

    fn selections(&self, rng: &mut StdRng, from: &[String]) -> Vec<Value> {
        let chosen = self.some(rng, from);
        let rights = |rng: &mut StdRng| match rng.random_range(0..3) {
            0 => [false, false, true],
            1 => [true, false, false],
            _ => [false, true, false],
        };
        chosen
            .iter()
            .map(|id| Organization::selection(id, rights(rng)))
            .collect()
    }

    /// A random change, by `client`.
    async fn act(&self, client: &Client, rng: &mut StdRng) -> (String, u16) {
        let path = |rest: &str| self.organization.path(rest);
        let (collection, group) = (self.pick(rng, &self.collections), self.pick(rng, &self.groups));
        let (member, item) = (self.pick(rng, &self.members), self.pick(rng, &self.items));
        let name = self.organization.key.seal("renamed");
        let (what, path, body) = match rng.random_range(0..16) {
            0 => {
                let body = json!({"type": 2, "permissions": {}, "collections": self.selections(rng, &self.collections),
                                  "groups": self.some(rng, &self.groups)});
                ("PUT", path(&format!("users/{member}")), body)
            }
            1 => ("PUT", path(&format!("users/{member}/revoke")), json!({})),
            2 | 3 => ("PUT", path(&format!("users/{member}/restore")), json!({})),
            4 => {
                let body = json!({"name": "crowd", "collections": self.selections(rng, &self.collections),
                                  "users": self.some(rng, &self.members)});
                ("PUT", path(&format!("groups/{group}")), body)
            }
            5 | 6 => {
                let body = json!({"name": name, "users": self.selections(rng, &self.members),
                                  "groups": self.selections(rng, &self.groups)});
                ("PUT", path(&format!("collections/{collection}")), body)
            }
            7 => {
                let body = json!({"collectionIds": [collection], "users": self.selections(rng, &self.members),
                                  "groups": self.selections(rng, &self.groups)});
                ("POST", path("collections/bulk-access"), body)
            }
            8 | 9 => {
                let body = json!({"collectionIds": self.some(rng, &self.collections)});
                ("PUT", format!("/api/ciphers/{item}/collections-admin"), body)
            }
            10 => ("PUT", format!("/api/ciphers/{item}/delete-admin"), json!({})),
            11 => ("PUT", format!("/api/ciphers/{item}/restore-admin"), json!({})),
            12 => (
                "PUT",
                path("policies/1"),
                json!({"enabled": rng.random_bool(0.5), "data": null}),
            ),
            13 => {
                let mut body = item::request(&self.organization.key, Kind::Login, "by a crowd");
                body["organizationId"] = json!(self.organization.id);
                (
                    "POST",
                    "/api/ciphers/admin".to_owned(),
                    json!({"cipher": body, "collectionIds": [collection]}),
                )
            }
            // once in a while something ends that others are busy with
            14 if rng.random_bool(0.1) => ("DELETE", path(&format!("collections/{collection}")), json!({})),
            14 => ("DELETE", path(&format!("groups/{group}/user/{member}")), json!({})),
            15 if rng.random_bool(0.1) => ("DELETE", path(&format!("groups/{group}")), json!({})),
            _ => (
                "PUT",
                path("collection-management"),
                json!({
                    "limitCollectionCreation": false, "limitCollectionDeletion": rng.random_bool(0.5),
                    "limitItemDeletion": false, "allowAdminAccessToAllCollectionItems": true,
                }),
            ),
        };
        let request = client.request(what.parse().unwrap(), &path).json(&body);
        let answer = client.send(request).await;
        (
            format!("{what} {path} {body}: {} {}", answer.status, answer.text),
            answer.status,
        )
    }
}

/// The items in the organization that a member syncs.
async fn synced(client: &Client, organization: &Organization) -> BTreeSet<String> {
    let sync = client.sync().await;
    let items = sync["ciphers"].as_array().unwrap().iter();
    let items =
        items.filter(|item| item["organizationId"] == organization.id.as_str() && item["deletedDate"].is_null());
    items.map(id).collect()
}

/// The items that a member reads by what the organization looked like: a second statement of the rules.
fn expected(organization: &Value, member: &str) -> BTreeSet<String> {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let named = |all: &Value, wanted: &str| all.as_array().unwrap().iter().any(|one| one == wanted);
    let there = list(&organization["members"])
        .iter()
        .any(|one| one["id"] == member && one["status"] == 2);
    if !there {
        return BTreeSet::new();
    }
    let groups: Vec<_> = list(&organization["groups"])
        .into_iter()
        .filter(|group| named(&group["memberIds"], member))
        .collect();
    let has = |all: &Value, wanted: &Value| all.as_array().unwrap().iter().any(|one| one["id"] == *wanted);
    let collections: BTreeSet<String> = list(&organization["collections"])
        .iter()
        .filter(|one| {
            has(&one["users"], &json!(member)) || groups.iter().any(|group| has(&one["groups"], &group["id"]))
        })
        .map(id)
        .collect();
    let items = list(&organization["items"]).into_iter();
    let readable = items.filter(|item| {
        let within = list(&item["collectionIds"]);
        item["trashed"] == false && within.iter().any(|one| collections.contains(one.as_str().unwrap()))
    });
    readable.map(|item| id(&item)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crowd_everything_says_the_same() {
    let server = Server::start().await;
    let (ann, anns) = server.member("crowd-ann").await;
    let organization = anns.found(&ann, "Crowd").await;
    let mut crowd = Crowd {
        collections: vec![organization.collection.clone()],
        organization: organization.clone(),
        groups: Vec::new(),
        members: Vec::new(),
        items: Vec::new(),
    };
    for n in 0..4 {
        crowd
            .collections
            .push(anns.make_collection(&organization, &format!("c{n}"), &[]).await);
        let group = json!({"name": format!("g{n}"), "collections": [], "users": []});
        crowd
            .groups
            .push(id(&anns.post(&organization.path("groups"), &group).await.ok()));
    }
    let mut people: Vec<(Account, Client)> = Vec::new();
    let mut acting = vec![anns.clone()];
    for n in 0..8 {
        let role = if n < 2 { 1 } else { 2 };
        let (account, client, member) = join(&server, &anns, &organization, &format!("crowd-{n}"), role, &[]).await;
        if n < 2 {
            acting.push(client);
        } else {
            crowd.members.push(member);
            people.push((account, client));
        }
    }
    for n in 0..12 {
        let collection = crowd.collections[n % crowd.collections.len()].clone();
        crowd
            .items
            .push(anns.make_shared(&organization, &format!("i{n}"), &[&collection]).await);
    }
    let seed: u64 = std::env::var("CROWD_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("CROWD_SEED={seed}");

    let acts = (0..9).map(|n| {
        let (client, crowd) = (acting[n % acting.len()].without_reuse(), &crowd);
        async move {
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
            let mut done = 0;
            for _ in 0..40 {
                let (said, status) = crowd.act(&client, &mut rng).await;
                assert!([200, 400, 404, 409].contains(&status), "{said}");
                done += usize::from(status == 200);
            }
            done
        }
    });
    let watching = async {
        // who reads meanwhile is never told nonsense
        for _ in 0..30 {
            for (_, client) in &people {
                client.sync().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (done, ()) = tokio::join!(join_all(acts), watching);
    assert!(done.iter().sum::<usize>() > 150, "{done:?}");

    let shown = seen(&anns, &organization).await;
    let replay = anns
        .get(&organization.path(&format!("audit/replay?at={}", now())))
        .await
        .ok();
    assert_eq!(replayed(&replay), shown);
    for (member, (_, client)) in crowd.members.iter().zip(&people) {
        assert_eq!(
            synced(client, &organization).await,
            expected(&shown, member),
            "{member}"
        );
    }
    for command in [
        &["projections", "verify"][..],
        &["audit", "checkpoint"],
        &["audit", "verify"],
    ] {
        let (code, text) = server.run(command).await;
        assert_eq!(code, Some(0), "{command:?}: {text}");
    }
    let file = server.data_path().join("crowd.jsonl").display().to_string();
    let key = server.data_path().join("checkpoints/key").display().to_string();
    for command in [
        &[
            "audit",
            "export",
            "--organization",
            &organization.id,
            "--proof",
            "-o",
            &file,
        ][..],
        &["audit", "verify", &file, "--complete", "--key", &key],
    ] {
        let (code, text) = server.run(command).await;
        assert_eq!(code, Some(0), "{command:?}: {text}");
    }
}

/// An organization that is deleted while others are busy in it leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_ends_amid_a_crowd_leaves_nothing() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("end-ann").await;
    let organization = anns.found(&ann, "End").await;
    let (_, bens, _) = join(server, &anns, &organization, "end-ben", 1, &[]).await;
    let (dan, dans) = server.member("end-dan").await;
    let waiting = invite(&anns, &organization, &dan, 2, &[]).await;
    let token = invitation(server, &dan.email).await;
    let writing = (0..6).map(|n| {
        let (client, organization) = (bens.without_reuse(), organization.clone());
        async move {
            for i in 0..12 {
                let mut cipher = item::request(&organization.key, Kind::Login, &format!("{n}-{i}"));
                cipher["organizationId"] = json!(organization.id);
                let body = json!({"cipher": cipher, "collectionIds": [organization.collection]});
                let made = client.post("/api/ciphers/admin", &body).await;
                assert!([200, 404].contains(&made.status), "{}", made.text);
                let named = json!({"name": organization.key.seal("late"), "groups": [], "users": []});
                let made = client.post(&organization.path("collections"), &named).await;
                assert!([200, 404].contains(&made.status), "{}", made.text);
            }
        }
    });
    let ending = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let body = json!({"masterPasswordHash": ann.password_hash()});
        anns.delete_with(&format!("/api/organizations/{}", organization.id), &body)
            .await
            .ok_empty();
    };
    let joining = async {
        let path = organization.path(&format!("users/{}/accept", id(&waiting)));
        let answer = dans.post(&path, &json!({"token": token})).await;
        assert!([200, 400, 404].contains(&answer.status), "{}", answer.text);
    };
    tokio::join!(join_all(writing), ending, joining);
    for client in [&anns, &bens, &dans] {
        let sync = client.sync().await;
        assert_eq!(sync["profile"]["organizations"], json!([]));
        assert_eq!((&sync["ciphers"], &sync["collections"]), (&json!([]), &json!([])));
        client
            .get(&organization.path("collections"))
            .await
            .refused(404, "not found");
    }
}

/// Into an organization that wants its members for itself, and into another one, in the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_in_two_organizations_where_one_forbids_it_by_being_quick() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("alone-ann").await;
    let organization = anns.found(&ann, "Alone").await;
    let on = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/3"), &on).await.ok();
    for round in 0..8 {
        let (ben, bens) = server.member(&format!("alone-ben{round}")).await;
        let membership = super::invite(&anns, &organization, &ben, 2, &[]).await;
        super::accept(server, &bens, &organization, &ben, &membership).await;
        let member = id(&membership);
        let key = KeyPair::seal_for(&ben.pair.public_key(), &organization.key.to_bytes()).unwrap();
        let path = organization.path(&format!("users/{member}/confirm"));
        let (confirm, founding) = (json!({"key": key}), bens.founding(&ben, "Own"));
        let (confirmed, founded) = tokio::join!(anns.post(&path, &confirm), bens.post("/api/organizations", &founding));
        assert!(confirmed.status < 500 && founded.status < 500);
        let active = bens.sync().await["profile"]["organizations"].as_array().unwrap().len();
        assert!(
            active <= 1,
            "round {round}: confirmed {}, founded {}",
            confirmed.status,
            founded.status
        );
    }
}
