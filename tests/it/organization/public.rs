//! The public API: an organization by its API key.

mod import;
mod malformed;

use super::accept;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Answer, Client};
use tests::crypto::KeyPair;
use tests::server::Server;
use tests::shape::assert_shape;

/// Signs in with this key, whatever the answer.
async fn try_key(client: &Client, organization: &str, secret: &str, scope: &str) -> Answer {
    let named = format!("organization.{organization}");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", named.as_str()),
        ("client_secret", secret),
        ("scope", scope),
    ];
    client.token(&fields).await
}

async fn key(owner: &Client, account: &Account, organization: &Organization, rest: &str) -> String {
    let secret = json!({"masterPasswordHash": account.password_hash()});
    let answer = owner.post(&organization.path(rest), &secret).await.ok();
    answer["apiKey"].as_str().unwrap().to_owned()
}

/// An organization, its owner, and a client that acts for it.
async fn founded(server: &Server, name: &str) -> (Account, Client, Organization, Client) {
    let (ann, anns) = server.member(name).await;
    let organization = anns.found(&ann, "Public").await;
    let secret = key(&anns, &ann, &organization, "api-key").await;
    let answer = try_key(&server.client(), &organization.id, &secret, "api.organization")
        .await
        .ok();
    let named: BTreeSet<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        named,
        BTreeSet::from(["access_token", "expires_in", "scope", "token_type"])
    );
    let public = server
        .client()
        .with_access_token(answer["access_token"].as_str().unwrap());
    (ann, anns, organization, public)
}

/// `{object, message, errors}`.
fn refused(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let told: Value = serde_json::from_str(&answer.text).unwrap();
    let named: BTreeSet<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(named, BTreeSet::from(["errors", "message", "object"]), "{told}");
    assert!(told.to_string().contains(words), "{told}");
}

fn shaped(model: &str, list: &Value) -> Vec<Value> {
    assert_eq!(list["object"], "list");
    assert_eq!(list.as_object().unwrap().len(), 2, "{list}");
    let data = list["data"].as_array().unwrap();
    data.iter().for_each(|one| assert_shape(model, one));
    data.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_organization_opens_its_public_api_and_nothing_else() {
    let server = Server::shared().await;
    let (ann, anns, organization, public) = founded(server, "public-key").await;
    let secret = key(&anns, &ann, &organization, "api-key").await;
    let client = server.client();
    for (id, secret, scope) in [
        (organization.id.as_str(), "wrong", "api.organization"),
        (organization.id.as_str(), "", "api.organization"),
        (organization.id.as_str(), secret.as_str(), "api"),
        (organization.id.as_str(), secret.as_str(), "api.organization api"),
        (organization.id.as_str(), secret.as_str(), ""),
        (
            "00000000-0000-0000-0000-000000000001",
            secret.as_str(),
            "api.organization",
        ),
        ("no id", secret.as_str(), "api.organization"),
    ] {
        assert_eq!(try_key(&client, id, secret, scope).await.status, 400);
    }
    public.get("/api/public/members").await.ok();
    for path in [
        "/api/sync",
        "/api/accounts/profile",
        "/api/organizations",
        &organization.path("users"),
    ] {
        assert_eq!(public.get(path).await.status, 401, "{path}");
    }
    for other in [&anns, &server.client()] {
        refused(&other.get("/api/public/members").await, 401, "Unauthorized");
    }
    // another key ends what was got with this one
    let rotated = key(&anns, &ann, &organization, "rotate-api-key").await;
    assert_ne!(rotated, secret);
    refused(&public.get("/api/public/members").await, 401, "Unauthorized");
    assert_eq!(
        try_key(&client, &organization.id, &secret, "api.organization")
            .await
            .status,
        400
    );
    try_key(&client, &organization.id, &rotated, "api.organization")
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_groups_collections_and_policies_are_managed() {
    let server = Server::shared().await;
    let (ann, anns, organization, public) = founded(server, "public-manage").await;
    let collection = anns.make_collection(&organization, "Second", &[]).await;

    let group = json!({"name": "Ops", "externalId": "g-1", "collections": [{"id": collection, "readOnly": true}]});
    let group = public.post("/api/public/groups", &group).await.ok();
    assert_shape("Public.GroupResponseModel", &group);
    assert_eq!(
        group["collections"][0],
        json!({"id": collection, "readOnly": true, "hidePasswords": false, "manage": false})
    );
    let group = id(&group);

    let (ben, bens) = server.member("public-ben").await;
    let body = json!({
        "email": ben.email, "type": 2, "externalId": "m-1", "groups": [group],
        "collections": [{"id": organization.collection, "readOnly": false, "hidePasswords": true}],
    });
    let member = public.post("/api/public/members", &body).await.ok();
    assert_shape("Public.MemberResponseModel", &member);
    assert_eq!(
        (&member["status"], &member["externalId"], &member["email"]),
        (&json!(0), &json!("m-1"), &json!(ben.email))
    );
    let path = format!("/api/public/members/{}", id(&member));
    // somebody else: an invitation that is sent again makes the one before worthless, and letters take their time
    let asked = json!({"email": format!("again-{}@example.com", uuid::Uuid::new_v4()), "type": 2});
    let asked = format!(
        "/api/public/members/{}",
        id(&public.post("/api/public/members", &asked).await.ok())
    );
    public.post(&format!("{asked}/reinvite"), &json!({})).await.ok_empty();
    public.delete(&asked).await.ok_empty();
    accept(server, &bens, &organization, &ben, &member).await;
    anns.confirm(&organization, &anns.membership(&organization, &ben.email).await)
        .await;
    assert_eq!(bens.sync().await["collections"].as_array().unwrap().len(), 2);

    let members = shaped(
        "Public.MemberResponseModel",
        &public.get("/api/public/members").await.ok(),
    );
    assert_eq!(members.len(), 2);
    assert_eq!(public.get(&format!("{path}/group-ids")).await.ok(), json!([group]));
    public
        .put(&format!("{path}/group-ids"), &json!({"groupIds": []}))
        .await
        .ok_empty();
    assert_eq!(bens.sync().await["collections"].as_array().unwrap().len(), 1);
    let ids = format!("/api/public/groups/{group}/member-ids");
    public.put(&ids, &json!({"memberIds": [member["id"]]})).await.ok_empty();
    assert_eq!(public.get(&ids).await.ok(), json!([member["id"]]));

    let change = json!({"type": 4, "permissions": {"accessEventLogs": true}, "externalId": null, "collections": []});
    let changed = public.put(&path, &change).await.ok();
    assert_shape("Public.MemberResponseModel", &changed);
    assert_eq!(
        (&changed["type"], &changed["externalId"], &changed["collections"]),
        (&json!(4), &Value::Null, &json!([]))
    );
    assert_eq!(changed["permissions"]["accessEventLogs"], true);
    bens.get(&organization.path("events")).await.ok();

    public.post(&format!("{path}/revoke"), &json!({})).await.ok_empty();
    assert_eq!(bens.sync().await["profile"]["organizations"][0]["enabled"], Value::Null);
    assert_eq!(public.get(&path).await.ok()["status"], -1);
    public.post(&format!("{path}/restore"), &json!({})).await.ok_empty();
    assert_eq!(public.get(&path).await.ok()["status"], 2);

    let collections = shaped(
        "Public.CollectionResponseModel",
        &public.get("/api/public/collections").await.ok(),
    );
    assert_eq!(collections.len(), 2);
    let set = json!({"externalId": "c-1", "groups": [{"id": group, "readOnly": false, "manage": true}]});
    let one = public
        .put(&format!("/api/public/collections/{collection}"), &set)
        .await
        .ok();
    assert_shape("Public.CollectionResponseModel", &one);
    assert_eq!(
        (&one["externalId"], &one["groups"][0]["manage"]),
        (&json!("c-1"), &json!(true))
    );
    public
        .delete(&format!("/api/public/collections/{collection}"))
        .await
        .ok_empty();
    refused(
        &public.get(&format!("/api/public/collections/{collection}")).await,
        404,
        "not found",
    );

    // one that was never set is not there
    refused(&public.get("/api/public/policies/1").await, 404, "not found");
    let set = json!({"enabled": true, "data": {"minComplexity": 3}});
    assert_eq!(
        public.put("/api/public/policies/1", &set).await.ok()["data"]["minComplexity"],
        3
    );
    let policy = public.get("/api/public/policies/1").await.ok();
    assert_shape("Public.PolicyResponseModel", &policy);
    assert_eq!(policy["enabled"], true);
    let off = json!({"enabled": false});
    public.put("/api/public/policies/1", &off).await.ok();
    let policy = public.get("/api/public/policies/1").await.ok();
    assert_shape("Public.PolicyResponseModel", &policy);
    assert_eq!(policy["enabled"], false);
    assert_eq!(
        shaped(
            "Public.PolicyResponseModel",
            &public.get("/api/public/policies").await.ok()
        )
        .len(),
        1
    );

    let renamed = json!({"name": "Operations", "externalId": "g-1"});
    assert_eq!(
        public.put(&format!("/api/public/groups/{group}"), &renamed).await.ok()["name"],
        "Operations"
    );
    public.delete(&format!("/api/public/groups/{group}")).await.ok_empty();
    assert_eq!(
        shaped(
            "Public.GroupResponseModel",
            &public.get("/api/public/groups").await.ok()
        )
        .len(),
        0
    );
    public.delete(&path).await.ok_empty();
    refused(&public.get(&path).await, 404, "not found");
    let owner = id(&anns.membership(&organization, &ann.email).await);
    refused(
        &public.delete(&format!("/api/public/members/{owner}")).await,
        400,
        "owner",
    );

    let events = public.get("/api/public/events").await.ok();
    let data = events["data"].as_array().unwrap();
    data.iter()
        .for_each(|event| assert_shape("Public.EventResponseModel", event));
    let by_key = |kind: i64| {
        data.iter()
            .any(|event| event["type"] == kind && event["actingUserId"].is_null())
    };
    for kind in [1400, 1401, 1402, 1500, 1502, 1503, 1511, 1512, 1301, 1302, 1700, 1504] {
        assert!(by_key(kind), "{kind} is not in {events}");
    }
    let log = anns.get(&organization.path("events?type=1503")).await.ok();
    assert_eq!(log["data"][0]["systemUser"], 3);
    refused(
        &public.get("/api/public/events?start=2020-01-01&end=2022-01-01").await,
        400,
        "Date range must be < 367 days.",
    );
    let twice = "/api/public/events?start=2020-01-01&start=2020-01-02&end=2020-01-03";
    refused(&public.get(twice).await, 400, "not valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_that_are_not_said_go_and_groups_stay() {
    let server = Server::shared().await;
    let (_, anns, organization, public) = founded(server, "public-unsaid").await;
    let policy = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/5"), &policy).await.ok();
    let (ben, bens) = server.member("public-unsaid-ben").await;
    let rights = Organization::selection(&organization.collection, [false, false, false]);
    let membership = super::invite(&anns, &organization, &ben, 2, &[rights]).await;
    accept(server, &bens, &organization, &ben, &membership).await;
    let member = id(&membership);
    let key = KeyPair::seal_for(&KeyPair::shared().public_key(), &organization.key.to_bytes()).unwrap();
    let confirm = json!({"key": key, "defaultUserCollectionName": organization.key.seal("My items")});
    anns.post(&organization.path(&format!("users/{member}/confirm")), &confirm)
        .await
        .ok_empty();
    let group = json!({"name": "some", "collections": [], "users": [member]});
    let group = id(&anns.post(&organization.path("groups"), &group).await.ok());
    let path = format!("/api/public/members/{member}");
    let has = async || {
        let collections = bens.sync().await["collections"].as_array().unwrap().clone();
        let mut kinds: Vec<_> = collections.iter().map(|one| one["type"].as_i64().unwrap()).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(has().await, [0, 1]);
    let given = json!([{"id": organization.collection, "readOnly": true}]);
    for unsaid in [
        json!({"type": 2}),
        json!({"type": 2, "collections": null, "groups": null}),
    ] {
        let changed = public.put(&path, &unsaid).await.ok();
        assert_eq!(changed["collections"], json!([]), "{unsaid}");
        assert_eq!(has().await, [1], "what a member's own items lie in stays");
        let groups = public.get(&format!("{path}/group-ids")).await.ok();
        assert_eq!(groups, json!([group]), "{unsaid}");
        let again = json!({"type": 2, "collections": given});
        public.put(&path, &again).await.ok();
        assert_eq!(has().await, [0, 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_every_route_that_there_is() {
    let server = Server::shared().await;
    let (_, _, organization, public) = founded(server, "specs").await;
    let document = server.client().get("/api/specs").await.ok();
    assert_eq!(
        document,
        server.client().get("/api/specs/public/swagger.json").await.ok()
    );
    assert_eq!(document["servers"][0]["url"], format!("{}/api", server.https_url));
    let mut described = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{id}", &organization.collection).replace("{type}", "1");
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = public.request(method.clone(), &format!("/api{path}")).json(&json!({}));
            let answer = public.send(request).await;
            assert_ne!(answer.status, 405, "{method} {path}");
            // a route that is not there answers without a body
            assert!(
                answer.status == 200 || answer.text.contains("\"object\":\"error\""),
                "{method} {path}: {}",
                answer.text
            );
            described += 1;
        }
    }
    assert_eq!(described, 26);
}
