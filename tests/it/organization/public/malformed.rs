//! What makes no sense, and what belongs to others.

use super::{founded, refused};
use serde_json::{Value, json};
use tests::client::Client;
use tests::client::vault::id;
use tests::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_and_things_of_others_are_refused_in_the_shape_of_the_public_api() {
    let server = Server::shared().await;
    let (_, _, organization, public) = founded(server, "public-bad").await;
    let (ann, others, elsewhere, _) = founded(server, "public-other").await;
    let member = id(&others.membership(&elsewhere, &ann.email).await);
    let group = id(&others
        .post(
            &elsewhere.path("groups"),
            &json!({"name": "theirs", "collections": [], "users": []}),
        )
        .await
        .ok());
    for path in [
        format!("members/{member}"),
        format!("members/{member}/group-ids"),
        format!("groups/{group}"),
        format!("groups/{group}/member-ids"),
        format!("collections/{}", elsewhere.collection),
        "members/no-id".to_owned(),
        "policies/23".to_owned(),
        "policies/x".to_owned(),
    ] {
        refused(&public.get(&format!("/api/public/{path}")).await, 404, "not found");
    }
    let role = json!({"type": 0});
    refused(
        &public.put(&format!("/api/public/members/{member}"), &role).await,
        404,
        "not found",
    );
    refused(
        &public.delete(&format!("/api/public/members/{member}")).await,
        404,
        "not found",
    );
    refused(
        &public.delete(&format!("/api/public/groups/{group}")).await,
        404,
        "not found",
    );
    for rest in ["revoke", "restore", "reinvite"] {
        let answer = public
            .post(&format!("/api/public/members/{member}/{rest}"), &json!({}))
            .await;
        refused(&answer, 404, "not found");
    }
    for (path, body) in [
        ("members", json!({})),
        ("members", json!({"email": "nobody", "type": 2})),
        ("members", json!({"email": "a@example.com", "type": 9})),
        (
            "members",
            json!({"email": "a@example.com", "type": 2, "collections": [{"id": elsewhere.collection}]}),
        ),
        (
            "members",
            json!({"email": "a@example.com", "type": 2, "groups": [group]}),
        ),
        ("groups", json!({"name": ""})),
        ("groups", json!({"name": "x".repeat(101)})),
        ("organization/import", json!({"members": [], "groups": []})),
        (
            "organization/import",
            json!({"members": [{"externalId": "1"}], "overwriteExisting": false}),
        ),
    ] {
        let answer = public.post(&format!("/api/public/{path}"), &body).await;
        refused(&answer, 400, "");
    }
    assert_eq!(
        public.get("/api/public/members").await.ok()["data"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "{}",
        organization.id
    );
}

/// Everything the public API shows of an organization.
async fn everything(public: &Client) -> Vec<String> {
    let mut all = Vec::new();
    for what in ["members", "groups", "collections", "policies"] {
        all.push(public.get(&format!("/api/public/{what}")).await.ok().to_string());
    }
    all
}

/// Whatever is sent to any route of the document of the public API: no server error, no change.
#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_breaks_nothing_in_the_public_api() {
    let server = Server::shared().await;
    let (ann, anns, organization, public) = founded(server, "public-malformed").await;
    let group = json!({"name": "about", "collections": [], "users": []});
    let group = id(&anns.post(&organization.path("groups"), &group).await.ok());
    let member = id(&anns.membership(&organization, &ann.email).await);
    let document = server.client().get("/api/specs").await.ok();
    let before = everything(&public).await;
    let bodies = [
        "", "{", "[]", "null", "7", "\"text\"", "{\"a\":", "\u{0}", "{}{}", "[[[[[[[[",
    ];
    let odd = [
        json!(true),
        json!(-1),
        json!(1e300),
        json!("\u{0}"),
        json!("x".repeat(20_000)),
        json!([null]),
        json!({"a": {}}),
    ];
    let mut asked = 0;
    for (template, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let there = match template.split('/').nth(2).unwrap_or_default() {
                "groups" => &group,
                "collections" => &organization.collection,
                _ => &member,
            };
            let mut all: Vec<String> = bodies.map(str::to_owned).to_vec();
            for value in &odd {
                let names = [
                    "name",
                    "email",
                    "type",
                    "collections",
                    "groups",
                    "externalId",
                    "enabled",
                    "data",
                    "memberIds",
                    "groupIds",
                    "members",
                ];
                let body: serde_json::Map<_, _> =
                    names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
                all.push(Value::Object(body).to_string());
            }
            for id in [there.as_str(), "x", "%00", "-1", "00000000-0000-0000-0000-000000000000"] {
                // what deletes or sends a letter needs no body to do it
                let acts = method == reqwest::Method::DELETE || template.ends_with("reinvite");
                if id == there && acts {
                    continue;
                }
                let path = format!("/api{}", template.replace("{id}", id).replace("{type}", id));
                for body in &all {
                    let request = public
                        .request(method.clone(), &path)
                        .header("Content-Type", "application/json")
                        .body(body.clone());
                    let answer = public.send(request).await;
                    let shown: String = body.chars().take(100).collect();
                    assert!(
                        answer.status < 500,
                        "{method} {path} {shown}: {} {}",
                        answer.status,
                        answer.text
                    );
                    let safe = method == reqwest::Method::GET;
                    assert!(
                        safe || answer.status >= 400,
                        "{method} {path} {shown}: {}",
                        answer.status
                    );
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 500, "{asked} were asked");
    assert_eq!(everything(&public).await, before);
}
