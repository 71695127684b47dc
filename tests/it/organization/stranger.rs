//! What is in an organization is not there for anybody else.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::vault::id;
use tests::server::Server;

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
