//! What an organization refuses, in its log.

use super::super::{accept, invite, join};
use super::exported;
use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;

/// What was refused in an organization: route and status, item, who.
async fn refusals(server: &Server, organization: &Organization) -> Vec<Value> {
    let text = exported(server, organization, "jsonl").await;
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["name"] == "AccessRefused").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_organization_refuses_its_members_is_noted_wherever_the_request_names_it() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("refused-ann").await;
    let organization = anns.found(&ann, "Refusing").await;
    let founder = id(&anns.membership(&organization, &ann.email).await);
    let mine = [Organization::selection(&founder, [false, false, true])];
    let hidden = anns.make_collection(&organization, "hidden", &mine).await;
    let item = anns.make_shared(&organization, "hidden", &[&hidden]).await;
    let rights = [Organization::selection(&organization.collection, [false, false, true])];
    let (ben, bens, _) = join(server, &anns, &organization, "refused-ben", 2, &rights).await;
    let (_, admins, admin) = join(server, &anns, &organization, "refused-admin", 1, &[]).await;
    let (_, cids, revoked) = join(server, &anns, &organization, "refused-cid", 2, &[]).await;
    anns.put_empty(&organization.path(&format!("users/{revoked}/revoke")))
        .await
        .ok_empty();
    let (dan, dans) = server.member("refused-dan").await;
    let accepted = invite(&anns, &organization, &dan, 2, &[]).await;
    accept(server, &dans, &organization, &dan, &accepted).await;
    let (stranger, strangers) = server.member("refused-stranger").await;

    // the body says whose
    let mut made = item::request(&organization.key, Kind::Login, "new");
    made["organizationId"] = json!(organization.id);
    let made = json!({"cipher": made, "collectionIds": [hidden]});
    let moved = json!({
        "organizationId": organization.id, "cipherIds": [item], "collectionIds": [organization.collection],
        "removeCollections": false,
    });
    let own = bens.create_login(&ben, "own").await;
    let mut given = item::request(&organization.key, Kind::Login, "own");
    given["organizationId"] = json!(organization.id);
    let given = json!({"cipher": given, "collectionIds": [hidden]});
    let many = json!({"ids": [item], "organizationId": organization.id});
    for client in [&bens, &strangers] {
        for path in ["/api/ciphers/create", "/api/ciphers/admin"] {
            assert_eq!(client.post(path, &made).await.status, 404, "{path}");
        }
        assert_eq!(client.post("/api/ciphers/bulk-collections", &moved).await.status, 404);
        assert_eq!(client.put("/api/ciphers/delete", &many).await.status, 404);
        assert_eq!(
            client.delete_with("/api/ciphers", &json!({"ids": [item]})).await.status,
            404
        );
        assert_eq!(client.delete(&format!("/api/ciphers/{item}")).await.status, 404);
    }
    assert_eq!(bens.put(&format!("/api/ciphers/{own}/share"), &given).await.status, 404);
    // what is refused by 400 is noted too, and what is only wrong is not
    let oneself = organization.path(&format!("users/{admin}/revoke"));
    admins.put_empty(&oneself).await.refused(400, "yourself");
    let nameless = json!({"name": "", "collections": [], "users": []});
    admins
        .post(&organization.path("groups"), &nameless)
        .await
        .refused(400, "");
    // who has accepted, or was revoked, has nothing there
    for client in [&cids, &dans] {
        client
            .get(&organization.path("collections"))
            .await
            .refused(404, "not found");
    }
    // and whoever shows a wrong key
    let secret = json!({"masterPasswordHash": ann.password_hash()});
    anns.post(&organization.path("api-key"), &secret).await.ok();
    let named = format!("organization.{}", organization.id);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", named.as_str()),
        ("client_secret", "wrong"),
        ("scope", "api.organization"),
    ];
    for _ in 0..2 {
        assert_eq!(server.client().token(&fields).await.status, 400);
    }

    let mut told = refusals(server, &organization).await;
    for _ in 0..600 {
        if told.len() >= 11 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        told = refusals(server, &organization).await;
    }
    let users = [
        bens.user_id().await,
        admins.user_id().await,
        cids.user_id().await,
        dans.user_id().await,
        strangers.user_id().await,
    ];
    let users = users.map(|id| id.to_string());
    let [ben, admin, cid, dan, _] = users.each_ref().map(|id| Some(id.as_str()));
    let mut told: Vec<_> = told
        .iter()
        .map(|line| {
            let detail = &line["detail"];
            let route = detail["route"].as_str().unwrap();
            let route = route.strip_prefix("/api").unwrap_or(route);
            let status = detail["status"].as_u64().unwrap();
            (
                line["actingUserId"].as_str(),
                detail["method"].as_str().unwrap(),
                route,
                status,
            )
        })
        .collect();
    told.sort_unstable();
    let mut expected = vec![
        (None, "POST", "/connect/token", 400),
        (ben, "POST", "/ciphers/create", 404),
        (ben, "POST", "/ciphers/admin", 404),
        (ben, "POST", "/ciphers/bulk-collections", 404),
        (ben, "PUT", "/ciphers/delete", 404),
        (ben, "DELETE", "/ciphers", 404),
        (ben, "DELETE", "/ciphers/{id}", 404),
        (ben, "PUT", "/ciphers/{id}/share", 404),
        (admin, "PUT", "/organizations/{id}/users/{member}/revoke", 400),
        (cid, "GET", "/organizations/{id}/collections", 404),
        (dan, "GET", "/organizations/{id}/collections", 404),
    ];
    expected.sort_unstable();
    assert_eq!(told, expected, "nothing of {}", stranger.email);
    let named: Vec<_> = refusals(server, &organization).await;
    assert_eq!(named.iter().filter(|line| line["cipherId"] == item.as_str()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reaches_for_more_than_is_theirs_to_give_is_noted() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("reach-ann").await;
    let organization = anns.found(&ann, "Reaching").await;
    let founder = id(&anns.membership(&organization, &ann.email).await);
    let (_, admins, admin) = join(server, &anns, &organization, "reach-admin", 1, &[]).await;
    let (_, cids, custom) = join(server, &anns, &organization, "reach-cid", 2, &[]).await;
    let (_, _, user) = join(server, &anns, &organization, "reach-user", 2, &[]).await;
    let permitted =
        |permission: &str| json!({"type": 4, "permissions": {permission: true}, "collections": [], "groups": []});
    let role = |number: u8| json!({"type": number, "permissions": {}, "collections": [], "groups": []});
    let of = |member: &str| organization.path(&format!("users/{member}"));
    anns.put(&of(&custom), &permitted("manageUsers")).await.ok_empty();
    admins.put(&of(&admin), &role(0)).await.refused(400, "Only an Owner");
    admins.put(&of(&founder), &role(2)).await.refused(400, "Only an Owner");
    cids.put(&of(&user), &role(1)).await.refused(400, "");
    cids.put(&of(&user), &permitted("accessEventLogs"))
        .await
        .refused(400, "");
    // a list of them is answered, and refused all the same
    let many = json!({"ids": [founder, user]});
    let answered = admins.put(&organization.path("users/revoke"), &many).await.ok();
    assert!(answered.to_string().contains("Only an Owner"), "{answered}");
    let task = format!("/api/tasks/{}/metrics", organization.id);
    cids.get(&task).await.refused(404, "");

    let mut told = Vec::new();
    for _ in 0..600 {
        told = refusals(server, &organization).await;
        if told.len() >= 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // the same by the same person on the same route is noted once a minute
    let mut told: Vec<_> = told
        .iter()
        .map(|line| {
            let route = line["detail"]["route"].as_str().unwrap();
            (
                line["actingUserId"].as_str().unwrap().to_owned(),
                route.rsplit('/').next().unwrap().to_owned(),
            )
        })
        .collect();
    told.sort();
    let (admin, cid) = (admins.user_id().await.to_string(), cids.user_id().await.to_string());
    let mut expected = vec![
        (admin.clone(), "{member}".to_owned()),
        (admin, "revoke".to_owned()),
        (cid.clone(), "{member}".to_owned()),
        (cid, "metrics".to_owned()),
    ];
    expected.sort();
    assert_eq!(told, expected);
}
