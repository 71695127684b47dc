//! Members whose key pair becomes another one: what was sealed for the old one opens nothing any more.

use super::join;
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::client::{Account, Client};
use tests::crypto::KeyPair;
use tests::server::Server;

async fn regenerate(client: &Client, account: &Account, pair: &KeyPair) {
    let body = json!({
        "userPublicKey": pair.public_key(),
        "userKeyEncryptedUserPrivateKey": pair.wrapped_by(&account.user_key),
    });
    let path = "/api/accounts/key-management/regenerate-keys";
    client.post(path, &body).await.ok_empty();
}

async fn status(admin: &Client, organization: &Organization, account: &Account) -> Value {
    admin.membership(organization, &account.email).await["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_a_new_key_pair_is_to_be_confirmed_again_and_keeps_what_they_were_given() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("pair-ann").await;
    let organization = anns.found(&ann, "Pairs").await;
    let rights = [Organization::selection(&organization.collection, [false, false, false])];
    let (ben, bens, _) = join(server, &anns, &organization, "pair-ben", 2, &rights).await;
    let (cid, cids, revoked) = join(server, &anns, &organization, "pair-cid", 2, &rights).await;
    let (dan, dans, _) = join(server, &anns, &organization, "pair-dan", 0, &[]).await;
    let item = anns
        .make_shared(&organization, "shared", &[&organization.collection])
        .await;
    let path = format!("/api/ciphers/{item}");
    bens.get(&path).await.ok();

    // an ordinary member
    let pair = KeyPair::random();
    regenerate(&bens, &ben, &pair).await;
    bens.get(&path).await.refused(404, "not found");
    assert!(find(&bens.sync().await["ciphers"], &item).is_none());
    assert_eq!(status(&anns, &organization, &ben).await, 1);
    let membership = anns.membership(&organization, &ben.email).await;
    anns.confirm(&organization, &membership).await;
    bens.get(&path).await.ok();
    let sync = bens.sync().await;
    assert!(find(&sync["ciphers"], &item).is_some());
    let sealed = find(&sync["profile"]["organizations"], &organization.id).unwrap()["key"].clone();
    let opened = pair.open(sealed.as_str().unwrap()).unwrap();
    assert_eq!(opened, organization.key.to_bytes());
    // the same again is nothing new
    regenerate(&bens, &ben, &pair).await;
    assert_eq!(status(&anns, &organization, &ben).await, 2);

    // one whose rights are suspended
    let of_cid = |rest: &str| organization.path(&format!("users/{revoked}/{rest}"));
    anns.put(&of_cid("revoke"), &json!({})).await.ok_empty();
    regenerate(&cids, &cid, &KeyPair::random()).await;
    assert_eq!(status(&anns, &organization, &cid).await, -1);
    anns.put(&of_cid("restore"), &json!({})).await.ok_empty();
    assert_eq!(status(&anns, &organization, &cid).await, 1);
    cids.get(&path).await.refused(404, "not found");

    // one of two owners, and the only one left
    regenerate(&dans, &dan, &KeyPair::random()).await;
    assert_eq!(status(&anns, &organization, &dan).await, 1);
    let leave = organization.path("leave");
    anns.post(&leave, &json!({}))
        .await
        .refused(400, "at least one confirmed owner");
    regenerate(&anns, &ann, &KeyPair::random()).await;
    assert_eq!(status(&anns, &organization, &ann).await, 2);
    let membership = anns.membership(&organization, &dan.email).await;
    anns.confirm(&organization, &membership).await;
    anns.post(&leave, &json!({})).await.ok_empty();
    assert_eq!(status(&dans, &organization, &dan).await, 2);

    // and the log has it
    let (code, text) = server
        .run(&[
            "audit",
            "export",
            "--organization",
            &organization.id,
            "--format",
            "jsonl",
        ])
        .await;
    assert_eq!(code, Some(0), "{text}");
    let told: Vec<Value> = text
        .lines()
        .filter(|line| line.contains("MembershipKeyVoided"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let whose: Vec<_> = told.iter().map(|told| told["organizationUserId"].clone()).collect();
    assert_eq!(whose.len(), 3, "{told:?}");
    let bens = id(&dans.membership(&organization, &ben.email).await);
    assert_eq!(whose[0], bens.as_str());
}

/// Whoever has a session of theirs could have made the new pair.
#[tokio::test(flavor = "multi_thread")]
async fn no_client_confirms_by_itself_who_has_a_new_key_pair() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("looked-ann").await;
    let organization = anns.found(&ann, "Looked at").await;
    let (ben, bens, member) = join(server, &anns, &organization, "looked-ben", 2, &[]).await;
    for kind in [3, 18] {
        let policy = organization.path(&format!("policies/{kind}"));
        anns.put(&policy, &json!({"enabled": true})).await.ok();
    }
    let pair = KeyPair::random();
    regenerate(&bens, &ben, &pair).await;
    let pending = anns.get(&organization.path("users/pending-auto-confirm")).await.ok();
    assert_eq!(pending["data"], json!([]));
    let key = KeyPair::seal_for(&pair.public_key(), &organization.key.to_bytes()).unwrap();
    let automatic = organization.path(&format!("users/{member}/auto-confirm"));
    anns.post(&automatic, &json!({"key": key}))
        .await
        .refused(400, "cannot be confirmed automatically");
    let bulk = json!({"keys": [{"id": member, "key": key}]});
    let done = anns
        .post(&organization.path("users/bulk-auto-confirm"), &bulk)
        .await
        .ok();
    assert_eq!(done["data"][0]["error"], "Member cannot be confirmed automatically.");
    assert_eq!(status(&anns, &organization, &ben).await, 1);
    let membership = anns.membership(&organization, &ben.email).await;
    anns.confirm(&organization, &membership).await;
    assert_eq!(status(&anns, &organization, &ben).await, 2);
}
