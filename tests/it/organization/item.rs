//! Items of organizations: what collections give, and what they do not.

use serde_json::json;
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
