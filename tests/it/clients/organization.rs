//! Two people with the official client share an item in an organization.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::cli::{Cli, Version};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;

use super::journey;
use crate::organization::{accept, invite};

fn encoded(value: &Value) -> String {
    STANDARD.encode(value.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_moved_into_an_organization_and_seen_by_another_member() {
    let server = Server::shared().await;
    let (ann, anns) = journey::member(server, "cli-ann").await;
    let (ben, bens) = journey::member(server, "cli-ben").await;
    let organization = anns.found(&ann, "Command Line Works").await;

    let mut cli = Cli::new(Version::Current, server).await;
    cli.login(&ann).await;
    let known = cli.list("organizations", &[]).await;
    assert_eq!((known.len(), &known[0]["id"]), (1, &json!(organization.id)));
    let own = id(&anns.membership(&organization, &ann.email).await);
    let made = json!({
        "organizationId": organization.id, "name": "Made by the client", "externalId": null, "groups": [],
        "users": [{"id": own, "readOnly": false, "hidePasswords": false, "manage": true}],
    });
    let at = ["--organizationid", organization.id.as_str()];
    let collection = cli
        .ok(&["create", "org-collection", &encoded(&made), at[0], at[1]])
        .await;
    let collection = journey::text(&collection, "id");
    let item = anns.create_login(&ann, "For both").await;
    cli.ok(&["sync"]).await;
    cli.ok(&["move", &item, &organization.id, &encoded(&json!([collection]))])
        .await;
    assert_eq!(anns.details(&item).await["collectionIds"], json!([collection]));

    let rights = json!({"id": collection, "readOnly": true, "hidePasswords": false, "manage": false});
    let membership = invite(&anns, &organization, &ben, 2, &[rights]).await;
    accept(server, &bens, &organization, &ben, &membership).await;
    let members = cli.list("org-members", &at).await;
    assert!(
        members
            .iter()
            .any(|member| member["email"] == ben.email.as_str() && member["status"] == 1),
        "{members:?}"
    );
    cli.ok(&["confirm", "org-member", &id(&membership), at[0], at[1]]).await;

    let mut other = Cli::new(Version::Current, server).await;
    other.login(&ben).await;
    assert_eq!(other.ok(&["get", "password", &item]).await["data"], "hunter2");
    let seen = other.ok(&["get", "item", &item]).await;
    assert_eq!(
        (&seen["name"], &seen["organizationId"]),
        (&json!("For both"), &json!(organization.id))
    );
    assert_eq!(other.list("collections", &[]).await.len(), 1);
    let mut edited = seen.clone();
    edited["name"] = json!("Taken");
    other.refused(&["edit", "item", &item, &encoded(&edited)]).await;

    anns.delete(&organization.path(&format!("users/{}", id(&membership))))
        .await
        .ok_empty();
    other.ok(&["sync"]).await;
    assert_eq!(other.list("items", &[]).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_goes_to_another_collection_and_hidden_passwords_are_not_changed() {
    let server = Server::shared().await;
    let (ann, anns) = journey::member(server, "cli-cat").await;
    let (ben, bens) = journey::member(server, "cli-dan").await;
    let organization = anns.found(&ann, "Hidden Works").await;
    let own = id(&anns.membership(&organization, &ann.email).await);
    let all = [Organization::selection(&own, [false, false, true])];
    let [first, second] = [
        anns.make_collection(&organization, "First", &all).await,
        anns.make_collection(&organization, "Second", &all).await,
    ];
    let item = anns.make_shared(&organization, "Moved about", &[&first]).await;
    // in the second one he may edit, and not see passwords
    let hidden = [Organization::selection(&second, [false, true, false])];
    let membership = invite(&anns, &organization, &ben, 2, &hidden).await;
    accept(server, &bens, &organization, &ben, &membership).await;
    let membership = anns.membership(&organization, &ben.email).await;
    anns.confirm(&organization, &membership).await;

    let (mut cli, mut other) = (
        Cli::new(Version::Current, server).await,
        Cli::new(Version::Current, server).await,
    );
    cli.login(&ann).await;
    other.login(&ben).await;
    let at = ["--organizationid", organization.id.as_str()];
    let collections = cli.list("org-collections", &at).await;
    let names: BTreeSet<_> = collections.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["Default collection", "First", "Second"]));
    assert_eq!(other.list("items", &[]).await, Vec::<Value>::new());

    let into = encoded(&json!([second]));
    cli.ok(&["edit", "item-collections", &item, &into, at[0], at[1]]).await;
    assert_eq!(anns.details(&item).await["collectionIds"], json!([second]));
    other.ok(&["sync"]).await;
    let mut seen = other.ok(&["get", "item", &item]).await;
    assert_eq!(seen["name"], "Moved about");
    assert_eq!(bens.details(&item).await["viewPassword"], false);

    // he changes what he sees of it and nothing else
    seen["name"] = json!("Named by who does not see all");
    seen["login"]["password"] = json!("changed by who does not see it");
    seen["login"]["totp"] = json!("JBSWY3DPEHPK3PXP");
    seen["fields"] = json!([{"name": "hidden", "value": "put in", "type": 1}]);
    other.ok(&["edit", "item", &item, &encoded(&seen)]).await;
    cli.ok(&["sync"]).await;
    let changed = cli.ok(&["get", "item", &item]).await;
    assert_eq!(
        (
            &changed["name"],
            &changed["login"]["password"],
            &changed["login"]["totp"]
        ),
        (&json!("Named by who does not see all"), &json!("hunter2"), &Value::Null),
        "{changed}"
    );
    assert!(!changed.to_string().contains("put in"), "{changed}");

    // and back: it is gone for him at once
    let back = encoded(&json!([first]));
    cli.ok(&["edit", "item-collections", &item, &back, at[0], at[1]]).await;
    other.ok(&["sync"]).await;
    assert_eq!(other.list("items", &[]).await, Vec::<Value>::new());
}
