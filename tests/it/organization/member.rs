//! Who may do what to whom.

use serde_json::{Value, json};
use tests::client::Account;
use tests::client::organization::Organization;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_invitation_has_all_that_clients_take_from_a_link() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("letter-ann").await;
    let organization = anns.found(&ann, "Lettered").await;
    let (ben, _) = server.member("letter-ben").await;
    let nobody = Account::new("letter-nobody");
    for (account, known) in [(&ben, "true"), (&nobody, "false")] {
        let membership = id(&invite(&anns, &organization, account, 2, &[]).await);
        let token = invitation(server, &account.email).await;
        let log = std::fs::read_to_string(server.log_path()).unwrap();
        let encoded = membership.replace('-', "%2D");
        let line = log.lines().rev().find(|line| line.contains(&encoded)).unwrap();
        for parameter in [
            "organizationId=",
            "organizationUserId=",
            "email=",
            "organizationName=Lettered",
            "token=",
            "initOrganization=false",
            &format!("orgUserHasExistingUser={known}"),
        ] {
            assert!(line.contains(parameter), "{parameter} is not in {line}");
        }
        // what will be asked of them is told to who holds it, before they are anybody
        let policy = json!({"enabled": true, "data": {"minLength": 14}});
        anns.put(&organization.path("policies/1"), &policy).await.ok();
        let ask = |email: &str, token: &str, member: &str| {
            let query = [("email", email), ("token", token), ("organizationUserId", member)];
            let query = query.map(|(name, value)| format!("{name}={}", super::encoded(value).replace('_', "%5F")));
            organization.path(&format!("policies/token?{}", query.join("&")))
        };
        let anybody = server.client();
        let told = anybody.get(&ask(&account.email, &token, &membership)).await.ok();
        assert_shape("PolicyResponseModel", &told["data"][0]);
        assert_eq!(
            (&told["data"][0]["type"], &told["data"][0]["data"]["minLength"]),
            (&json!(1), &json!(14))
        );
        assert_eq!(told["data"].as_array().unwrap().len(), 1);
        let founder = id(&anns.membership(&organization, &ann.email).await);
        for path in [
            ask("other@example.org", &token, &membership),
            ask(&account.email, "forged", &membership),
            ask(&account.email, &token, &founder),
            organization.path("policies/token"),
        ] {
            assert_eq!(anybody.get(&path).await.status, 404, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_kind_is_neither_shown_nor_changed() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("kinds-ann").await;
    let organization = anns.found(&ann, "Kinds").await;
    let secret = |kind: Value| json!({"masterPasswordHash": ann.password_hash(), "type": kind});
    let path = |rest: &str| organization.path(rest);
    let key = anns.post(&path("api-key"), &secret(json!(0))).await.ok()["apiKey"].clone();
    for kind in [1, 2, 3, -1, i64::MAX] {
        for rest in ["api-key", "rotate-api-key"] {
            anns.post(&path(rest), &secret(json!(kind)))
                .await
                .refused(400, "no key");
        }
    }
    assert_eq!(
        anns.post(&path("api-key"), &secret(Value::Null)).await.ok()["apiKey"],
        key
    );
    let other = anns.post(&path("rotate-api-key"), &secret(json!(0))).await.ok()["apiKey"].clone();
    assert_ne!(other, key);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_is_suspended_is_told_by_its_number() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("reason-ann").await;
    let organization = anns.found(&ann, "Reasons").await;
    let (ben, _, member) = join(server, &anns, &organization, "reason-ben", 2, &[]).await;
    let (cid, cids, _) = join(server, &anns, &organization, "reason-cid", 2, &[]).await;
    cids.found(&cid, "Elsewhere").await;
    anns.put_empty(&organization.path(&format!("users/{member}/revoke")))
        .await
        .ok_empty();
    let on = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/3"), &on).await.ok();
    let reason = async |email: &str| anns.membership(&organization, email).await["revocationReason"].clone();
    assert_eq!(reason(&ben.email).await, 1, "by hand");
    assert_eq!(reason(&cid.email).await, 4, "by the policy of a single organization");
    assert_eq!(reason(&ann.email).await, Value::Null);
    let (dan, _, _) = join(server, &anns, &organization, "reason-dan", 2, &[]).await;
    anns.put(&organization.path("policies/0"), &on).await.ok();
    assert_eq!(reason(&dan.email).await, 2, "by the policy of two steps");
}

/// Who looks after all was not bound by what binds the others, and is from the moment they look after it no more.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_becomes_a_user_is_held_to_the_policies_there_are() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("demoted-ann").await;
    let organization = anns.found(&ann, "Demoted").await;
    let on = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/3"), &on).await.ok();
    let (ben, bens, member) = join(server, &anns, &organization, "demoted-ben", 1, &[]).await;
    let elsewhere = bens.found(&ben, "Elsewhere").await;
    let role = |role: u8| json!({"type": role, "permissions": {}, "collections": [], "groups": []});
    let path = organization.path(&format!("users/{member}"));
    anns.put(&path, &role(2)).await.refused(400, "other organizations");
    anns.put(&path, &role(0)).await.ok_empty();
    anns.put(&path, &role(1)).await.ok_empty();
    let secret = json!({"masterPasswordHash": ben.password_hash()});
    bens.delete_with(&format!("/api/organizations/{}", elsewhere.id), &secret)
        .await
        .ok_empty();
    anns.put(&path, &role(2)).await.ok_empty();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_does_not_speak_of_stays() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("unsaid-ann").await;
    let organization = anns.found(&ann, "Unsaid").await;
    let (_, _, ben) = join(server, &anns, &organization, "unsaid-ben", 2, &[]).await;
    let manage = |id: &str| Organization::selection(id, [false, false, true]);
    let group = json!({"name": "one", "collections": [], "users": [], "externalId": "g-1"});
    let group = id(&anns.post(&organization.path("groups"), &group).await.ok());
    let body = json!({
        "name": organization.key.seal("both"), "groups": [manage(&group)], "users": [manage(&ben)],
    });
    let collection = id(&anns.post(&organization.path("collections"), &body).await.ok());
    let path = organization.path(&format!("collections/{collection}"));
    let shown = async || anns.get(&format!("{path}/details")).await.ok();
    let name = organization.key.seal("renamed");
    for (body, users, groups) in [
        (json!({"name": name}), 1, 1),
        (json!({"name": name, "users": []}), 0, 1),
        (json!({"name": name, "users": [manage(&ben)], "groups": []}), 1, 0),
    ] {
        anns.put(&path, &body).await.ok();
        let shown = shown().await;
        let count = |what: &str| shown[what].as_array().unwrap().len();
        assert_eq!((count("users"), count("groups")), (users, groups), "{body}");
    }
    // clients send nothing of what a directory calls a group
    let edit = json!({"name": "renamed", "collections": [], "users": [ben]});
    let edited = anns
        .put(&organization.path(&format!("groups/{group}")), &edit)
        .await
        .ok();
    assert_eq!(
        (&edited["name"], &edited["externalId"]),
        (&json!("renamed"), &json!("g-1"))
    );
}
