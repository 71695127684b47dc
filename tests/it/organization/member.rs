//! Who may do what to whom.

use serde_json::json;
use tests::client::vault::id;
use tests::server::Server;
use tests::shape::assert_shape;

use super::{invitation, invite, join};

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_always_has_an_owner() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("last-owner").await;
    let organization = anns.found(&ann, "Owned").await;
    anns.post(&organization.path("leave"), &json!({}))
        .await
        .refused(400, "at least one confirmed owner");
    let (_, bens, ben) = join(server, &anns, &organization, "second-owner", 0, &[]).await;
    let ann_id = id(&anns.membership(&organization, &ann.email).await);

    // both go at once: one may
    let paths = [organization.path("leave"), organization.path("leave")];
    let body = json!({});
    let (one, other) = tokio::join!(anns.post(&paths[0], &body), bens.post(&paths[1], &body));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400], "{} {}", one.text, other.text);
    let (left, remaining) = if one.status == 200 {
        (ann_id, &bens)
    } else {
        (ben, &anns)
    };
    let members = remaining.get(&organization.path("users")).await.ok();
    assert!(
        members["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|member| member["id"] != left.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_for_one_address_and_the_last_one_counts() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("inviting").await;
    let organization = anns.found(&ann, "Inviting").await;
    let (ben, bens) = server.member("invited").await;
    let (_, strangers) = server.member("not-invited").await;
    let membership = invite(&anns, &organization, &ben, 2, &[]).await;
    let token = invitation(server, &ben.email).await;
    let path = organization.path(&format!("users/{}/accept", id(&membership)));
    strangers
        .post(&path, &json!({"token": token}))
        .await
        .refused(400, "Invalid token.");
    bens.post(&path, &json!({"token": "nonsense"}))
        .await
        .refused(400, "Invalid token.");
    let again = organization.path(&format!("users/{}/reinvite", id(&membership)));
    anns.post(&again, &json!({})).await.ok_empty();
    bens.post(&path, &json!({"token": token}))
        .await
        .refused(400, "Invalid token.");
    // nobody is invited twice, however often it is asked
    let body = json!({"emails": [ben.email], "type": 2, "permissions": {}, "collections": [], "groups": []});
    anns.post(&organization.path("users/invite"), &body)
        .await
        .refused(400, "No new members");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_anybody_more_than_they_are() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("roles-owner").await;
    let organization = anns.found(&ann, "Roles").await;
    let (_, admins, admin) = join(server, &anns, &organization, "roles-admin", 1, &[]).await;
    let (_, users, user) = join(server, &anns, &organization, "roles-user", 2, &[]).await;
    let owner = id(&anns.membership(&organization, &ann.email).await);
    let change = |role: u8| json!({"type": role, "permissions": {}, "collections": [], "groups": []});
    let path = |member: &str| organization.path(&format!("users/{member}"));
    admins.put(&path(&user), &change(0)).await.refused(400, "Only an Owner");
    admins
        .put(&path(&owner), &change(2))
        .await
        .refused(400, "Only an Owner");
    admins.delete(&path(&owner)).await.refused(400, "Only an Owner");
    users.put(&path(&user), &change(1)).await.refused(404, "permission");
    users.delete(&path(&admin)).await.refused(404, "permission");
    users.get(&organization.path("users")).await.refused(404, "permission");
    admins.put(&path(&user), &change(1)).await.ok_empty();
    assert_eq!(users.sync().await["profile"]["organizations"][0]["type"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_revoked_has_nothing_until_restored() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("revoking").await;
    let organization = anns.found(&ann, "Revoking").await;
    let (_, bens, ben) = join(server, &anns, &organization, "revoked", 1, &[]).await;
    bens.get(&organization.path("users")).await.ok();
    anns.put_empty(&organization.path(&format!("users/{ben}/revoke")))
        .await
        .ok_empty();
    bens.get(&organization.path("users")).await.refused(404, "not found");
    assert_eq!(bens.sync().await["profile"]["organizations"], json!([]));
    anns.put_empty(&organization.path(&format!("users/{ben}/revoke")))
        .await
        .refused(400, "Already revoked");
    anns.put_empty(&organization.path(&format!("users/{ben}/restore")))
        .await
        .ok_empty();
    bens.get(&organization.path("users")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_give_what_they_have_and_policies_bind() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("groups").await;
    let organization = anns.found(&ann, "Groups").await;
    let item = anns
        .make_shared(&organization, "by group", &[&organization.collection])
        .await;
    let (ben, bens, ben_id) = join(server, &anns, &organization, "grouped", 2, &[]).await;
    bens.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");
    let body = json!({
        "name": "Ops", "users": [ben_id],
        "collections": [{"id": organization.collection, "readOnly": false, "hidePasswords": false, "manage": false}],
    });
    let group = id(&anns.post(&organization.path("groups"), &body).await.ok());
    assert_eq!(bens.get(&format!("/api/ciphers/{item}")).await.ok()["edit"], true);
    let members = anns
        .get(&organization.path(&format!("groups/{group}/users")))
        .await
        .ok();
    assert_eq!(members, json!([ben_id]));
    bens.put(&organization.path(&format!("groups/{group}")), &body)
        .await
        .refused(404, "permission");
    anns.delete(&organization.path(&format!("groups/{group}")))
        .await
        .ok_empty();
    bens.get(&format!("/api/ciphers/{item}"))
        .await
        .refused(404, "not found");

    let on = json!({"policy": {"enabled": true, "data": {"minLength": 14}}, "metadata": null});
    let set = anns.put(&organization.path("policies/1"), &on).await.ok();
    assert_eq!((&set["enabled"], &set["data"]["minLength"]), (&json!(true), &json!(14)));
    assert_eq!(bens.sync().await["policies"][0]["type"], 1);
    bens.put(&organization.path("policies/1"), &on)
        .await
        .refused(404, "permission");
    // nobody founds another organization where only one is allowed
    anns.put(&organization.path("policies/3"), &on).await.ok();
    bens.post("/api/organizations", &bens.founding(&ben, "Another"))
        .await
        .refused(400, "prohibits you from being a member of any other organization");
    // owners and admins are not bound
    anns.found(&ann, "Another").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_ask_around_an_organization_has_an_answer() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("around").await;
    let organization = anns.found(&ann, "Around").await;
    let plans = server.client().get("/api/plans").await.ok();
    for plan in plans["data"].as_array().unwrap() {
        assert_shape("PlanResponseModel", plan);
    }
    let none = anns.get(&organization.path("api-key-information")).await.ok();
    assert_eq!(none["data"], json!([]));
    let secret = json!({"masterPasswordHash": ann.password_hash()});
    anns.post(&organization.path("api-key"), &secret).await.ok();
    let one = anns.get(&organization.path("api-key-information/0")).await.ok();
    assert_shape("OrganizationApiKeyInformation", &one["data"][0]);
    let other = anns.get(&organization.path("api-key-information/1")).await.ok();
    assert_eq!(other["data"], json!([]));
    let private = anns.get(&organization.path("private-key")).await.ok();
    assert_shape("OrganizationPrivateKeyResponseModel", &private);
    assert!(private["privateKey"].is_string());
    assert_eq!(
        anns.get("/api/organizations/connections/enabled").await.ok(),
        json!(false)
    );
    let connection = format!("/api/organizations/connections/{}/1", organization.id);
    assert_shape("OrganizationConnectionResponseModel", &anns.get(&connection).await.ok());
}
