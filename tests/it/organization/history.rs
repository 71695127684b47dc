//! What there was at a moment, compared with what was seen at that moment.

use super::join;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};
use tests::client::Client;
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;

fn sorted(values: impl Iterator<Item = Value>) -> Value {
    let mut all: Vec<_> = values.map(|value| (value.to_string(), value)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(_, value)| value).collect()
}

fn list(value: &Value) -> &Vec<Value> {
    value["data"].as_array().or(value.as_array()).unwrap()
}

/// The members of these names only.
fn only(value: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), value[*name].clone()))
        .collect()
}

fn rights(all: &Value) -> Value {
    sorted(
        list(all)
            .iter()
            .map(|one| only(one, &["id", "readOnly", "hidePasswords", "manage"])),
    )
}

/// The organization as its owner sees it now, by the routes of official clients.
pub(super) async fn seen(owner: &Client, organization: &Organization) -> Value {
    let get = async |rest: &str| owner.get(&organization.path(rest)).await.ok();
    let members = get("users?includeGroups=true&includeCollections=true").await;
    let members = list(&members)
        .iter()
        .map(|one| only(one, &["id", "userId", "type", "status"]));
    let mut groups = Vec::new();
    for group in list(&get("groups/details").await) {
        let users = get(&format!("groups/{}/users", id(group))).await;
        groups.push(json!({"id": group["id"], "memberIds": sorted(list(&users).iter().cloned())}));
    }
    let collections = get("collections/details").await;
    let collections = list(&collections)
        .iter()
        .map(|one| json!({"id": one["id"], "users": rights(&one["users"]), "groups": rights(&one["groups"])}));
    let policies = get("policies").await;
    let policies = list(&policies).iter().map(|one| only(one, &["type", "enabled"]));
    let items = format!("/api/ciphers/organization-details?organizationId={}", organization.id);
    let items = owner.get(&items).await.ok();
    let items = list(&items).iter().map(|one| {
        json!({
            "id": one["id"], "collectionIds": sorted(list(&one["collectionIds"]).iter().cloned()),
            "trashed": !one["deletedDate"].is_null(),
        })
    });
    json!({
        "members": sorted(members), "groups": sorted(groups.into_iter()), "collections": sorted(collections),
        "policies": sorted(policies), "items": sorted(items),
    })
}

/// The same of what was replayed.
pub(super) fn replayed(answer: &Value) -> Value {
    let all = |name: &str| list(&answer[name]).iter();
    json!({
        "members": sorted(all("members").map(|one| only(one, &["id", "userId", "type", "status"]))),
        "groups": sorted(all("groups").map(|one| json!({
            "id": one["id"], "memberIds": sorted(list(&one["memberIds"]).iter().cloned()),
        }))),
        "collections": sorted(all("collections").map(|one| json!({
            "id": one["id"], "users": rights(&one["users"]), "groups": rights(&one["groups"]),
        }))),
        "policies": sorted(all("policies").cloned()),
        "items": sorted(all("items").map(|one| json!({
            "id": one["id"], "collectionIds": sorted(list(&one["collectionIds"]).iter().cloned()),
            "trashed": one["trashed"],
        }))),
    })
}

/// A moment, what there was of the organization, and which of its items each member had in their `/sync`.
struct Snapshot {
    at: String,
    organization: Value,
    synced: BTreeMap<String, BTreeSet<String>>,
}

struct Watch<'w> {
    owner: &'w Client,
    organization: &'w Organization,
    members: Vec<(String, Client)>,
    taken: Vec<Snapshot>,
}

pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    domain::time::Timestamp(i64::try_from(since.as_millis()).unwrap()).iso()
}

impl Watch<'_> {
    async fn take(&mut self) {
        let organization = seen(self.owner, self.organization).await;
        let mut synced = BTreeMap::new();
        for (user, client) in &self.members {
            let sync = client.sync().await;
            let items = list(&sync["ciphers"]).iter();
            let items = items.filter(|item| item["organizationId"] == self.organization.id.as_str());
            synced.insert(user.clone(), items.map(id).collect());
        }
        let at = now();
        tokio::time::sleep(Duration::from_millis(3)).await;
        self.taken.push(Snapshot {
            at,
            organization,
            synced,
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_replayed_as_it_was_seen() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("past-ann").await;
    let organization = anns.found(&ann, "Past").await;
    let path = |rest: &str| organization.path(rest);
    let before = now();
    let select = |collection: &str, rights| Organization::selection(collection, rights);
    let (all, read) = ([false, false, true], [true, true, false]);
    let first = &organization.collection;
    let (ben, bens, ben_id) = join(server, &anns, &organization, "past-ben", 2, &[select(first, read)]).await;
    let (cid, cids, cid_id) = join(server, &anns, &organization, "past-cid", 2, &[]).await;
    let mut watch = Watch {
        owner: &anns,
        organization: &organization,
        members: Vec::new(),
        taken: Vec::new(),
    };
    for client in [&anns, &bens, &cids] {
        watch.members.push((client.user_id().await.to_string(), client.clone()));
    }
    watch.take().await;

    let item = anns.make_shared(&organization, "one", &[first]).await;
    let own = Organization::selection(&id(&anns.membership(&organization, &ann.email).await), all);
    let second = anns.make_collection(&organization, "second", &[own]).await;
    let other = anns.make_shared(&organization, "other", &[&second]).await;
    watch.take().await;

    let group = json!({"name": "Ops", "collections": [select(&second, read)], "users": [cid_id]});
    let group = id(&anns.post(&path("groups"), &group).await.ok());
    watch.take().await;

    let change = |role: u8, collections: Value, groups: Value| json!({"type": role, "permissions": {}, "collections": collections, "groups": groups});
    let both = json!([select(first, all), select(&second, read)]);
    anns.put(&path(&format!("users/{ben_id}")), &change(2, both, json!([group])))
        .await
        .ok_empty();
    watch.take().await;

    let moved = json!({"collectionIds": [second]});
    anns.put(&format!("/api/ciphers/{item}/collections"), &moved).await.ok();
    watch.take().await;

    anns.put_empty(&path(&format!("users/{cid_id}/revoke")))
        .await
        .ok_empty();
    watch.take().await;
    anns.put(&path("policies/1"), &json!({"enabled": true, "data": null}))
        .await
        .ok();
    anns.put_empty(&format!("/api/ciphers/{other}/delete-admin"))
        .await
        .ok_empty();
    watch.take().await;

    anns.put_empty(&path(&format!("users/{cid_id}/restore")))
        .await
        .ok_empty();
    anns.put(&path(&format!("users/{ben_id}")), &change(2, json!([]), json!([])))
        .await
        .ok_empty();
    watch.take().await;

    anns.delete(&path(&format!("groups/{group}"))).await.ok_empty();
    watch.take().await;
    anns.delete(&path(&format!("collections/{second}"))).await.ok_empty();
    anns.delete(&path(&format!("users/{ben_id}"))).await.ok_empty();
    watch.take().await;
    anns.delete(&format!("/api/ciphers/{item}/admin")).await.ok_empty();
    watch.take().await;
    drop((ben, cid));

    for (number, snapshot) in watch.taken.iter().enumerate() {
        let answer = anns.get(&path(&format!("audit/replay?at={}", snapshot.at))).await.ok();
        assert_eq!(
            replayed(&answer),
            snapshot.organization,
            "number {number} at {}",
            snapshot.at
        );
        assert_eq!(answer["exists"], true);
        for one in [&item, &other] {
            let at = &snapshot.at;
            let answer = anns.get(&path(&format!("audit/items/{one}/access?at={at}"))).await;
            let had: BTreeSet<&String> = snapshot
                .synced
                .iter()
                .filter(|(_, items)| items.contains(one))
                .map(|(user, _)| user)
                .collect();
            let there = list(&snapshot.organization["items"])
                .iter()
                .any(|item| item["id"] == one.as_str());
            if !there {
                assert_eq!(answer.status, 404, "number {number}");
                continue;
            }
            let answer = answer.ok();
            let by_collection = |reader: &&Value| {
                list(&reader["through"])
                    .iter()
                    .any(|way| way["kind"] == "collection" || way["kind"] == "group")
            };
            let readers = list(&answer["readers"]);
            let can: BTreeSet<_> = readers
                .iter()
                .filter(by_collection)
                .map(|reader| reader["userId"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(
                can.iter().collect::<BTreeSet<_>>(),
                had,
                "number {number}, {one}: {answer}"
            );
            // the owner looks after all of them, whatever collections say
            let owners = readers.iter().find(|reader| reader["type"] == 0).unwrap();
            assert!(
                list(&owners["through"])
                    .iter()
                    .any(|way| way["kind"] == "administration"),
                "{answer}"
            );
        }
    }
    let early = anns.get(&path("audit/replay?at=2020-01-01")).await.ok();
    assert_eq!((&early["exists"], &early["members"]), (&json!(false), &json!([])));
    let founded = anns.get(&path(&format!("audit/replay?at={before}"))).await.ok();
    assert_eq!(list(&founded["members"]).len(), 1);

    for rest in ["audit/replay".to_owned(), format!("audit/items/{other}/access")] {
        anns.get(&path(&format!("{rest}?at=noon")))
            .await
            .refused(400, "no date");
        cids.get(&path(&rest)).await.refused(404, "not found");
        assert_eq!(server.client().get(&path(&rest)).await.status, 401);
    }

    // the same by the command line, and of an item of one's own
    let at = &watch.taken[3].at;
    let told = async |arguments: &[&str]| -> Value {
        let (code, told, logged) = server.run_apart(arguments).await;
        assert_eq!(code, Some(0), "{logged}");
        serde_json::from_str(&told).expect(&told)
    };
    let replay = ["audit", "replay", "--organization", &organization.id, "--at", at];
    assert_eq!(replayed(&told(&replay).await), watch.taken[3].organization);
    let told = told(&["audit", "access", "--item", &item, "--at", at]).await;
    assert_eq!(list(&told["readers"]).len(), 2, "{told}");
    let private = anns.create_login(&ann, "private").await;
    let (code, text) = server.run(&["audit", "access", "--item", &private]).await;
    assert!(code == Some(0) && text.contains("\"owner\""), "{text}");
    let (code, text) = server
        .run(&["audit", "access", "--item", &private, "--at", "2020-01-01"])
        .await;
    assert!(code == Some(1) && text.contains("no such item"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_an_organization_is_exported_in_every_form_and_goes_on_where_it_was() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("export-ann").await;
    let organization = anns.found(&ann, "Exported").await;
    for n in 0..5 {
        anns.make_shared(&organization, &format!("item {n}"), &[&organization.collection])
            .await;
    }
    let export = async |more: &[&str]| {
        let mut arguments = vec!["audit", "export", "--organization", organization.id.as_str()];
        arguments.extend(more);
        let (code, text) = server.run(&arguments).await;
        assert_eq!(code, Some(0), "{text}");
        text
    };
    let json_lines = |text: &str| -> Vec<Value> {
        let lines = text.lines().filter(|line| line.starts_with('{'));
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["cursor"].is_string())
            .collect()
    };
    let all = json_lines(&export(&[]).await);
    let made = |lines: &[Value]| lines.iter().filter(|line| line["type"] == 1100).count();
    assert_eq!(made(&all), 5);
    assert!(
        all.iter()
            .all(|line| line["organizationId"] == organization.id.as_str())
    );
    assert!(all.is_sorted_by_key(|line| line["position"].as_u64().unwrap()));

    let cursor = all[2]["cursor"].as_str().unwrap();
    let rest = json_lines(&export(&["--after", cursor]).await);
    // what came last says that the log was exported before
    assert_eq!(rest[..all.len() - 3], all[3..]);
    assert!(
        rest.iter()
            .any(|line| line["name"] == "AuditLogRead" && line["actor"] == "system")
    );

    let filtered = json_lines(&export(&["--type", "1100"]).await);
    assert_eq!((filtered.len(), made(&filtered)), (5, 5));
    let object = format!("cipher:{}", filtered[0]["cipherId"].as_str().unwrap());
    assert_eq!(json_lines(&export(&["--object", &object]).await).len(), 1);
    let actor = anns.user_id().await.to_string();
    assert_eq!(
        json_lines(&export(&["--actor", &actor, "--type", "1100"]).await).len(),
        5
    );
    assert_eq!(json_lines(&export(&["--to", "2020-01-01"]).await).len(), 0);

    let csv = export(&["--type", "1100", "--format", "csv"]).await;
    assert!(
        csv.contains("cursor,type,name,") && csv.matches(",1100,CipherCreated,").count() == 5,
        "{csv}"
    );
    let cef = export(&["--type", "1100", "--format", "cef"]).await;
    assert_eq!(cef.matches("|1100|CipherCreated|3|").count(), 5, "{cef}");
    let ocsf = export(&["--type", "1100", "--format", "ocsf"]).await;
    assert_eq!(ocsf.matches("\"class_uid\":3004").count(), 5, "{ocsf}");

    // with proofs, and checked without the server
    let file = server.data_path().join("organization.jsonl");
    let key = server.data_path().join("checkpoints/key");
    let (file, key) = (file.to_str().unwrap(), key.to_str().unwrap());
    export(&["--proof", "--type", "1100", "-o", file]).await;
    let verify = ["audit", "verify", file, "--key", key];
    let (code, text) = server.run(&verify).await;
    assert!(
        code == Some(0) && !text.contains("no event of the log is missing"),
        "{text}"
    );
    let (code, text) = server.run(&[&verify[..], &["--complete"]].concat()).await;
    assert!(code == Some(1) && text.contains("are not in the export"), "{text}");
    export(&["--proof", "-o", file]).await;
    let (code, text) = server.run(&[&verify[..], &["--complete"]].concat()).await;
    assert_eq!(code, Some(0), "{text}");
    let changed = std::fs::read_to_string(file)
        .unwrap()
        .replacen("\"type\":1100", "\"type\":1101", 1);
    std::fs::write(file, changed).unwrap();
    let (code, text) = server.run(&["audit", "verify", file, "--key", key]).await;
    assert_eq!(code, Some(1), "{text}");

    for wrong in [
        &["--after", "somewhere"][..],
        &["--object", "cipher"],
        &["--object", "planet:00000000-0000-0000-0000-000000000001"],
        &["--format", "csv", "--proof"],
        &["--from", "yesterday"],
    ] {
        let mut arguments = vec!["audit", "export", "--organization", organization.id.as_str()];
        arguments.extend(wrong);
        let (code, text) = server.run(&arguments).await;
        assert_eq!(code, Some(1), "{wrong:?}: {text}");
    }
    let nobody = uuid::Uuid::new_v4().to_string();
    let (code, text) = server.run(&["audit", "export", "--organization", &nobody]).await;
    assert!(code == Some(1) && text.contains("no such organization"), "{text}");
}

/// Streams of many events among many streams, replayed many times at once beside changes: nothing waits for what somebody else holds
/// and waits with.
#[tokio::test(flavor = "multi_thread")]
async fn many_replays_at_once_beside_changes_are_all_answered() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("replays").await;
    let organization = anns.found(&ann, "Replays").await;
    let own = anns.membership(&organization, &ann.email).await;
    let items: Vec<_> = (0..600)
        .map(|n| {
            let mut cipher = item::request(&organization.key, Kind::Login, &format!("{n}"));
            cipher["organizationId"] = json!(organization.id);
            cipher
        })
        .collect();
    let within: Vec<_> = (0..600).map(|n| json!({"key": n, "value": 0})).collect();
    let collection = json!({"name": organization.key.seal("all"), "id": null, "externalId": null});
    let import = json!({"ciphers": items, "collections": [collection], "collectionRelationships": within});
    let path = format!("/api/ciphers/import-organization?organizationId={}", organization.id);
    anns.post(&path, &import).await.ok_empty();
    let set = async |kind: u8, count: usize| {
        for n in 0..count {
            let body = json!({"enabled": n % 2 == 0, "data": null});
            anns.put(&organization.path(&format!("policies/{kind}")), &body)
                .await
                .ok();
        }
    };
    for kind in [1, 2, 10, 11, 12] {
        set(kind, 40).await;
    }
    let replays = (0..8).map(|_| {
        let (client, organization) = (anns.without_reuse(), organization.clone());
        async move {
            for _ in 0..3 {
                let answer = client.get(&organization.path("audit/replay")).await.ok();
                assert_eq!(list(&answer["items"]).len(), 600);
                assert_eq!(list(&answer["policies"]).len(), 5);
            }
        }
    });
    tokio::join!(futures::future::join_all(replays), set(1, 20));
    let answer = anns.get(&organization.path("audit/replay")).await.ok();
    assert_eq!(list(&answer["members"])[0]["id"], own["id"]);
}
