//! From the founding to the end.

use serde_json::json;
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::crypto::SymmetricKey;
use tests::server::Server;
use tests::shape::assert_shape;

use super::{accept, invite};

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
