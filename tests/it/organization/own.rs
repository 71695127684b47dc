//! "My items": what members would keep for themselves, where a policy makes it the organization's.

use serde_json::{Value, json};
use tests::client::Client;
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::crypto::KeyPair;
use tests::server::Server;

use super::join;

/// Switches the policy on as clients do, with the name such collections get.
async fn switch_on(owner: &Client, organization: &Organization) {
    let body = json!({
        "policy": {"enabled": true, "data": null},
        "metadata": {"defaultUserCollectionName": organization.key.seal("My items")},
    });
    owner.put(&organization.path("policies/5/vnext"), &body).await.ok();
}

/// What a member has for their own items.
async fn own(member: &Client) -> Vec<String> {
    let sync = member.sync().await;
    let all = sync["collections"].as_array().unwrap();
    all.iter()
        .filter(|collection| collection["type"] == 1)
        .map(id)
        .collect()
}

fn role(number: u8) -> Value {
    json!({"type": number, "permissions": {}, "collections": null, "groups": null})
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_policy_binds_has_one_and_one_only() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("own-ann").await;
    let organization = anns.found(&ann, "Own").await;
    let (bens_account, bens, ben) = join(server, &anns, &organization, "own-ben", 2, &[]).await;
    let (_, cids, cid) = join(server, &anns, &organization, "own-cid", 1, &[]).await;
    let (_, dans, dan) = join(server, &anns, &organization, "own-dan", 2, &[]).await;
    let member = |id: &str, rest: &str| organization.path(&format!("users/{id}{rest}"));
    anns.put_empty(&member(&dan, "/revoke")).await.ok_empty();

    switch_on(&anns, &organization).await;
    switch_on(&anns, &organization).await;
    let mine = own(&bens).await;
    assert_eq!(mine.len(), 1);
    bens.make_shared(&organization, "mine", &[&mine[0]]).await;
    assert!(
        own(&anns).await.is_empty() && own(&cids).await.is_empty(),
        "owners and admins are not bound"
    );

    // who comes back, and who is no admin any more, is bound from then on
    let name = json!({"defaultUserCollectionName": organization.key.seal("My items")});
    anns.put(&member(&dan, "/restore/vnext"), &name).await.ok_empty();
    assert_eq!(own(&dans).await.len(), 1);
    anns.put_empty(&member(&dan, "/revoke")).await.ok_empty();
    let many = json!({"ids": [dan], "defaultUserCollectionName": organization.key.seal("My items")});
    anns.put(&organization.path("users/restore"), &many).await.ok();
    assert_eq!(own(&dans).await.len(), 1);
    let mut change = role(2);
    change["defaultUserCollectionName"] = json!(organization.key.seal("My items"));
    anns.put(&member(&cid, ""), &change).await.ok_empty();
    assert_eq!(own(&cids).await.len(), 1);
    // one who is confirmed as an admin gets none
    let (eve, eves) = server.member("own-eve").await;
    let invited = super::invite(&anns, &organization, &eve, 1, &[]).await;
    super::accept(server, &eves, &organization, &eve, &invited).await;
    let key = KeyPair::seal_for(&KeyPair::shared().public_key(), &organization.key.to_bytes()).unwrap();
    let mut confirm = name.clone();
    confirm["key"] = json!(key);
    anns.post(&member(&id(&invited), "/confirm"), &confirm).await.ok_empty();
    assert!(own(&eves).await.is_empty());

    // nobody is told of these collections as of something to give: who sends back what they read changes nothing
    let read = anns.get(&member(&ben, "")).await.ok();
    assert_eq!(read["collections"], json!([]));
    let mut change = role(2);
    change["collections"] = read["collections"].clone();
    change["groups"] = read["groups"].clone();
    anns.put(&member(&ben, ""), &change).await.ok_empty();
    assert_eq!(own(&bens).await, mine);
    let listed = anns.membership(&organization, &bens_account.email).await;
    assert_eq!(listed["collections"], json!([]), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_members_keep_for_themselves_is_no_part_of_what_is_shared() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("apart-ann").await;
    let organization = anns.found(&ann, "Apart").await;
    let rights = [Organization::selection(&organization.collection, [false, false, true])];
    let (_, bens, _) = join(server, &anns, &organization, "apart-ben", 2, &rights).await;
    switch_on(&anns, &organization).await;
    let mine = own(&bens).await.remove(0);
    let kept = bens.make_shared(&organization, "kept", &[&mine]).await;
    let shared = bens
        .make_shared(&organization, "shared", &[&organization.collection])
        .await;

    let details = format!("/api/ciphers/organization-details?organizationId={}", organization.id);
    let all = anns.get(&details).await.ok();
    assert!(find(&all["data"], &shared).is_some() && find(&all["data"], &kept).is_none());
    let all = anns.get(&format!("{details}&includeMemberItems=true")).await.ok();
    assert_eq!(find(&all["data"], &kept).unwrap()["collectionIds"], json!([mine]));
    let export = anns.get(&organization.path("export")).await.ok();
    assert!(find(&export["ciphers"], &kept).is_none() && find(&export["collections"], &mine).is_none());
    assert!(find(&export["ciphers"], &shared).is_some());
    for list in ["collections", "collections/details"] {
        let listed = anns.get(&organization.path(list)).await.ok();
        assert!(find(&listed["data"], &mine).is_none(), "{list}");
    }
    // a member takes out what they manage, and it is in the log before the first item goes out
    let export = bens.get(&organization.path("export")).await.ok();
    assert!(find(&export["ciphers"], &shared).is_some() && find(&export["ciphers"], &kept).is_some());
    let log = anns.get(&organization.path("events?type=1602")).await.ok();
    assert_eq!(log["data"].as_array().unwrap().len(), 2);
    assert_eq!(log["data"][0]["actingUserId"], json!(bens.user_id().await.to_string()));

    // nobody moves an item out of there but whose it is, and nothing shared is put away there
    let into = |ids: &[&str]| json!({ "collectionIds": ids });
    anns.put(
        &format!("/api/ciphers/{kept}/collections-admin"),
        &into(&[&organization.collection]),
    )
    .await
    .ok();
    let moved = bens.get(&format!("/api/ciphers/{kept}/details")).await.ok();
    let mut collections = vec![mine.clone(), organization.collection.clone()];
    collections.sort();
    assert_eq!(moved["collectionIds"], json!(collections));
    for ids in [vec![&*mine], vec![&*mine, &*organization.collection]] {
        bens.put(&format!("/api/ciphers/{shared}/collections"), &into(&ids))
            .await
            .refused(400, "default collection");
    }
    let many = json!({
        "organizationId": organization.id, "cipherIds": [shared], "collectionIds": [mine], "removeCollections": false,
    });
    bens.post("/api/ciphers/bulk-collections", &many)
        .await
        .refused(400, "default collection");
    let read = bens.get(&format!("/api/ciphers/{shared}/details")).await.ok();
    assert_eq!(read["collectionIds"], json!([organization.collection]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_member_kept_is_the_organizations_once_they_go() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("left-ann").await;
    let organization = anns.found(&ann, "Left").await;
    let rules = json!({
        "limitCollectionCreation": false, "limitCollectionDeletion": false, "limitItemDeletion": false,
        "allowAdminAccessToAllCollectionItems": false,
    });
    anns.put(&organization.path("collection-management"), &rules).await.ok();
    let (ben, bens, member) = join(server, &anns, &organization, "left-ben", 2, &[]).await;
    let (_, cids, _) = join(server, &anns, &organization, "left-cid", 2, &[]).await;
    switch_on(&anns, &organization).await;
    let (mine, others) = (own(&bens).await.remove(0), own(&cids).await.remove(0));
    let item = bens.make_shared(&organization, "kept", &[&mine]).await;
    // while it is Ben's, nobody takes it up
    let path = organization.path(&format!("collections/{mine}"));
    let founder = id(&anns.membership(&organization, &ann.email).await);
    let take = json!({
        "name": organization.key.seal("Ben's"), "groups": [],
        "users": [Organization::selection(&founder, [false, false, true])],
    });
    let refused = anns.put(&path, &take).await;
    assert!(refused.status == 404 || refused.status == 400, "{}", refused.text);
    anns.delete(&organization.path(&format!("users/{member}")))
        .await
        .ok_empty();

    let listed = anns.get(&organization.path("collections/details")).await.ok();
    let left = find(&listed["data"], &mine).expect("a collection like others");
    assert_eq!(
        (&left["type"], &left["defaultUserCollectionEmail"], &left["unmanaged"]),
        (&json!(0), &json!(ben.email), &json!(true))
    );
    assert!(find(&listed["data"], &others).is_none());
    // admins do not stand above collections here, and this one nobody manages: they take it up
    assert_eq!(anns.get(&format!("/api/ciphers/{item}")).await.status, 404);
    anns.put(&path, &take).await.ok();
    assert_eq!(anns.get(&format!("/api/ciphers/{item}")).await.ok()["edit"], true);
    assert_eq!(bens.get(&format!("/api/ciphers/{item}")).await.status, 404);
    anns.delete(&path).await.ok_empty();
    // one who leaves, and comes again, gets another
    cids.post(&organization.path("leave"), &json!({})).await.ok_empty();
    let listed = anns.get(&organization.path("collections")).await.ok();
    assert_eq!(find(&listed["data"], &others).unwrap()["type"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_will_not_hand_over_what_is_theirs_suspends_themselves() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("declined-ann").await;
    let organization = anns.found(&ann, "Declined").await;
    let (ben, bens, _) = join(server, &anns, &organization, "declined-ben", 2, &[]).await;
    let path = organization.path("users/revoke-self");
    bens.put_empty(&path).await.refused(400, "not eligible");
    switch_on(&anns, &organization).await;
    anns.put_empty(&path).await.refused(400, "not eligible");
    bens.put_empty(&path).await.ok_empty();
    assert_eq!(bens.get(&organization.path("collections")).await.status, 404);
    let listed = anns.membership(&organization, &ben.email).await;
    assert_eq!(
        (&listed["status"], &listed["revocationReason"]),
        (&json!(-1), &json!(3))
    );
    let log = anns.get(&organization.path("events?type=1518")).await.ok();
    assert_eq!(log["data"].as_array().unwrap().len(), 1);
    bens.put_empty(&path).await.refused(404, "not found");
}
