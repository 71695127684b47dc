//! What clients go on with: they keep what a change answers, and the next edit builds on it.

use super::{accept, invite, join};
use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::{find, id};
use tests::server::Server;
use tests::shape::assert_shape;

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_was_saved_is_answered_with_who_has_what_in_it() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("saved-ann").await;
    let organization = anns.found(&ann, "Saved").await;
    let founder = id(&anns.membership(&organization, &ann.email).await);
    let (_, _, ben) = join(server, &anns, &organization, "saved-ben", 2, &[]).await;
    let users = [
        Organization::selection(&founder, [false, false, true]),
        Organization::selection(&ben, [true, false, false]),
    ];
    let mut body = json!({"name": organization.key.seal("one"), "groups": [], "users": users});
    let made = anns.post(&organization.path("collections"), &body).await.ok();
    assert_shape("CollectionAccessDetailsResponseModel", &made);
    assert_eq!((&made["assigned"], &made["manage"]), (&json!(true), &json!(true)));
    assert_eq!(made["users"].as_array().unwrap().len(), 2, "{made}");
    let path = organization.path(&format!("collections/{}", id(&made)));
    assert_eq!(made, anns.get(&format!("{path}/details")).await.ok());

    // the same with another name: a client that sends back what it was told takes nothing away
    body["name"] = json!(organization.key.seal("other"));
    body["users"] = made["users"].clone();
    let saved = anns.put(&path, &body).await.ok();
    assert_shape("CollectionAccessDetailsResponseModel", &saved);
    assert_eq!((&saved["users"], &saved["assigned"]), (&made["users"], &json!(true)));
    // who takes themselves out is told so
    body["users"] = json!([Organization::selection(&ben, [false, false, true])]);
    let saved = anns.put(&path, &body).await.ok();
    assert_eq!((&saved["assigned"], &saved["manage"]), (&json!(false), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_looked_after_is_answered_with_its_collections() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("form-ann").await;
    let organization = anns.found(&ann, "Form").await;
    let other = anns.make_collection(&organization, "other", &[]).await;
    let item = anns
        .make_shared(&organization, "in two", &[&organization.collection, &other])
        .await;
    let seen = anns.get(&format!("/api/ciphers/{item}/admin")).await.ok();
    assert_shape("CipherMiniDetailsResponseModel", &seen);
    let mut within: Vec<_> = seen["collectionIds"].as_array().unwrap().clone();
    within.sort_by_key(|id| id.to_string());
    let mut expected = vec![json!(organization.collection), json!(other)];
    expected.sort_by_key(|id| id.to_string());
    assert_eq!(within, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_goes_to_another_collection_is_edited_on_with_the_date_it_had() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("dated-ann").await;
    let organization = anns.found(&ann, "Dated").await;
    let founder = id(&anns.membership(&organization, &ann.email).await);
    let mine = [Organization::selection(&founder, [false, false, true])];
    let other = anns.make_collection(&organization, "other", &mine).await;
    let item = anns
        .make_shared(&organization, "moved about", &[&organization.collection])
        .await;
    let before = anns.details(&item).await["revisionDate"].clone();
    let bulk = json!({
        "organizationId": organization.id, "cipherIds": [item], "collectionIds": [other], "removeCollections": false,
    });
    anns.post("/api/ciphers/bulk-collections", &bulk).await.ok_empty();
    let into = json!({"collectionIds": [other]});
    anns.put(&format!("/api/ciphers/{item}/collections"), &into).await.ok();
    let now = anns.details(&item).await;
    assert_eq!(
        (&now["collectionIds"], &now["revisionDate"]),
        (&json!([other]), &before)
    );
    let mut edit = item::request(&organization.key, Kind::Login, "edited");
    edit["organizationId"] = json!(organization.id);
    edit["lastKnownRevisionDate"] = before.clone();
    let edited = anns.put(&format!("/api/ciphers/{item}"), &edit).await.ok();
    assert_ne!(edited["revisionDate"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_imports_has_what_they_imported_in_their_vault() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("importing-ann").await;
    let organization = anns.found(&ann, "Importing").await;
    let (_, admins, _) = join(server, &anns, &organization, "importing-admin", 1, &[]).await;
    for (client, name) in [(&anns, "by the owner"), (&admins, "by an admin")] {
        let mut item = item::request(&organization.key, Kind::Login, name);
        item["organizationId"] = json!(organization.id);
        let body = json!({
            "collections": [{"name": organization.key.seal(name), "externalId": null, "groups": [], "users": []}],
            "ciphers": [item],
            "collectionRelationships": [{"key": 0, "value": 0}],
        });
        let path = format!("/api/ciphers/import-organization?organizationId={}", organization.id);
        client.post(&path, &body).await.ok_empty();
        let sync = client.sync().await;
        let ciphers = sync["ciphers"].as_array().unwrap();
        let found: Vec<_> = ciphers
            .iter()
            .filter(|cipher| organization.key.open(cipher["name"].as_str().unwrap()).as_deref() == Ok(name))
            .collect();
        assert_eq!(found.len(), 1, "{name}: {sync}");
        let within = &found[0]["collectionIds"][0];
        let collection = find(&sync["collections"], within.as_str().unwrap()).unwrap();
        assert_eq!(collection["manage"], true, "{collection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_be_confirmed_is_told_of_the_organization_and_its_policies() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("waiting-ann").await;
    let organization = anns.found(&ann, "Waiting").await;
    let set = async |kind: u8, enabled: bool| {
        let body = json!({"enabled": enabled, "data": null});
        anns.put(&organization.path(&format!("policies/{kind}")), &body)
            .await
            .ok();
    };
    set(1, true).await;
    let (ben, bens) = server.member("waiting-ben").await;
    let told = async || {
        let sync = bens.sync().await;
        let status = |list: &Value| -> Vec<Value> {
            let all = list.as_array().unwrap().iter();
            all.map(|one| one["status"].clone()).collect()
        };
        let kinds = |list: &Value| -> Vec<Value> {
            let all = list.as_array().unwrap().iter().filter(|one| one["enabled"] == true);
            all.map(|one| one["type"].clone()).collect()
        };
        (
            [
                status(&sync["profile"]["organizations"]),
                status(&sync["profile"]["organizationsNew"]),
            ],
            [kinds(&sync["policies"]), kinds(&sync["policiesNew"])],
        )
    };
    let some = |all: &[u8]| -> Vec<Value> { all.iter().map(|one| json!(one)).collect() };
    let none = Vec::new();
    let membership = invite(&anns, &organization, &ben, 2, &[]).await;
    assert_eq!(
        told().await,
        ([none.clone(), none.clone()], [none.clone(), none.clone()])
    );
    accept(server, &bens, &organization, &ben, &membership).await;
    assert_eq!(
        told().await,
        ([none.clone(), some(&[1])], [none.clone(), some(&[1])]),
        "on the way"
    );
    let profile = bens.get("/api/accounts/profile").await.ok();
    assert_shape("ProfileResponseModel", &profile);
    assert_eq!(profile["organizationsNew"][0]["key"], Value::Null);
    // what changes there meanwhile shows at once, and nothing else of it does
    set(10, true).await;
    assert_eq!(told().await.1, [none.clone(), some(&[1, 10])]);
    let sync = bens.sync().await;
    assert_eq!((&sync["collections"], &sync["ciphers"]), (&json!([]), &json!([])));
    anns.confirm(&organization, &anns.membership(&organization, &ben.email).await)
        .await;
    assert_eq!(
        told().await,
        ([some(&[2]), some(&[2])], [some(&[1, 10]), some(&[1, 10])]),
        "confirmed"
    );
    let suspend = organization.path(&format!("users/{}/revoke", id(&membership)));
    anns.put_empty(&suspend).await.ok_empty();
    assert_eq!(told().await, ([none.clone(), none.clone()], [none.clone(), none]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_from_somebody_stays_when_they_change_the_rest() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("kept-ann").await;
    let organization = anns.found(&ann, "Kept").await;
    let rights = [Organization::selection(&organization.collection, [false, true, false])];
    let (_, bens, _) = join(server, &anns, &organization, "kept-ben", 2, &rights).await;
    let sealed = |text: &str| json!(organization.key.seal(text));
    let mut whole = item::request(&organization.key, Kind::Login, "whole");
    whole["organizationId"] = json!(organization.id);
    whole["login"]["password"] = sealed("secret");
    whole["login"]["totp"] = sealed("seed");
    whole["fields"] = json!([
        {"type": 1, "name": sealed("pin"), "value": sealed("1234"), "linkedId": null},
        {"type": 0, "name": sealed("shown"), "value": sealed("text"), "linkedId": null},
    ]);
    whole["passwordHistory"] = json!([{"password": sealed("old"), "lastUsedDate": "2026-01-01T00:00:00Z"}]);
    let body = json!({"cipher": whole, "collectionIds": [organization.collection]});
    let item = id(&anns.post("/api/ciphers/create", &body).await.ok());
    let path = format!("/api/ciphers/{item}");
    let stored = anns.details(&item).await;

    let mut edit = item::request(&organization.key, Kind::Login, "renamed");
    edit["organizationId"] = json!(organization.id);
    edit["login"]["username"] = sealed("somebody else");
    edit["login"]["password"] = sealed("guessed");
    edit["login"]["totp"] = Value::Null;
    edit["login"]["fido2Credentials"] = Value::Null;
    edit["fields"] = json!([{"type": 1, "name": sealed("pin"), "value": sealed("0000"), "linkedId": null}]);
    edit["passwordHistory"] = json!([]);
    edit["lastKnownRevisionDate"] = bens.details(&item).await["revisionDate"].clone();
    let answered = bens.put(&path, &edit).await.ok();
    assert_shape("CipherResponseModel", &answered);
    let now = anns.details(&item).await;
    assert_eq!(organization.key.open(now["name"].as_str().unwrap()).unwrap(), "renamed");
    assert_eq!(now["login"]["username"], edit["login"]["username"]);
    for hidden in ["password", "totp", "fido2Credentials"] {
        assert_eq!(now["login"][hidden], stored["login"][hidden], "{hidden}");
    }
    assert_eq!(now["passwordHistory"], stored["passwordHistory"]);
    assert_eq!(now["fields"], json!([stored["fields"][0]]), "the hidden one, as it was");

    // under another key nothing of what is kept could be opened
    edit["key"] = sealed("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    edit.as_object_mut().unwrap().remove("lastKnownRevisionDate");
    bens.put(&path, &edit).await.refused(400, "another kind of encryption");
    assert_eq!(anns.details(&item).await, now);
    // where it is, is not theirs to say
    let into = json!({"collectionIds": [organization.collection]});
    bens.put(&format!("{path}/collections"), &into)
        .await
        .refused(404, "permission");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policies_ask_for_is_of_the_types_clients_know() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("typed-ann").await;
    let organization = anns.found(&ann, "Typed").await;
    for (kind, data) in [
        (1, json!({"minLength": "abc"})),
        (1, json!({"minLength": 11})),
        (1, json!({"minLength": 129})),
        (1, json!({"minComplexity": 5})),
        (1, json!({"minComplexity": 1.5})),
        (1, json!({"requireUpper": "yes"})),
        (7, json!({"disableHideEmail": 1})),
        (8, json!({"autoEnrollEnabled": "x"})),
    ] {
        let path = organization.path(&format!("policies/{kind}"));
        let body = json!({"enabled": true, "data": data});
        anns.put(&path, &body).await.refused(400, "must be");
        anns.put(&format!("{path}/vnext"), &json!({"policy": body, "metadata": null}))
            .await
            .refused(400, "must be");
    }
    let fits =
        json!({"minLength": 12, "minComplexity": 4, "requireUpper": true, "requireLower": null, "other": "kept"});
    let body = json!({"enabled": true, "data": fits});
    let set = anns.put(&organization.path("policies/1"), &body).await.ok();
    assert_eq!(set["data"], fits);
}
