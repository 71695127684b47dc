//! What is in an organization is not there for anybody else.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;

use super::join;

/// Anybody who is signed in may ask for these: they seal something for it.
const FOR_ANYBODY: [&str; 2] = ["/api/organizations/{id}/keys", "/api/organizations/{id}/public-key"];

#[tokio::test(flavor = "multi_thread")]
async fn organizations_of_others_do_not_exist() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("org-owner").await;
    let organization = anns.found(&ann, "Not yours").await;
    let group = json!({"name": "theirs", "collections": [], "users": []});
    let group = id(&anns.post(&organization.path("groups"), &group).await.ok());
    let member = id(&anns.membership(&organization, &ann.email).await);
    let (ben, bens) = server.member("org-stranger").await;
    let own = bens.found(&ben, "Mine").await;
    let before = anns.vault().await;
    let mut asked = 0;
    for line in include_str!("../../fixtures/routes.tsv").lines() {
        let mut columns = line.split('\t');
        let (method, template) = (columns.next().unwrap(), columns.next().unwrap_or_default());
        let fields = columns.next().unwrap_or_default();
        if !template.starts_with("/api/organizations/{id}") {
            continue;
        }
        let path = template
            .replace("{id}", &organization.id)
            .replace("{collection}", &organization.collection)
            .replace("{group}", &group)
            .replace("{member}", &member)
            .replace("{kind}", "1");
        let path = path.as_str();
        let body: Value = json!({});
        let request = |client: &tests::client::Client| {
            let request = client.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
            if fields.is_empty() {
                request
            } else {
                request.json(&body)
            }
        };
        let answer = bens.send(request(&bens)).await;
        let known = method == "GET" && FOR_ANYBODY.contains(&template);
        let refused = answer.status == 404 || (answer.status == 400 && !fields.is_empty());
        assert!(
            refused || known,
            "{method} {template} by a stranger: {} {}",
            answer.status,
            answer.text
        );
        let answer = bens.send(request(&bens.signed_out())).await;
        assert_eq!(answer.status, 401, "{method} {template} by nobody: {}", answer.text);
        asked += 1;
    }
    assert!(asked > 50, "{asked} routes were asked");
    assert_eq!(before, anns.vault().await);
    // what is in one organization is not in another, whoever asks there
    let foreign = [
        (
            Method::GET,
            own.path(&format!("collections/{}", organization.collection)),
        ),
        (
            Method::DELETE,
            own.path(&format!("collections/{}", organization.collection)),
        ),
        (Method::GET, own.path(&format!("groups/{group}"))),
        (Method::DELETE, own.path(&format!("groups/{group}"))),
        (Method::GET, own.path(&format!("users/{member}"))),
        (Method::DELETE, own.path(&format!("users/{member}"))),
        (Method::PUT, own.path(&format!("users/{member}/revoke"))),
        (Method::DELETE, own.path(&format!("groups/{group}/user/{member}"))),
    ];
    for (method, path) in foreign {
        let answer = bens.send(bens.request(method.clone(), &path)).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let rights = json!({"id": organization.collection, "readOnly": false, "hidePasswords": false, "manage": true});
    let group = json!({"name": "grab", "collections": [rights], "users": []});
    bens.post(&own.path("groups"), &group).await.refused(400, "invalid");
    let group = json!({"name": "grab", "collections": [], "users": [member]});
    bens.post(&own.path("groups"), &group).await.refused(400, "invalid");
    let invite =
        json!({"emails": ["x@example.org"], "type": 2, "permissions": {}, "collections": [rights], "groups": []});
    bens.post(&own.path("users/invite"), &invite)
        .await
        .refused(400, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_other_organizations_in_lists_and_bodies_change_nothing() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("foreign-ann").await;
    let theirs = anns.found(&ann, "Theirs").await;
    let founder = id(&anns.membership(&theirs, &ann.email).await);
    let (_, cids, cid) = join(server, &anns, &theirs, "foreign-cid", 2, &[]).await;
    let rights = |id: &str| Organization::selection(id, [false, false, true]);
    let body = json!({"name": "theirs", "collections": [rights(&theirs.collection)], "users": [cid]});
    let group = id(&anns.post(&theirs.path("groups"), &body).await.ok());
    let item = anns.make_shared(&theirs, "theirs", &[&theirs.collection]).await;
    let (ben, bens) = server.member("foreign-ben").await;
    let own = bens.found(&ben, "Own").await;
    let mine = id(&bens.membership(&own, &ben.email).await);
    let body = json!({"name": "mine", "collections": [], "users": []});
    let my_group = id(&bens.post(&own.path("groups"), &body).await.ok());
    let second = bens.make_collection(&own, "second", &[rights(&mine)]).await;
    let (_, _, dan) = join(server, &bens, &own, "foreign-dan", 2, &[]).await;
    let before = (anns.vault().await, cids.vault().await, members(&anns, &theirs).await);

    // each member of a list has an outcome of their own, and one of somewhere else is none
    for (method, rest) in [
        (Method::PUT, "users/revoke"),
        (Method::PUT, "users/restore"),
        (Method::DELETE, "users"),
        (Method::POST, "users/reinvite"),
        (Method::DELETE, "users/delete-account"),
    ] {
        let request = bens
            .request(method, &own.path(rest))
            .json(&json!({"ids": [cid, founder]}));
        let outcome = bens.send(request).await.ok();
        for one in outcome["data"].as_array().unwrap() {
            assert_ne!(one["error"], "", "{rest}: {outcome}");
        }
    }
    let keys = json!({"keys": [{"id": cid, "key": "4.AAAA"}]});
    let answer = bens.post(&own.path("users/confirm"), &keys).await;
    assert!(
        answer.status == 400 || answer.body["data"][0]["error"] != "",
        "{}",
        answer.text
    );
    let keys = bens
        .post(&own.path("users/public-keys"), &json!({"ids": [cid, founder]}))
        .await
        .ok();
    assert_eq!(keys["data"], json!([]));

    // what is told to go goes as a whole or stays as a whole
    for (rest, ids) in [
        ("collections", [second.clone(), theirs.collection.clone()]),
        ("groups", [my_group.clone(), group.clone()]),
    ] {
        bens.delete_with(&own.path(rest), &json!({ "ids": ids }))
            .await
            .refused(404, "not found");
    }
    assert_eq!(bens.get(&own.path(&format!("groups/{my_group}"))).await.status, 200);
    assert_eq!(bens.get(&own.path(&format!("collections/{second}"))).await.status, 200);
    let access = |collections: Value, groups: Value, users: Value| json!({"collectionIds": collections, "groups": groups, "users": users});
    let bulk = own.path("collections/bulk-access");
    bens.post(
        &bulk,
        &access(json!([second, theirs.collection]), json!([]), json!([rights(&dan)])),
    )
    .await
    .refused(404, "not found");
    bens.post(&bulk, &access(json!([second]), json!([rights(&group)]), json!([])))
        .await
        .refused(400, "invalid");
    bens.post(&bulk, &access(json!([second]), json!([]), json!([rights(&cid)])))
        .await
        .refused(400, "invalid");

    // a group of somewhere else is not bound to anything, and not edited from here
    let name = own.key.seal("second");
    for body in [
        json!({"name": name, "groups": [rights(&group)], "users": [rights(&mine)]}),
        json!({"name": name, "groups": [], "users": [rights(&mine), rights(&cid)]}),
    ] {
        bens.put(&own.path(&format!("collections/{second}")), &body)
            .await
            .refused(400, "invalid");
        bens.post(&own.path("collections"), &body).await.refused(400, "invalid");
    }
    let role = |groups: Value| json!({"type": 2, "permissions": {}, "collections": [], "groups": groups});
    bens.put(&own.path(&format!("users/{dan}")), &role(json!([group])))
        .await
        .refused(400, "invalid");
    let mut invite = role(json!([group]));
    invite["emails"] = json!(["foreign-later@example.org"]);
    bens.post(&own.path("users/invite"), &invite)
        .await
        .refused(400, "invalid");
    let edit = json!({"name": "taken", "collections": [rights(&second)], "users": [dan]});
    for method in [Method::PUT, Method::POST] {
        let request = bens.request(method, &own.path(&format!("groups/{group}"))).json(&edit);
        bens.send(request).await.refused(404, "not found");
    }
    bens.put(&own.path(&format!("users/{cid}")), &role(json!([])))
        .await
        .refused(404, "not found");
    let many = json!({
        "organizationId": own.id, "cipherIds": [item], "collectionIds": [second], "removeCollections": false,
    });
    bens.post("/api/ciphers/bulk-collections", &many)
        .await
        .refused(404, "not found");
    assert_eq!(
        before,
        (anns.vault().await, cids.vault().await, members(&anns, &theirs).await)
    );
}

async fn members(owner: &Client, organization: &Organization) -> Value {
    let path = organization.path("users?includeGroups=true&includeCollections=true");
    owner.get(&path).await.ok()
}

/// Owners who are invited, have accepted or are suspended own nothing.
#[tokio::test(flavor = "multi_thread")]
async fn owners_who_are_not_confirmed_own_nothing() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("unconfirmed-ann").await;
    let organization = anns.found(&ann, "Unconfirmed").await;
    let item = anns
        .make_shared(&organization, "one", &[&organization.collection])
        .await;
    let (invited, inviteds) = server.member("unconfirmed-invited").await;
    super::invite(&anns, &organization, &invited, 0, &[]).await;
    let (accepted, accepteds) = server.member("unconfirmed-accepted").await;
    let membership = super::invite(&anns, &organization, &accepted, 0, &[]).await;
    super::accept(server, &accepteds, &organization, &accepted, &membership).await;
    let (revoked, revokeds, id) = join(server, &anns, &organization, "unconfirmed-revoked", 0, &[]).await;
    anns.put_empty(&organization.path(&format!("users/{id}/revoke")))
        .await
        .ok_empty();
    let before = (anns.vault().await, members(&anns, &organization).await);
    for (account, client) in [(&invited, &inviteds), (&accepted, &accepteds), (&revoked, &revokeds)] {
        let secret = json!({"masterPasswordHash": account.password_hash()});
        let purge = format!("/api/ciphers/purge?organizationId={}", organization.id);
        client.post(&purge, &secret).await.refused(404, "not found");
        for (method, rest) in [
            (Method::DELETE, String::new()),
            (Method::POST, "/delete".to_owned()),
            (Method::POST, "/api-key".to_owned()),
            (Method::POST, "/rotate-api-key".to_owned()),
            (Method::GET, "/export".to_owned()),
            (Method::GET, "/users".to_owned()),
            (Method::GET, "/events".to_owned()),
            (Method::GET, "/collections".to_owned()),
            (Method::PUT, "/collection-management".to_owned()),
            (Method::DELETE, format!("/collections/{}", organization.collection)),
        ] {
            let path = format!("/api/organizations/{}{rest}", organization.id);
            let request = client.request(method.clone(), &path);
            let request = if method == Method::GET {
                request
            } else {
                request.json(&secret)
            };
            let answer = client.send(request).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        }
        let details = format!("/api/ciphers/organization-details?organizationId={}", organization.id);
        assert_eq!(client.get(&details).await.status, 404);
        assert_eq!(client.get(&format!("/api/ciphers/{item}/admin")).await.status, 404);
        let delete = json!({"ids": [item], "organizationId": organization.id});
        assert_eq!(client.delete_with("/api/ciphers/admin", &delete).await.status, 404);
    }
    assert_eq!(before, (anns.vault().await, members(&anns, &organization).await));
}
