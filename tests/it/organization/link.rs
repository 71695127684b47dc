//! The link into an organization: who may use it, for what, and until when.

use super::{accept, invite, join};
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::crypto::{Kdf, KeyPair};
use tests::server::Server;
use tests::shape::assert_shape;

/// Somebody with an address in a domain nobody else has.
async fn member_in(server: &Server, domain: &str) -> (Account, Client) {
    let email = format!("{}@{domain}", uuid::Uuid::new_v4().simple());
    let account = Account::with(&email, "a master password for tests", Kdf::quick());
    let mut client = server.client();
    client.join(&account).await;
    (account, client)
}

fn wanted(domains: &[&str], confirms: bool) -> Value {
    json!({"allowedDomains": domains, "invite": "2.SU5W|SU5W|SU5W", "supportsConfirmation": confirms})
}

fn using(organization: &Organization, link: &Value) -> Value {
    json!({"organizationId": organization.id, "code": link["code"]})
}

const ACCEPT: &str = "/api/organizations/users/invite-link/accept";
const CONFIRM: &str = "/api/organizations/users/invite-link/confirm";
const INVITE: &str = "/api/organizations/users/invite-link/invite";

/// What confirms: the organization's key, sealed for oneself.
fn with_key(mut body: Value, organization: &Organization, account: &Account) -> Value {
    let sealed = KeyPair::seal_for(&account.pair.public_key(), &organization.key.to_bytes()).unwrap();
    body["orgUserKey"] = json!(sealed);
    body["defaultUserCollectionName"] = json!(organization.key.seal("My items"));
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_link_and_an_allowed_address_gets_in() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("link-ann").await;
    let organization = anns.found(&ann, "Linked").await;
    let (_, users, _) = join(server, &anns, &organization, "link-user", 2, &[]).await;
    let (_, strangers) = server.member("link-stranger").await;
    let path = organization.path("invite-link");

    anns.get(&path).await.refused(404, "not found");
    anns.delete(&path).await.refused(404, "not found");
    for wrong in [
        wanted(&[], false),
        wanted(&["nonsense"], false),
        json!({"allowedDomains": ["a.example"]}),
    ] {
        assert_eq!(anns.post(&path, &wrong).await.status, 400, "{wrong}");
    }
    let body = wanted(&["Linked.example", "linked.example"], false);
    users.post(&path, &body).await.refused(404, "permission");
    strangers.post(&path, &body).await.refused(404, "not found");
    let link = anns.post(&path, &body).await.ok();
    assert_shape("OrganizationInviteLinkResponseModel", &link);
    assert_eq!(link["allowedDomains"], json!(["linked.example"]));
    assert_eq!(anns.get(&path).await.ok(), link);
    anns.post(&path, &body).await.refused(409, "already exists");
    users.get(&path).await.refused(404, "permission");
    strangers.get(&path).await.refused(404, "not found");

    // what it tells whoever has it, and nobody else
    let anyone = server.client();
    let with = using(&organization, &link);
    let status = anyone.post("/api/organizations/invite-link/status", &with).await.ok();
    assert_shape("OrganizationInviteLinkStatusResponseModel", &status);
    assert_eq!(
        (&status["organizationName"], &status["supportsConfirmation"]),
        (&json!("Linked"), &json!(false))
    );
    let (ben, bens) = member_in(server, "linked.example").await;
    let (eve, eves) = member_in(server, "mail.linked.example").await;
    let policies = anyone.post("/api/organizations/invite-link/policies", &with).await.ok();
    assert_eq!(policies["data"], json!([]));
    for (email, allowed) in [(&ben.email, true), (&eve.email, false)] {
        let mut body = with.clone();
        body["email"] = json!(email);
        let told = anyone
            .post("/api/organizations/invite-link/validate-email-domain", &body)
            .await
            .ok();
        assert_eq!(told["isAllowed"], allowed);
    }
    let wrong = json!({"organizationId": organization.id, "code": uuid::Uuid::new_v4(), "email": ben.email});
    let nowhere = json!({"organizationId": uuid::Uuid::new_v4(), "code": link["code"], "email": ben.email});
    for body in [&wrong, &nowhere] {
        for rest in ["status", "policies", "validate-email-domain"] {
            let path = format!("/api/organizations/invite-link/{rest}");
            anyone.post(&path, body).await.refused(404, "not found");
        }
        for path in [INVITE, ACCEPT] {
            bens.post(path, body).await.refused(404, "not found");
        }
    }

    // in by an address it allows, and then waits to be confirmed as anybody else
    assert_eq!(bens.post(INVITE, &with).await.ok()["invite"], link["invite"]);
    eves.post(INVITE, &with).await.refused(404, "not found");
    eves.post(ACCEPT, &with).await.refused(400, "not allowed");
    bens.post(CONFIRM, &with_key(with.clone(), &organization, &ben))
        .await
        .refused(400, "does not confirm");
    bens.post(ACCEPT, &with).await.ok_empty();
    bens.post(ACCEPT, &with).await.refused(400, "already part");
    anns.post(ACCEPT, &with).await.refused(400, "not allowed");
    let membership = anns.membership(&organization, &ben.email).await;
    assert_eq!((&membership["status"], &membership["type"]), (&json!(1), &json!(2)));
    assert_eq!(bens.sync().await["profile"]["organizations"], json!([]));
    anns.confirm(&organization, &membership).await;
    assert_eq!(
        bens.sync().await["profile"]["organizations"][0]["id"],
        organization.id.as_str()
    );

    // another code, other domains, no link
    let (cid, cids) = member_in(server, "later.example").await;
    let refreshed = anns.post(&format!("{path}/refresh"), &wanted(&[], false)).await.ok();
    assert_ne!(refreshed["code"], link["code"]);
    assert_eq!(refreshed["id"], link["id"]);
    let allowed = anns
        .put(&path, &json!({"allowedDomains": ["later.example"]}))
        .await
        .ok();
    assert_eq!(
        (&allowed["code"], &allowed["allowedDomains"]),
        (&refreshed["code"], &json!(["later.example"]))
    );
    cids.post(ACCEPT, &with).await.refused(404, "not found");
    anns.delete(&path).await.ok_empty();
    cids.post(ACCEPT, &using(&organization, &refreshed))
        .await
        .refused(404, "not found");
    drop(cid);

    let events = anns.get(&organization.path("events")).await.ok();
    let mut told: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_i64().unwrap())
        .collect();
    told.retain(|kind| (1624..1631).contains(kind) || *kind == 1524);
    told.reverse();
    assert_eq!(told, [1624, 1524, 1628, 1625, 1626]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_key_from_the_link_is_confirmed_by_it_as_an_ordinary_user() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("key-ann").await;
    let organization = anns.found(&ann, "Keyed").await;
    let policies = [(5, json!({"enabled": true, "data": null}))];
    for (kind, body) in policies {
        anns.put(&organization.path(&format!("policies/{kind}")), &body)
            .await
            .ok();
    }
    let path = organization.path("invite-link");
    let link = anns.post(&path, &wanted(&["keyed.example"], true)).await.ok();
    let with = using(&organization, &link);
    let [(ben, bens), (cid, cids), (eve, eves)] = [
        member_in(server, "keyed.example").await,
        member_in(server, "keyed.example").await,
        member_in(server, "keyed.example").await,
    ];
    // at once, or after having been let in; and once
    bens.post(CONFIRM, &with).await.refused(400, "OrgUserKey");
    bens.post(CONFIRM, &with_key(with.clone(), &organization, &ben))
        .await
        .ok_empty();
    bens.post(CONFIRM, &with_key(with.clone(), &organization, &ben))
        .await
        .refused(400, "already part");
    cids.post(ACCEPT, &with).await.ok_empty();
    cids.post(CONFIRM, &with_key(with.clone(), &organization, &cid))
        .await
        .ok_empty();
    for (account, client) in [(&ben, &bens), (&cid, &cids)] {
        let sync = client.sync().await;
        let profile = &sync["profile"]["organizations"][0];
        let opened = account.pair.open(profile["key"].as_str().unwrap()).unwrap();
        assert_eq!(opened, organization.key.to_bytes());
        // the place for their own items that the policy asks for
        let own: Vec<_> = sync["collections"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["type"] == 1)
            .collect();
        assert_eq!(own.len(), 1, "{sync}");
    }
    // who was invited uses the letter, whatever they are to be
    for role in [1, 2] {
        let (dan, dans) = member_in(server, "keyed.example").await;
        let invited = invite(&anns, &organization, &dan, role, &[]).await;
        for path in [ACCEPT, CONFIRM] {
            dans.post(path, &with_key(with.clone(), &organization, &dan))
                .await
                .refused(400, "use the link of that invitation");
        }
        accept(server, &dans, &organization, &dan, &invited).await;
        // by the link an ordinary user is confirmed, and nobody who is to be more
        let confirmed = dans.post(CONFIRM, &with_key(with.clone(), &organization, &dan)).await;
        match role {
            1 => confirmed.refused(400, "administrator must confirm"),
            _ => confirmed.ok_empty(),
        }
    }

    // switched off, it confirms nobody
    let off = json!({"invite": "2.T0ZG|T0ZG|T0ZG", "supportsConfirmation": false});
    let changed = anns.put(&format!("{path}/support-confirm"), &off).await.ok();
    assert_eq!((&changed["code"], &changed["invite"]), (&link["code"], &off["invite"]));
    eves.post(CONFIRM, &with_key(with.clone(), &organization, &eve))
        .await
        .refused(400, "does not confirm");
    // who was suspended does not come back by it
    let member = anns.membership(&organization, &ben.email).await;
    anns.put_empty(&organization.path(&format!("users/{}/revoke", id(&member))))
        .await
        .ok_empty();
    bens.post(ACCEPT, &with).await.refused(400, "already part");
    let leave = organization.path("leave");
    bens.post(&leave, &json!({})).await.refused(400, "has been revoked");
    bens.post(CONFIRM, &with_key(with.clone(), &organization, &ben))
        .await
        .refused(400, "does not confirm");
    assert_eq!(bens.sync().await["profile"]["organizations"], json!([]));
    // nor somebody in another organization where this one allows none
    anns.put(&organization.path("policies/3"), &json!({"enabled": true}))
        .await
        .ok();
    eves.found(&eve, "Elsewhere").await;
    eves.post(ACCEPT, &with)
        .await
        .refused(400, "leave or remove all other organizations");

    let events = anns.get(&organization.path("events")).await.ok();
    let kinds: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_i64().unwrap())
        .collect();
    let count = |kind: i64| kinds.iter().filter(|told| **told == kind).count();
    assert_eq!((count(1526), count(1524), count(1630)), (3, 2, 1), "{kinds:?}");
    let replay = anns.get(&organization.path("audit/replay")).await.ok();
    let members = replay["members"].as_array().unwrap();
    assert_eq!(members.len(), 5, "{replay}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_person_who_comes_by_the_link_many_times_at_once_there_is_one_member() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("once-link").await;
    let organization = anns.found(&ann, "Once").await;
    let owned = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/5"), &owned).await.ok();
    let link = anns
        .post(&organization.path("invite-link"), &wanted(&["once.example"], true))
        .await
        .ok();
    let (ben, bens) = member_in(server, "once.example").await;
    let body = with_key(using(&organization, &link), &organization, &ben);
    let tries = (0..8).map(|n| {
        let (client, body) = (bens.without_reuse(), body.clone());
        async move {
            client
                .post(if n % 2 == 0 { CONFIRM } else { ACCEPT }, &body)
                .await
                .status
        }
    });
    let statuses = futures::future::join_all(tries).await;
    assert!(
        statuses.iter().all(|status| [200, 400].contains(status)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&200));
    let members = anns.get(&organization.path("users")).await.ok();
    let found = members["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["email"] == ben.email);
    assert_eq!(found.count(), 1, "{members}");
    // and of what is their own there is one at most
    let sync = bens.sync().await;
    let own = sync["collections"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["type"] == 1);
    let confirmed = sync["profile"]["organizations"].as_array().unwrap().len();
    assert_eq!(own.count(), confirmed, "{sync}");
    // nor is there another one that nobody sees
    let made = anns.get(&organization.path("events?type=1300")).await.ok();
    let own = made["data"].as_array().unwrap().iter();
    let own = own.filter(|one| one["collectionId"] != organization.collection.as_str());
    assert_eq!(own.count(), confirmed, "{made}");
}

/// With the policy that allows it, clients of those who look after members confirm ordinary users by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn clients_confirm_by_themselves_where_a_policy_allows_it() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("auto-ann").await;
    let organization = anns.found(&ann, "Automatic").await;
    let (_, users, _) = join(server, &anns, &organization, "auto-user", 2, &[]).await;
    let path = |rest: &str| organization.path(rest);
    let mut waiting = Vec::new();
    for (name, role) in [("auto-ben", 2), ("auto-cid", 2), ("auto-dan", 1)] {
        let (account, client) = server.member(name).await;
        let membership = invite(&anns, &organization, &account, role, &[]).await;
        accept(server, &client, &organization, &account, &membership).await;
        let key = KeyPair::seal_for(&account.pair.public_key(), &organization.key.to_bytes()).unwrap();
        waiting.push((id(&membership), key, client));
    }
    let pending = path("users/pending-auto-confirm");
    let one = |n: usize| path(&format!("users/{}/auto-confirm", waiting[n].0));
    let key = |n: usize| json!({"key": waiting[n].1});
    assert_eq!(anns.get(&pending).await.ok()["data"], json!([]));
    anns.post(&one(0), &key(0))
        .await
        .refused(400, "cannot be confirmed automatically");
    for kind in [3, 18] {
        anns.put(&path(&format!("policies/{kind}")), &json!({"enabled": true}))
            .await
            .ok();
    }
    let found = anns.get(&pending).await.ok();
    for member in found["data"].as_array().unwrap() {
        assert_shape("OrganizationUserPendingAutoConfirmResponseModel", member);
    }
    let mut found: Vec<_> = found["data"].as_array().unwrap().iter().map(id).collect();
    let mut expected = vec![waiting[0].0.clone(), waiting[1].0.clone()];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    users.get(&pending).await.refused(404, "permission");
    users.post(&one(0), &key(0)).await.refused(404, "permission");
    anns.post(&one(0), &json!({})).await.refused(400, "Key");
    anns.post(&one(0), &key(0)).await.ok_empty();
    anns.post(&one(0), &key(0)).await.refused(400, "not valid");
    let keys = json!({"keys": [{"id": waiting[1].0, "key": waiting[1].1}, {"id": waiting[2].0, "key": waiting[2].1}]});
    let done = anns.post(&path("users/bulk-auto-confirm"), &keys).await.ok();
    let errors: Vec<_> = done["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["error"].as_str().unwrap())
        .collect();
    assert_eq!(errors, ["", "Member cannot be confirmed automatically."]);
    for (_, _, client) in &waiting[..2] {
        assert_eq!(
            client.sync().await["profile"]["organizations"][0]["id"],
            organization.id.as_str()
        );
    }
    let events = anns.get(&path("events")).await.ok();
    let automatic = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == 1517);
    assert_eq!(automatic.count(), 2);
}
