//! Import into an organization, and emptying one.

use super::join;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::client::{Account, Client};
use tests::server::Server;

fn path(organization: &Organization) -> String {
    format!("/api/ciphers/import-organization?organizationId={}", organization.id)
}

fn items(organization: &Organization, count: usize) -> Vec<Value> {
    let item = |n: usize| {
        let mut item = item::request(&organization.key, Kind::Login, &format!("imported {n}"));
        item["organizationId"] = json!(organization.id);
        item
    };
    (0..count).map(item).collect()
}

fn new(organization: &Organization, name: &str) -> Value {
    json!({"name": organization.key.seal(name), "externalId": null, "groups": [], "users": []})
}

fn existing(organization: &Organization, id: &str) -> Value {
    let mut collection = new(organization, "as the client knows it");
    collection["id"] = json!(id);
    collection
}

fn relations(pairs: &[(i64, i64)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

/// All items of the organization, as its owner sees them.
async fn there(owner: &Client, organization: &Organization) -> Vec<Value> {
    let path = format!("/api/ciphers/organization-details?organizationId={}", organization.id);
    owner.get(&path).await.ok()["data"].as_array().unwrap().clone()
}

async fn founded(server: &Server, name: &str) -> (Account, Client, Organization) {
    let (ann, anns) = server.member(name).await;
    let organization = anns.found(&ann, "Imported").await;
    (ann, anns, organization)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_makes_collections_and_items_in_them() {
    let server = Server::shared().await;
    let (_, anns, organization) = founded(server, "import-ann").await;
    let rights = Organization::selection(&organization.collection, [true, false, false]);
    let (_, bens, _) = join(server, &anns, &organization, "import-ben", 2, &[rights]).await;
    let body = json!({
        "collections": [new(&organization, "first"), existing(&organization, &organization.collection)],
        "ciphers": items(&organization, 4),
        // what points nowhere is passed over; the last item is in no collection
        "collectionRelationships": relations(&[(0, 0), (1, 1), (2, 0), (2, 1), (2, 1), (9, 0), (0, 9), (-1, 0), (0, -7), (i64::MAX, i64::MIN)]),
    });
    anns.post(&path(&organization), &body).await.ok_empty();
    let all = there(&anns, &organization).await;
    let mut sizes: Vec<_> = all
        .iter()
        .map(|item| item["collectionIds"].as_array().unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 1, 1, 2]);
    let sync = bens.sync().await;
    let theirs = sync["ciphers"].as_array().unwrap().iter();
    assert_eq!(
        theirs
            .filter(|item| item["organizationId"] == organization.id.as_str())
            .count(),
        2
    );
    let collections = anns.get(&organization.path("collections/details")).await.ok();
    let names: Vec<_> = collections["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| organization.key.open(one["name"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(names, ["Default collection", "first"]);
    let events = anns.get(&organization.path("events")).await.ok();
    let of = |kind: i64| {
        events["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["type"] == kind)
            .count()
    };
    assert_eq!((of(1100), of(1300)), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_imports_where_they_may_not_write() {
    let server = Server::shared().await;
    let (_, anns, organization) = founded(server, "hostile-ann").await;
    let (_, others, elsewhere) = founded(server, "hostile-other").await;
    let rules = json!({
        "limitCollectionCreation": true, "limitCollectionDeletion": false, "limitItemDeletion": false,
        "allowAdminAccessToAllCollectionItems": true,
    });
    anns.put(&organization.path("collection-management"), &rules).await.ok();
    let select = |id: &str, rights| Organization::selection(id, rights);
    let hidden = anns.make_collection(&organization, "hidden", &[]).await;
    let writable = anns.make_collection(&organization, "writable", &[]).await;
    let rights = [
        select(&organization.collection, [true, false, false]),
        select(&writable, [false, false, false]),
    ];
    let (_, bens, _) = join(server, &anns, &organization, "hostile-ben", 2, &rights).await;
    let body = |collections: Value, pairs: &[(i64, i64)]| {
        json!({
            "collections": collections, "ciphers": items(&organization, 1), "collectionRelationships": relations(pairs),
        })
    };
    let one = |id: &str| json!([existing(&organization, id)]);
    for (client, collections, pairs) in [
        // a check over no collection at all must not pass
        (&bens, json!([]), &[][..]),
        (&bens, json!([]), &[(0, 0)]),
        (&bens, one(&organization.collection), &[(0, 0)]),
        (&bens, one(&hidden), &[(0, 0)]),
        (
            &bens,
            json!([existing(&organization, &writable), existing(&organization, &hidden)]),
            &[(0, 0)],
        ),
        (&bens, json!([new(&organization, "mine")]), &[(0, 0)]),
        // of another organization: here it would be a new one
        (&bens, one(&elsewhere.collection), &[(0, 0)]),
        (&others, one(&organization.collection), &[(0, 0)]),
        (&others, json!([new(&organization, "theirs")]), &[(0, 0)]),
    ] {
        let answer = client
            .post(&path(&organization), &body(collections.clone(), pairs))
            .await;
        assert_eq!(answer.status, 404, "{collections}: {}", answer.text);
    }
    let loose = body(one(&writable), &[]);
    bens.post(&path(&organization), &loose)
        .await
        .refused(400, "at least one collection");
    let mut foreign = body(one(&writable), &[(0, 0)]);
    foreign["ciphers"][0]["organizationId"] = json!(elsewhere.id);
    bens.post(&path(&organization), &foreign).await.refused(400, "mismatch");
    for query in ["", "?organizationId=", "?organizationId=7"] {
        let answer = bens
            .post(&format!("/api/ciphers/import-organization{query}"), &loose)
            .await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
    let mut bad = body(one(&writable), &[(0, 0)]);
    bad["ciphers"] = json!([items(&organization, 1)[0], {"type": 1, "name": "in the clear"}]);
    assert_eq!(bens.post(&path(&organization), &bad).await.status, 400);
    assert_eq!(
        there(&anns, &organization).await.len(),
        0,
        "nothing of all that is there"
    );
    assert_eq!(there(&others, &elsewhere).await.len(), 0);

    bens.post(&path(&organization), &body(one(&writable), &[(0, 0)]))
        .await
        .ok_empty();
    assert_eq!(there(&anns, &organization).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_emptied_by_its_admins_with_their_password() {
    let server = Server::shared().await;
    let (ann, anns, organization) = founded(server, "purge-ann").await;
    let rights = || Organization::selection(&organization.collection, [false, false, true]);
    let (ben, bens, _) = join(server, &anns, &organization, "purge-ben", 2, &[rights()]).await;
    let own = bens.create_login(&ben, "own").await;
    let item = anns
        .make_shared(&organization, "shared", &[&organization.collection])
        .await;
    let trashed = anns
        .make_shared(&organization, "trashed", &[&organization.collection])
        .await;
    anns.put_empty(&format!("/api/ciphers/{trashed}/delete"))
        .await
        .ok_empty();
    let path = format!("/api/ciphers/purge?organizationId={}", organization.id);
    let secret = |account: &Account| json!({"masterPasswordHash": account.password_hash()});
    bens.post(&path, &secret(&ben)).await.refused(404, "not found");
    assert_eq!(
        anns.post(&path, &json!({"masterPasswordHash": "wrong"})).await.status,
        400
    );
    let (other, others) = server.member("purge-other").await;
    others.post(&path, &secret(&other)).await.refused(404, "not found");
    assert_eq!(there(&anns, &organization).await.len(), 2);

    anns.post(&path, &secret(&ann)).await.ok_empty();
    assert_eq!(there(&anns, &organization).await.len(), 0);
    let sync = bens.sync().await;
    assert!(find(&sync["ciphers"], &item).is_none() && find(&sync["ciphers"], &own).is_some());
    let events = anns.get(&organization.path("events?type=1601")).await.ok();
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
    let again = anns
        .make_shared(&organization, "again", &[&organization.collection])
        .await;
    let replayed = anns.get(&organization.path("audit/replay")).await.ok();
    let left: Vec<_> = replayed["items"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(left, [again]);
}

/// More collections than are looked up one by one.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_very_many_collections_syncs_the_items_in_them_and_no_others() {
    const COLLECTIONS: usize = 620;
    let server = Server::shared().await;
    let (_, anns, organization) = founded(server, "many-ann").await;
    let (ben, bens, membership) = join(server, &anns, &organization, "many-ben", 2, &[]).await;
    let mut pairs: Vec<(i64, i64)> = (0..COLLECTIONS as i64).map(|n| (n, n)).collect();
    pairs.extend([(620, 0), (620, 600), (621, 600), (621, 601)]);
    let collections: Vec<_> = (0..COLLECTIONS).map(|n| new(&organization, &n.to_string())).collect();
    let body = json!({
        "collections": collections,
        "ciphers": items(&organization, COLLECTIONS + 5),
        "collectionRelationships": relations(&pairs),
    });
    anns.post(&path(&organization), &body).await.ok_empty();
    let made = anns.get(&organization.path("collections")).await.ok();
    let ids: Vec<String> = made["data"].as_array().unwrap().iter().map(id).collect();
    let (given, kept): (Vec<_>, Vec<_>) = ids.iter().enumerate().partition(|(n, _)| *n < 510);
    let given: Vec<_> = given.iter().map(|(_, id)| id.as_str()).collect();
    assert!(kept.len() >= 100);
    let rights: Vec<_> = given
        .iter()
        .map(|id| Organization::selection(id, [true, false, false]))
        .collect();
    let group = json!({"name": "Many", "users": [membership], "collections": rights});
    anns.post(&organization.path("groups"), &group).await.ok();
    // another one, of which there are few
    let other = bens.found(&ben, "Few").await;
    let own = bens.make_shared(&other, "few", &[&other.collection]).await;

    let of = |item: &Value| {
        let within = item["collectionIds"].as_array().unwrap().clone();
        within.iter().any(|id| given.contains(&id.as_str().unwrap()))
    };
    let mut expected: BTreeSet<String> = there(&anns, &organization)
        .await
        .iter()
        .filter(|item| of(item))
        .map(id)
        .collect();
    assert!(expected.len() >= 500, "{}", expected.len());
    let assigned = format!(
        "/api/ciphers/organization-details/assigned?organizationId={}",
        organization.id
    );
    let listed = bens.get(&assigned).await.ok();
    let listed: Vec<String> = listed["data"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed.len(), expected.len(), "none twice");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    expected.insert(own);
    let synced = bens.sync().await;
    let synced: Vec<String> = synced["ciphers"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(synced.len(), expected.len(), "none twice");
    assert_eq!(synced.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_files_items_in_folders_of_who_imports_and_of_nobody_else() {
    let server = Server::shared().await;
    let (ann, anns, organization) = founded(server, "folders-ann").await;
    let rights = Organization::selection(&organization.collection, [false, false, false]);
    let (ben, bens, _) = join(server, &anns, &organization, "folders-ben", 2, &[rights]).await;
    let folder = |owner: &Account, name: &str| json!({"id": null, "name": owner.user_key.seal(name)});
    let made = anns.post("/api/folders", &folder(&ann, "mine")).await.ok();
    let mine = id(&made);
    let bens_own = id(&bens.post("/api/folders", &folder(&ben, "his")).await.ok());
    let with_id = |id: &str| json!({"id": id, "name": ann.user_key.seal("as the client knows it")});
    let body = json!({
        "collections": [existing(&organization, &organization.collection)],
        "ciphers": items(&organization, 5),
        "collectionRelationships": relations(&[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]),
        "folders": [folder(&ann, "new"), with_id(&mine), with_id(&bens_own)],
        // what points nowhere is passed over, and the last of an item counts
        "folderRelationships": relations(&[(0, 0), (1, 2), (1, 1), (2, 2), (3, 9), (-1, 0), (9, 0), (4, -4), (i64::MAX, 0)]),
    });

    // all or nothing
    let mut broken = body.clone();
    broken["folders"][0]["name"] = json!("in the clear");
    anns.post(&path(&organization), &broken)
        .await
        .refused(400, "Folders[0].Name");
    broken["folders"] = (0..10_001).map(|_| folder(&ann, "many")).collect();
    anns.post(&path(&organization), &broken)
        .await
        .refused(400, "this much data");
    assert!(there(&anns, &organization).await.is_empty());
    assert_eq!(anns.sync().await["folders"].as_array().unwrap().len(), 1);

    anns.post(&path(&organization), &body).await.ok_empty();
    let sync = anns.sync().await;
    let folders: Vec<String> = sync["folders"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(folders.len(), 3, "his is none of hers, so there is a new one");
    assert!(folders.contains(&mine) && !folders.contains(&bens_own));
    assert_eq!(find(&sync["folders"], &mine).unwrap()["name"], made["name"]);
    let filed = |sync: &Value| -> Vec<Option<String>> {
        let items = sync["ciphers"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["folderId"].as_str().map(str::to_owned))
            .collect()
    };
    let hers = filed(&sync);
    assert_eq!(hers.iter().flatten().count(), 3, "{hers:?}");
    assert_eq!(
        hers.iter().flatten().collect::<BTreeSet<_>>(),
        folders.iter().collect::<BTreeSet<_>>()
    );
    let his = bens.sync().await;
    assert_eq!(filed(&his), vec![None; 5]);
    assert_eq!(his["folders"].as_array().unwrap().len(), 1);
    // it is nobody's business in the organization
    let events = anns.get(&organization.path("events")).await.ok();
    let text = events.to_string();
    assert!(folders.iter().all(|folder| !text.contains(folder)), "{text}");
}
