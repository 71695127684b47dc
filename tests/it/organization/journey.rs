//! From the founding to the end.

use serde_json::json;
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::crypto::SymmetricKey;
use tests::server::Server;
use tests::shape::assert_shape;

use super::{accept, invite, join};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_share_an_item() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("org-ann").await;
    let organization = anns.found(&ann, "Example Works").await;

    let sync = anns.sync().await;
    assert_shape("SyncResponseModel", &sync);
    let mine = &sync["profile"]["organizations"][0];
    assert_eq!(
        (&mine["name"], &mine["type"], &mine["status"]),
        (&json!("Example Works"), &json!(0), &json!(2))
    );
    let key = ann.pair.open(mine["key"].as_str().unwrap()).unwrap();
    assert_eq!(key, organization.key.to_bytes(), "the key comes back as it was sealed");
    assert_eq!(sync["collections"][0]["id"], organization.collection.as_str());

    let item = anns
        .make_shared(&organization, "The safe", &[&organization.collection])
        .await;
    let (ben, bens) = server.member("org-ben").await;
    bens.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");
    bens.get(&organization.path("collections"))
        .await
        .refused(404, "not found");

    let rights = Organization::selection(&organization.collection, [true, true, false]);
    let membership = invite(&anns, &organization, &ben, 2, &[rights]).await;
    assert_eq!(membership["status"], 0);
    accept(server, &bens, &organization, &ben, &membership).await;
    let accepted = anns.membership(&organization, &ben.email).await;
    assert_eq!(accepted["status"], 1);
    // accepted is nothing yet
    assert_eq!(bens.sync().await["profile"]["organizations"], json!([]));
    bens.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");

    let before = bens.get("/api/accounts/revision-date").await.ok();
    anns.confirm(&organization, &accepted).await;
    let after = bens.get("/api/accounts/revision-date").await.ok();
    assert!(after.as_i64() > before.as_i64(), "{before} {after}");
    let sync = bens.sync().await;
    assert_shape("SyncResponseModel", &sync);
    let theirs = ben
        .pair
        .open(sync["profile"]["organizations"][0]["key"].as_str().unwrap())
        .unwrap();
    assert_eq!(theirs, organization.key.to_bytes());
    let seen = find(&sync["ciphers"], &item).expect("the item is there");
    assert_eq!((&seen["edit"], &seen["viewPassword"]), (&json!(false), &json!(false)));
    assert_eq!(seen["collectionIds"], json!([organization.collection]));
    assert_eq!(
        SymmetricKey::open(&organization.key, seen["name"].as_str().unwrap()).unwrap(),
        "The safe"
    );
    // an item of one's own is still one's own
    let own = bens.create_login(&ben, "mine").await;
    assert!(find(&anns.sync().await["ciphers"], &own).is_none());

    let path = organization.path(&format!("users/{}", id(&accepted)));
    anns.delete(&path).await.ok_empty();
    let sync = bens.sync().await;
    assert_eq!(sync["profile"]["organizations"], json!([]));
    assert!(find(&sync["ciphers"], &item).is_none() && find(&sync["ciphers"], &own).is_some());
    bens.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");

    let proof = json!({"masterPasswordHash": ann.password_hash()});
    bens.delete_with(
        organization.path("").trim_end_matches('/'),
        &json!({"masterPasswordHash": ben.password_hash()}),
    )
    .await
    .refused(404, "not found");
    anns.delete_with(organization.path("").trim_end_matches('/'), &proof)
        .await
        .ok_empty();
    let sync = anns.sync().await;
    assert_eq!(
        (
            &sync["profile"]["organizations"],
            &sync["ciphers"],
            &sync["collections"]
        ),
        (&json!([]), &json!([]), &json!([]))
    );
    anns.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");
}

/// No server of one's own sponsors families: clients that ask are told so, in the shapes they know.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sponsored_here() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("sponsor").await;
    let organization = anns.found(&ann, "Sponsor").await;
    let (_, users, _) = join(server, &anns, &organization, "sponsored", 2, &[]).await;
    let (_, strangers) = server.member("sponsor-stranger").await;
    let path = |rest: &str| format!("/api/organization/sponsorship/{}{rest}", organization.id);
    let status = users.get(&path("/sync-status")).await.ok();
    assert!(status["lastSyncDate"].is_null(), "{status}");
    assert_eq!(anns.get(&path("/sponsored")).await.ok()["data"], json!([]));
    users.get(&path("/sponsored")).await.refused(404, "permission");
    let offer = json!({"planSponsorshipType": 0, "sponsoredEmail": "a@example.org", "friendlyName": "a"});
    let create = path("/families-for-enterprise");
    users
        .post(&create, &offer)
        .await
        .refused(400, "not available on this server");
    for answer in [
        strangers.get(&path("/sync-status")).await,
        strangers.get(&path("/sponsored")).await,
        strangers.post(&create, &offer).await,
    ] {
        answer.refused(404, "not found");
    }
    let token = users
        .post("/api/organization/sponsorship/validate-token?token=x", &json!({}))
        .await
        .ok();
    assert_eq!(token["isTokenValid"], false);
}

/// What clients ask about a plan: nothing is bought and nothing expires.
#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_what_clients_ask_of_a_subscription() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("plan-ann").await;
    let organization = anns.found(&ann, "Planned").await;
    let (_, users, member) = join(server, &anns, &organization, "plan-user", 2, &[]).await;
    let (_, strangers) = server.member("plan-stranger").await;
    let (subscription, metadata) = (
        organization.path("subscription"),
        organization.path("billing/vnext/self-host/metadata"),
    );
    let shown = anns.get(&subscription).await.ok();
    assert_eq!(
        (&shown["id"], &shown["name"]),
        (&json!(organization.id), &json!("Planned"))
    );
    assert!(shown["expiration"].is_null() && shown["plan"].is_object(), "{shown}");
    users.get(&subscription).await.refused(404, "permission");
    assert_eq!(users.get(&metadata).await.ok()["organizationOccupiedSeats"], 2);
    anns.put_empty(&organization.path(&format!("users/{member}/revoke")))
        .await
        .ok_empty();
    assert_eq!(anns.get(&metadata).await.ok()["organizationOccupiedSeats"], 1);
    for path in [&subscription, &metadata] {
        strangers.get(path).await.refused(404, "not found");
    }
}
