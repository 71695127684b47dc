//! Nobody raises themselves: by a grant, a group, where an item lies, or somebody else's account.

use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::client::{Account, Client};
use tests::crypto::KeyPair;
use tests::server::Server;

use super::join;

/// An organization whose admins do not stand above collections, its owner, and one of its admins.
async fn strict(server: &Server, name: &str) -> (Account, Client, Organization, Client, String) {
    let (ann, anns) = server.member(name).await;
    let organization = anns.found(&ann, "Strict").await;
    let rules = json!({
        "limitCollectionCreation": false, "limitCollectionDeletion": false, "limitItemDeletion": false,
        "allowAdminAccessToAllCollectionItems": false,
    });
    anns.put(&organization.path("collection-management"), &rules).await.ok();
    let (_, admins, admin) = join(server, &anns, &organization, &format!("{name}-admin"), 1, &[]).await;
    (ann, anns, organization, admins, admin)
}

fn member(collections: &[Value], groups: &[&str]) -> Value {
    json!({"type": 1, "permissions": {}, "collections": collections, "groups": groups})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_gives_only_what_is_theirs_to_give() {
    let server = Server::shared().await;
    let (_, anns, organization, admins, admin) = strict(server, "giver").await;
    let (_, users, user) = join(server, &anns, &organization, "given", 2, &[]).await;
    let all = Organization::selection(&organization.collection, [false, false, true]);
    let path = |rest: &str| organization.path(rest);
    let group = json!({"name": "Ops", "users": [], "collections": []});
    let group = id(&anns.post(&path("groups"), &group).await.ok());

    // to themselves, to others, to a group, to somebody who is yet to come
    admins
        .put(
            &path(&format!("users/{admin}")),
            &member(std::slice::from_ref(&all), &[]),
        )
        .await
        .refused(400, "cannot add yourself to collections");
    admins
        .put(&path(&format!("users/{admin}")), &member(&[], &[&group]))
        .await
        .refused(400, "cannot add yourself to groups");
    let given = json!({"type": 2, "permissions": {}, "collections": [all], "groups": []});
    admins
        .put(&path(&format!("users/{user}")), &given)
        .await
        .refused(404, "permission");
    let body = json!({"name": "Ops", "users": [], "collections": [all]});
    admins
        .put(&path(&format!("groups/{group}")), &body)
        .await
        .refused(404, "permission");
    admins.post(&path("groups"), &body).await.refused(404, "permission");
    let body = json!({
        "emails": ["raise.later@example.com"], "type": 2, "permissions": {}, "collections": [all], "groups": [],
    });
    admins
        .post(&path("users/invite"), &body)
        .await
        .refused(404, "permission");
    assert_eq!(users.sync().await["collections"], json!([]));
    // one request, and a product of what it names that nobody wants
    let emails: Vec<String> = (0..1_000).map(|i| format!("raise{i}@example.com")).collect();
    let groups: Vec<String> = (0..30)
        .map(|i| format!("00000000-0000-4000-8000-0000000000{i:02}"))
        .collect();
    let body = json!({"emails": emails, "type": 2, "permissions": {}, "collections": [], "groups": groups});
    anns.post(&path("users/invite"), &body)
        .await
        .refused(400, "more than 20000 changes");
    // the owner manages the collection, and may
    anns.put(&path(&format!("users/{user}")), &given).await.ok_empty();
    assert_eq!(users.sync().await["collections"][0]["manage"], true);

    let body = json!({"name": "Ops", "users": [admin], "collections": []});
    admins
        .put(&path(&format!("groups/{group}")), &body)
        .await
        .refused(400, "cannot add yourself to groups");
    admins
        .post(&path("groups"), &body)
        .await
        .refused(400, "cannot add yourself to groups");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_not_moved_to_where_one_has_more() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("moving").await;
    let organization = anns.found(&ann, "Moving").await;
    let hiding = Organization::selection(&organization.collection, [false, true, false]);
    let (_, bens, ben) = join(server, &anns, &organization, "moved", 2, &[hiding]).await;
    let own = Organization::selection(&ben, [false, false, true]);
    let bens_own = anns.make_collection(&organization, "Ben's", &[own]).await;
    let item = anns
        .make_shared(&organization, "hidden", &[&organization.collection])
        .await;
    let path = format!("/api/ciphers/{item}");
    let both = json!({"collectionIds": [organization.collection, bens_own]});
    bens.put(&format!("{path}/collections"), &both)
        .await
        .refused(404, "permission");
    let many = json!({
        "organizationId": organization.id, "cipherIds": [item], "collectionIds": [bens_own], "removeCollections": false,
    });
    bens.post("/api/ciphers/bulk-collections", &many)
        .await
        .refused(404, "permission");
    // what they cannot see they do not lose for everybody
    let password = anns.details(&item).await["login"]["password"].clone();
    let mut edit = item::request(&organization.key, Kind::Login, "edited");
    edit["organizationId"] = json!(organization.id);
    bens.put(&path, &edit).await.ok();
    assert_ne!(edit["login"]["password"], password);
    assert_eq!(anns.details(&item).await["login"]["password"], password);
    let seen = anns.get(&format!("{path}/details")).await.ok();
    assert_eq!(seen["collectionIds"], json!([organization.collection]));
    // who else has rights is for those who look after a collection
    let details = bens.get(&organization.path("collections/details")).await.ok();
    let find = |id: &str| find(&details["data"], id);
    assert_eq!(find(&bens_own).unwrap()["users"][0]["id"], ben.as_str());
    assert!(find(&organization.collection).is_none(), "he does not manage it");
    let one = organization.path(&format!("collections/{}/details", organization.collection));
    assert_eq!(bens.get(&one).await.ok()["users"], json!([]));

    // whoever may move it, moves it; then ben has all of it
    anns.put(&format!("{path}/collections-admin"), &both).await.ok();
    assert_eq!(bens.get(&path).await.ok()["viewPassword"], true);
    bens.put(&path, &edit).await.ok();
    // sealed for ben alone, nobody else could open it again
    edit["organizationId"] = Value::Null;
    bens.put(&path, &edit).await.refused(400, "Organization mismatch");
    anns.put(&format!("{path}/admin"), &edit)
        .await
        .refused(400, "Organization mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_collection_keeps_no_item_from_being_nobodys() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("emptying").await;
    let organization = anns.found(&ann, "Emptying").await;
    let me = id(&anns.membership(&organization, &ann.email).await);
    let mine = Organization::selection(&me, [false, false, true]);
    let gone = anns.make_collection(&organization, "Gone", &[mine]).await;
    let item = anns
        .make_shared(&organization, "left", &[&organization.collection, &gone])
        .await;
    anns.delete(&organization.path(&format!("collections/{gone}")))
        .await
        .ok_empty();
    let path = format!("/api/ciphers/{item}");
    anns.put(&format!("{path}/collections"), &json!({"collectionIds": []}))
        .await
        .refused(400, "at least one collection");
    // from where all are looked after it may be nobody's, and is found again
    anns.put(&format!("{path}/collections-admin"), &json!({"collectionIds": []}))
        .await
        .ok();
    anns.get(&path).await.refused(404, "not found");
    anns.get(&format!("{path}/admin")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_enrolled_is_recovered_and_by_nobody_below() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("recovering").await;
    let organization = anns.found(&ann, "Recovering").await;
    let (_, admins, _) = join(server, &anns, &organization, "recovering-admin", 1, &[]).await;
    let (_, users, user) = join(server, &anns, &organization, "recovered", 2, &[]).await;
    let owner = id(&anns.membership(&organization, &ann.email).await);
    let path = |member: &str| organization.path(&format!("users/{member}/reset-password-details"));
    admins.get(&path(&owner)).await.refused(404, "permission");
    admins.get(&path(&user)).await.refused(404, "not found");
    users.get(&path(&user)).await.refused(404, "permission");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_go_leaves_nothing() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("leaving-nothing").await;
    let (ben, bens) = server.member("leaving-owner").await;
    let theirs = bens.found(&ben, "Theirs").await;
    let membership = super::invite(&bens, &theirs, &ann, 2, &[]).await;
    super::accept(server, &anns, &theirs, &ann, &membership).await;
    bens.confirm(&theirs, &bens.membership(&theirs, &ann.email).await).await;
    anns.found(&ann, "Owned alone").await;
    let body = json!({"masterPasswordHash": ann.password_hash()});
    anns.delete_with("/api/accounts", &body)
        .await
        .refused(400, "at least one confirmed owner");
    let organizations = anns.sync().await["profile"]["organizations"].clone();
    assert_eq!(organizations.as_array().unwrap().len(), 2, "{organizations}");
}

/// Events hold personal values in an envelope of their own; what looks like one and is none could not be opened by anybody.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_a_client_sends_is_taken_for_a_sealed_value() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("envelope").await;
    let organization = anns.found(&ann, "Envelope").await;
    let user = anns.user_id().await;
    for inside in [
        json!({"$sealed": {"s": user, "k": 1, "n": "AAAAAAAAAAAAAAAA", "c": "AAAAAAAAAAAAAAAAAAAAAAAA"}}),
        json!({"$personal": {"s": user, "v": "x"}}),
    ] {
        for data in [inside.clone(), json!({"a": inside}), json!({"a": [{"b": inside}]})] {
            let body = json!({"enabled": true, "data": data});
            let path = organization.path("policies/1");
            anns.put(&path, &body).await.refused(400, "not allowed");
        }
    }
    let text = json!({"enabled": true, "data": {"text": "{\"$sealed\":{\"s\":\"x\"}}"}});
    let kept = anns.put(&organization.path("policies/1"), &text).await.ok();
    assert_eq!(kept["data"], text["data"]);
    // everything goes on
    anns.create_login(&ann, "after").await;
    assert!(!anns.sync().await["ciphers"].as_array().unwrap().is_empty());
}

/// What lies in a member's own collection is theirs: it is there for the organization when they go, and for nobody to give before.
#[tokio::test(flavor = "multi_thread")]
async fn my_items_are_nobody_elses_to_give_or_take() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("mine-owner").await;
    let organization = anns.found(&ann, "Mine").await;
    let rules = json!({"allowAdminAccessToAllCollectionItems": true});
    anns.put(&organization.path("collection-management"), &rules).await.ok();
    let on = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/5"), &on).await.ok();
    let (_, admins, admin) = join(server, &anns, &organization, "mine-admin", 1, &[]).await;
    let (ben, bens) = server.member("mine-ben").await;
    let membership = super::invite(&anns, &organization, &ben, 2, &[]).await;
    super::accept(server, &bens, &organization, &ben, &membership).await;
    let membership = anns.membership(&organization, &ben.email).await;
    let member = id(&membership);
    let key = KeyPair::seal_for(&KeyPair::shared().public_key(), &organization.key.to_bytes()).unwrap();
    let confirm = json!({"key": key, "defaultUserCollectionName": organization.key.seal("My items")});
    anns.post(&organization.path(&format!("users/{member}/confirm")), &confirm)
        .await
        .ok_empty();
    let sync = bens.sync().await;
    let mine = &sync["collections"][0];
    assert_eq!((&mine["type"], &mine["manage"]), (&json!(1), &json!(true)), "{mine}");
    let mine = id(mine);
    let item = bens.make_shared(&organization, "mine", &[&mine]).await;

    let rights = Organization::selection(&admin, [false, false, true]);
    let path = organization.path(&format!("collections/{mine}"));
    let body = json!({"name": organization.key.seal("grabbed"), "groups": [], "users": [rights]});
    admins.put(&path, &body).await.refused(400, "DefaultUserCollection");
    let refusal = admins.delete(&path).await;
    assert_eq!(refusal.status, 400, "{}", refusal.text);
    let body = json!({"collectionIds": [mine], "users": [rights], "groups": []});
    let refusal = admins.post(&organization.path("collections/bulk-access"), &body).await;
    assert_eq!(refusal.status, 400, "{}", refusal.text);
    let rights = Organization::selection(&mine, [false, false, true]);
    let body = json!({"name": "grab", "collections": [rights], "users": [admin]});
    admins
        .post(&organization.path("groups"), &body)
        .await
        .refused(400, "invalid");
    let role = json!({"type": 1, "permissions": {}, "collections": [rights], "groups": []});
    let refusal = admins.put(&organization.path(&format!("users/{admin}")), &role).await;
    assert_eq!(refusal.status, 400, "{}", refusal.text);
    // an item is not put there by somebody else either
    let mut other =
        json!({"cipher": item::request(&organization.key, Kind::Login, "not theirs"), "collectionIds": [mine]});
    other["cipher"]["organizationId"] = json!(organization.id);
    let refusal = admins.post("/api/ciphers/create", &other).await;
    assert!(refusal.status >= 400, "{}", refusal.text);
    // editing the member leaves what is theirs
    let role = json!({"type": 2, "permissions": {}, "collections": [], "groups": []});
    anns.put(&organization.path(&format!("users/{member}")), &role)
        .await
        .ok_empty();
    assert_eq!(bens.get(&format!("/api/ciphers/{item}")).await.ok()["edit"], true);
}

/// By what was given to somebody their groups do not count, so who looks after members must not take it from themselves.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_from_themselves_what_holds_them_back() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("held-ann").await;
    let organization = anns.found(&ann, "Held back").await;
    let shared = organization.collection.clone();
    let held = Organization::selection(&shared, [true, true, false]);
    let (_, bens, ben) = join(server, &anns, &organization, "held-ben", 2, &[]).await;
    let group = json!({"name": "manages", "users": [ben], "collections": [Organization::selection(&shared, [false, false, true])]});
    anns.post(&organization.path("groups"), &group).await.ok();
    let role = |collections: Value| json!({"type": 4, "permissions": {"manageUsers": true}, "collections": collections, "groups": null});
    let path = organization.path(&format!("users/{ben}"));
    anns.put(&path, &role(json!([held]))).await.ok_empty();
    let rights = async || {
        let collection = bens.sync().await["collections"][0].clone();
        (collection["readOnly"].clone(), collection["manage"].clone())
    };
    assert_eq!(rights().await, (json!(true), json!(false)));
    bens.put(&path, &role(json!([]))).await.ok_empty();
    assert_eq!(rights().await, (json!(true), json!(false)));
    let more = Organization::selection(&shared, [false, false, true]);
    bens.put(&path, &role(json!([more])))
        .await
        .refused(400, "cannot add yourself to collections");
    assert_eq!(rights().await, (json!(true), json!(false)));
    anns.put(&path, &role(json!([]))).await.ok_empty();
    assert_eq!(rights().await, (json!(false), json!(true)));
}

/// Who looks after groups stands above collections by that no more than who looks after members.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_after_groups_gives_nothing_to_themselves_by_one_they_are_in() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("grouped-ann").await;
    let organization = anns.found(&ann, "Grouped").await;
    let (_, bens, ben) = join(server, &anns, &organization, "grouped-ben", 2, &[]).await;
    let (_, _, cid) = join(server, &anns, &organization, "grouped-cid", 2, &[]).await;
    let item = anns
        .make_shared(&organization, "secret", &[&organization.collection])
        .await;
    let custom = json!({"type": 4, "permissions": {"manageGroups": true}, "collections": [], "groups": []});
    anns.put(&organization.path(&format!("users/{ben}")), &custom)
        .await
        .ok_empty();
    let group = |users: &[&str]| json!({"name": "g", "collections": [], "users": users});
    let with = |users: &[&str]| {
        let rights = Organization::selection(&organization.collection, [false, false, true]);
        json!({"name": "g", "collections": [rights], "users": users})
    };
    let made = id(&anns
        .post(&organization.path("groups"), &group(&[&ben, &cid]))
        .await
        .ok());
    let path = organization.path(&format!("groups/{made}"));
    bens.put(&path, &with(&[&ben, &cid])).await.refused(400, "yourself");
    bens.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");
    // one they are not in is theirs to look after
    let other = id(&anns.post(&organization.path("groups"), &group(&[&cid])).await.ok());
    let other = organization.path(&format!("groups/{other}"));
    bens.put(&other, &with(&[&cid])).await.ok();
    bens.put(&other, &with(&[&cid, &ben])).await.refused(400, "yourself");
    // and what an owner gave the group stays when somebody in it gives it another name
    anns.put(&path, &with(&[&ben, &cid])).await.ok();
    let mut renamed = with(&[&ben, &cid]);
    renamed["name"] = json!("renamed");
    bens.put(&path, &renamed).await.ok();
    bens.get(&format!("/api/ciphers/{item}")).await.ok();
}
