//! Items of organizations: what collections give, and what they do not.

use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::server::Server;

use super::join;

#[tokio::test(flavor = "multi_thread")]
async fn rights_in_collections_are_rights_over_items() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("rights").await;
    let organization = anns.found(&ann, "Rights").await;
    let reading = Organization::selection(&organization.collection, [true, false, false]);
    let (_, readers, reader) = join(server, &anns, &organization, "reader", 2, &[reading]).await;
    let item = anns
        .make_shared(&organization, "shared", &[&organization.collection])
        .await;
    let mut edit = item::request(&organization.key, Kind::Login, "edited");
    edit["organizationId"] = json!(organization.id);
    let path = format!("/api/ciphers/{item}");

    readers.put(&path, &edit).await.refused(404, "permission");
    readers
        .put_empty(&format!("{path}/delete"))
        .await
        .refused(404, "permission");
    readers.delete(&path).await.refused(404, "permission");
    readers
        .put(&format!("{path}/collections"), &json!({"collectionIds": []}))
        .await
        .refused(404, "permission");
    readers.get(&format!("{path}/admin")).await.refused(404, "not found");
    // filing is everybody's own
    let folder = readers.post("/api/folders", &json!({"name": "2.AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAA==|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})).await.ok();
    let filed = json!({"folderId": folder["id"], "favorite": true});
    let answer = readers.put(&format!("{path}/partial"), &filed).await.ok();
    assert_eq!(
        (&answer["folderId"], &answer["favorite"]),
        (&folder["id"], &json!(true))
    );
    let sync = readers.sync().await;
    assert_eq!(find(&sync["ciphers"], &item).unwrap()["folderId"], folder["id"]);
    assert_eq!(find(&anns.sync().await["ciphers"], &item).unwrap()["favorite"], false);

    // more rights show at once
    let body = json!({
        "name": organization.key.seal("Default collection"), "groups": [],
        "users": [Organization::selection(&reader, [false, false, false]),
                  Organization::selection(&id(&anns.membership(&organization, &ann.email).await), [false, false, true])],
    });
    anns.put(
        &organization.path(&format!("collections/{}", organization.collection)),
        &body,
    )
    .await
    .ok();
    let edited = readers.put(&path, &edit).await.ok();
    assert_eq!(edited["name"], edit["name"]);
    assert_eq!(
        find(&anns.sync().await["ciphers"], &item).unwrap()["name"],
        edit["name"]
    );
    readers.put_empty(&format!("{path}/delete")).await.ok_empty();
    assert!(anns.get(&path).await.ok()["deletedDate"].is_string());
    readers.put_empty(&format!("{path}/restore")).await.ok();
    assert!(anns.get(&path).await.ok()["deletedDate"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_item_is_given_away_once() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("giving").await;
    let organization = anns.found(&ann, "Giving").await;
    let (ben, bens) = server.member("giving-stranger").await;
    let item = anns.create_login(&ann, "mine").await;
    let mut sealed = item::request(&organization.key, Kind::Login, "ours");
    sealed["organizationId"] = json!(organization.id);
    let body = |collections: &[&str]| json!({"cipher": sealed, "collectionIds": collections});
    let path = format!("/api/ciphers/{item}/share");
    anns.put(&path, &body(&[]))
        .await
        .refused(400, "at least one collection");
    // somebody else's organization, somebody else's collection, somebody else's item
    let theirs = bens.found(&ben, "Theirs").await;
    let mut foreign = sealed.clone();
    foreign["organizationId"] = json!(theirs.id);
    anns.put(&path, &json!({"cipher": foreign, "collectionIds": [theirs.collection]}))
        .await
        .refused(404, "not found");
    anns.put(&path, &body(&[&theirs.collection]))
        .await
        .refused(404, "not found");
    bens.put(&path, &body(&[&organization.collection]))
        .await
        .refused(404, "not found");
    assert!(anns.get(&format!("/api/ciphers/{item}")).await.ok()["organizationId"].is_null());

    let shared = anns.put(&path, &body(&[&organization.collection])).await.ok();
    assert_eq!(shared["organizationId"], organization.id.as_str());
    assert_eq!(shared["name"], sealed["name"]);
    anns.put(&path, &body(&[&organization.collection]))
        .await
        .refused(404, "not found");

    let second = anns.make_collection(&organization, "Second", &[]).await;
    let moved = anns
        .put(
            &format!("/api/ciphers/{item}/collections_v2"),
            &json!({"collectionIds": [second]}),
        )
        .await
        .ok();
    assert_eq!(moved["unavailable"], true, "nobody gave ann rights in it: {moved}");
    let all = anns
        .get(&format!(
            "/api/ciphers/organization-details?organizationId={}",
            organization.id
        ))
        .await
        .ok();
    assert_eq!(find(&all["data"], &item).unwrap()["collectionIds"], json!([second]));
    bens.get(&format!(
        "/api/ciphers/organization-details?organizationId={}",
        organization.id
    ))
    .await
    .refused(404, "not found");
    // the collection goes, the item stays where all are looked after
    anns.delete(&organization.path(&format!("collections/{second}")))
        .await
        .ok_empty();
    let all = anns
        .get(&format!(
            "/api/ciphers/organization-details?organizationId={}",
            organization.id
        ))
        .await
        .ok();
    assert_eq!(find(&all["data"], &item).unwrap()["collectionIds"], json!([]));
    anns.delete(&format!("/api/ciphers/{item}/admin")).await.ok_empty();
    let all = anns
        .get(&format!(
            "/api/ciphers/organization-details?organizationId={}",
            organization.id
        ))
        .await
        .ok();
    assert!(find(&all["data"], &item).is_none());
}

/// Where an organization keeps the items of its members, an ordinary one makes none of their own: nor by an import. Owners and admins are
/// not bound, nor who is not confirmed yet, nor who is suspended or gone.
#[tokio::test(flavor = "multi_thread")]
async fn where_items_belong_to_the_organization_members_make_none_of_their_own() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("kept-ann").await;
    let organization = anns.found(&ann, "Kept").await;
    let select = [Organization::selection(&organization.collection, [false, false, false])];
    let (ben, bens, member) = join(server, &anns, &organization, "kept-ben", 2, &select).await;
    let (cid, cids, _) = join(server, &anns, &organization, "kept-cid", 1, &[]).await;
    let (dan, dans) = server.member("kept-dan").await;
    let waiting = super::invite(&anns, &organization, &dan, 2, &[]).await;
    super::accept(server, &dans, &organization, &dan, &waiting).await;
    let (_, before) = bens.create(&ben, Kind::Login, "before").await;
    let policy = organization.path("policies/5");
    anns.put(&policy, &json!({"enabled": true, "data": null})).await.ok();

    let own = item::request(&ben.user_key, Kind::Login, "own");
    let words = "restricted from saving items to your individual vault";
    bens.post("/api/ciphers", &own).await.refused(400, words);
    let wrapped = json!({"cipher": own, "collectionIds": null});
    bens.post("/api/ciphers/create", &wrapped).await.refused(400, words);
    let import = json!({"ciphers": [own], "folders": [], "folderRelationships": []});
    bens.post("/api/ciphers/import", &import)
        .await
        .refused(400, "cannot import items into your personal vault");
    assert_eq!(bens.sync().await["ciphers"].as_array().unwrap().len(), 1);
    // what there is stays theirs to change, and to give to the organization, where they make new ones
    let mut edit = item::request(&ben.user_key, Kind::Login, "edited");
    edit["key"] = before["key"].clone();
    bens.put(&format!("/api/ciphers/{}", id(&before)), &edit).await.ok();
    bens.make_shared(&organization, "theirs", &[&organization.collection])
        .await;

    anns.create(&ann, Kind::Login, "an owner's").await;
    cids.create(&cid, Kind::Login, "an admin's").await;
    dans.create(&dan, Kind::Login, "not confirmed").await;
    anns.put_empty(&organization.path(&format!("users/{member}/revoke")))
        .await
        .ok_empty();
    bens.create(&ben, Kind::Login, "suspended").await;
    anns.put_empty(&organization.path(&format!("users/{member}/restore")))
        .await
        .ok_empty();
    bens.post("/api/ciphers", &own).await.refused(400, words);
    anns.put(&policy, &json!({"enabled": false, "data": null})).await.ok();
    bens.create(&ben, Kind::Login, "free again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_to_a_member_holds_against_their_groups() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("against-ann").await;
    let organization = anns.found(&ann, "Against").await;
    let shared = organization.collection.clone();
    let held_back = Organization::selection(&shared, [true, true, false]);
    let (_, bens, ben) = join(server, &anns, &organization, "against-ben", 2, &[]).await;
    let (_, cids, cid) = join(server, &anns, &organization, "against-cid", 2, &[]).await;
    let item = anns.make_shared(&organization, "one", &[&shared]).await;
    let path = format!("/api/ciphers/{item}");
    for (name, rights) in [("reads", [true, false, false]), ("manages", [false, false, true])] {
        let body = json!({
            "name": name, "users": [ben, cid], "collections": [Organization::selection(&shared, rights)],
        });
        anns.post(&organization.path("groups"), &body).await.ok();
    }
    // of groups the more counts
    for client in [&bens, &cids] {
        assert_eq!(client.get(&path).await.ok()["edit"], true);
        assert_eq!(client.sync().await["collections"][0]["manage"], true);
    }
    let change = json!({"type": 2, "permissions": {}, "collections": [held_back], "groups": null});
    anns.put(&organization.path(&format!("users/{ben}")), &change)
        .await
        .ok_empty();
    let seen = bens.get(&path).await.ok();
    assert_eq!(
        (&seen["edit"], &seen["viewPassword"]),
        (&json!(false), &json!(false)),
        "{seen}"
    );
    let collection = &bens.sync().await["collections"][0];
    assert_eq!(
        (
            &collection["readOnly"],
            &collection["hidePasswords"],
            &collection["manage"]
        ),
        (&json!(true), &json!(true), &json!(false))
    );
    bens.put_empty(&format!("{path}/delete"))
        .await
        .refused(404, "permission");
    assert_eq!(cids.get(&path).await.ok()["edit"], true);
    // that is told of him, though his role is what it was
    let log = anns
        .get(&organization.path(&format!("events?type=1502&memberId={ben}")))
        .await
        .ok();
    assert_eq!(log["data"].as_array().unwrap().len(), 1, "{log}");
    // who could read it, and through what: of Ben what holds, and not what his groups would give
    let access = anns
        .get(&organization.path(&format!("audit/items/{item}/access?at={}", super::history::now())))
        .await
        .ok();
    let readers = access["readers"].as_array().unwrap();
    let of = |member: &str| {
        readers
            .iter()
            .find(|reader| reader["organizationUserId"] == member)
            .unwrap()["through"]
            .clone()
    };
    assert_eq!(of(&ben).as_array().unwrap().len(), 1, "{access}");
    assert_eq!(of(&cid).as_array().unwrap().len(), 2, "{access}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_of_the_organization_is_filed_with_it_or_not_changed_at_all() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("filed-ann").await;
    let organization = anns.found(&ann, "Filed").await;
    let folder = anns.create_folder(&ann, "here").await;
    let (ben, bens) = server.member("filed-ben").await;
    let theirs = bens.create_folder(&ben, "elsewhere").await;
    let new = |name: &str, folder: &str| {
        let mut cipher = item::request(&organization.key, Kind::Login, name);
        cipher["organizationId"] = json!(organization.id);
        cipher["folderId"] = json!(folder);
        cipher["favorite"] = json!(true);
        cipher
    };
    let create = |cipher: Value| json!({"cipher": cipher, "collectionIds": [organization.collection]});
    let made = anns
        .post("/api/ciphers/create", &create(new("made", &folder)))
        .await
        .ok();
    assert_eq!((&made["folderId"], &made["favorite"]), (&json!(folder), &json!(true)));
    let made = id(&made);
    let seen = anns.get(&format!("/api/ciphers/{made}")).await.ok();
    assert_eq!((&seen["folderId"], &seen["favorite"]), (&json!(folder), &json!(true)));

    // a folder of somebody else: nothing is made, changed or given away
    let before = anns.vault().await;
    anns.post("/api/ciphers/create", &create(new("not made", &theirs)))
        .await
        .refused(400, "Invalid folder");
    anns.put(&format!("/api/ciphers/{made}"), &new("not changed", &theirs))
        .await
        .refused(400, "Invalid folder");
    let own = anns.create_login(&ann, "own").await;
    let share = |folder: &str| create(new("given", folder));
    let mid = anns.vault().await;
    anns.put(&format!("/api/ciphers/{own}/share"), &share(&theirs))
        .await
        .refused(400, "Invalid folder");
    assert_eq!(anns.vault().await, mid);
    anns.delete(&format!("/api/ciphers/{own}")).await.ok_empty();
    assert_eq!(anns.vault().await, before);

    // where somebody files what is shared is theirs alone: the organization's log says nothing of it, whatever it is done with
    let replay = server
        .run(&["audit", "export", "--organization", &organization.id])
        .await;
    assert_eq!(replay.0, Some(0), "{}", replay.1);
    assert!(
        replay.1.contains("CipherCreated") && !replay.1.contains("ItemFiled"),
        "{}",
        replay.1
    );
    let own_log = server.run(&["audit", "export", "--user", &ann.email]).await;
    assert!(own_log.1.contains("ItemFiled"), "{}", own_log.1);

    // what is given away stays where its giver filed it, one by one and many at once
    let mut kept = Vec::new();
    for many in [false, true] {
        let mut sealed = item::request(&ann.user_key, Kind::Login, "kept");
        sealed["folderId"] = json!(folder);
        sealed["favorite"] = json!(true);
        let own = id(&anns.post("/api/ciphers", &sealed).await.ok());
        anns.put("/api/ciphers/archive", &json!({"ids": [own]})).await.ok();
        let mut cipher = item::request(&organization.key, Kind::Login, "kept");
        cipher["organizationId"] = json!(organization.id);
        if many {
            cipher["id"] = json!(own);
            let body = json!({"ciphers": [cipher], "collectionIds": [organization.collection]});
            anns.put("/api/ciphers/share", &body).await.ok();
        } else {
            anns.put(&format!("/api/ciphers/{own}/share"), &create(cipher))
                .await
                .ok();
        }
        kept.push(own);
    }
    for own in kept {
        let seen = anns.get(&format!("/api/ciphers/{own}")).await.ok();
        assert_eq!(
            (&seen["folderId"], &seen["favorite"]),
            (&json!(folder), &json!(true)),
            "{seen}"
        );
        assert!(seen["archivedDate"].is_string(), "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_said_twice_or_wrongly_is_refused_as_clients_read_it() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("twice-ann").await;
    let organization = anns.found(&ann, "Twice").await;
    let id = &organization.id;
    for path in [
        format!("/api/ciphers/organization-details?organizationId={id}&organizationId={id}"),
        "/api/ciphers/organization-details?organizationId=none".to_owned(),
        "/api/ciphers/organization-details/assigned?organizationId=1".to_owned(),
        format!("/api/organizations/{id}/users?includeGroups=perhaps"),
        format!("/api/organizations/{id}/policies/token?organizationUserId=nobody"),
        format!("/api/organizations/{id}/events?start=2026-01-01&start=2026-01-02"),
    ] {
        let answer = anns.get(&path).await;
        assert_eq!(
            (answer.status, &answer.body["object"]),
            (400, &json!("error")),
            "{path}: {}",
            answer.text
        );
    }
}
