//! Claimed domains, with a DNS server that says what it is told: who holds a domain, and what that means for those whose address
//! is in it.

use super::{accept, invitation, invite, join};
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::cluster::database;
use tests::crypto::Kdf;
use tests::dns::Dns;
use tests::server::Server;
use tests::shape::assert_shape;

/// A server that asks this DNS server.
async fn world() -> (Dns, Server) {
    let dns = Dns::start().await;
    let resolver = dns.address.to_string();
    let server = Server::start_with(&[("ANNALOCK_DNS_RESOLVER", &resolver)]).await;
    (dns, server)
}

/// Somebody with an address in a domain.
async fn member_of(server: &Server, name: &str, domain: &str) -> (Account, Client) {
    let account = Account::with(&format!("{name}@{domain}"), "a master password for tests", Kdf::quick());
    let mut client = server.client();
    client.join(&account).await;
    (account, client)
}

async fn claim(owner: &Client, organization: &Organization, name: &str) -> Value {
    let body = json!({"domainName": name});
    let claimed = owner.post(&organization.path("domain"), &body).await.ok();
    assert_shape("OrganizationDomainResponseModel", &claimed);
    claimed
}

/// Claims a domain, and shows that it is the organization's.
async fn hold(dns: &Dns, owner: &Client, organization: &Organization, name: &str) -> String {
    let claimed = claim(owner, organization, name).await;
    dns.set(name, &["v=spf1 -all", claimed["txt"].as_str().unwrap()]);
    let path = organization.path(&format!("domain/{}/verify", id(&claimed)));
    let verified = owner.post(&path, &json!({})).await.ok();
    assert_shape("OrganizationDomainResponseModel", &verified);
    assert!(verified["verifiedDate"].is_string(), "{verified}");
    id(&claimed)
}

/// Makes `account` a confirmed member.
async fn bring_in(server: &Server, owner: &Client, organization: &Organization, who: (&Account, &Client)) -> String {
    let membership = invite(owner, organization, who.0, 2, &[]).await;
    accept(server, who.1, organization, who.0, &membership).await;
    let membership = owner.membership(organization, &who.0.email).await;
    owner.confirm(organization, &membership).await;
    id(&membership)
}

async fn kinds(owner: &Client, organization: &Organization) -> Vec<(i64, Value)> {
    let events = owner.get(&organization.path("events")).await.ok();
    let events = events["data"].as_array().unwrap();
    let kind = |event: &Value| (event["type"].as_i64().unwrap(), event["domainName"].clone());
    events.iter().rev().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_held_by_who_shows_that_it_is_theirs() {
    let (dns, server) = world().await;
    let (ann, anns) = server.member("claim-ann").await;
    let one = anns.found(&ann, "One").await;
    let (_, users, _) = join(&server, &anns, &one, "claim-user", 2, &[]).await;

    let claimed = claim(&anns, &one, " Example.ORG ").await;
    assert_eq!(claimed["domainName"], "example.org");
    assert!(claimed["txt"].as_str().unwrap().starts_with("bw="));
    assert!(claimed["verifiedDate"].is_null() && claimed["lastCheckedDate"].is_null());
    let path = one.path(&format!("domain/{}", id(&claimed)));
    let add = |name: &str| json!({"domainName": name});
    anns.post(&one.path("domain"), &add("example.org"))
        .await
        .refused(409, "A domain already exists");
    for wrong in ["", "example", "http://example.org", "ann@example.org", "127.0.0.1"] {
        anns.post(&one.path("domain"), &add(wrong)).await.refused(400, "omain");
    }
    assert_eq!(anns.get(&path).await.ok(), claimed);
    let listed = anns.get(&one.path("domain")).await.ok();
    assert_eq!(listed["data"], json!([claimed]));

    // neither a domain that is not there, nor one that says something else, nor one that says it beside it
    let verify = format!("{path}/verify");
    for texts in [None, Some("v=spf1 -all"), Some("bw=other")] {
        if let Some(text) = texts {
            dns.set("example.org", &[text]);
        }
        let checked = anns.post(&verify, &json!({})).await.ok();
        assert!(
            checked["verifiedDate"].is_null() && checked["lastCheckedDate"].is_string(),
            "{checked}"
        );
    }
    dns.set("example.org", &["v=spf1 -all", claimed["txt"].as_str().unwrap()]);
    // who has no say in it
    users.post(&verify, &json!({})).await.refused(404, "permission");
    users.get(&path).await.refused(404, "permission");
    users.delete(&path).await.refused(404, "permission");
    users
        .post(&one.path("domain"), &add("other.org"))
        .await
        .refused(404, "permission");
    let (bob, bobs) = server.member("claim-bob").await;
    let two = bobs.found(&bob, "Two").await;
    let foreign = two.path(&format!("domain/{}", id(&claimed)));
    bobs.get(&foreign).await.refused(404, "not found");
    bobs.post(&format!("{foreign}/verify"), &json!({}))
        .await
        .refused(404, "not found");
    bobs.delete(&foreign).await.refused(404, "not found");
    bobs.get(&path).await.refused(404, "not found");

    let others = claim(&bobs, &two, "example.org").await;
    let verified = anns.post(&verify, &json!({})).await.ok();
    assert!(verified["verifiedDate"].is_string(), "{verified}");
    anns.post(&verify, &json!({}))
        .await
        .refused(409, "already been verified");
    let policy = anns.get(&one.path("policies/3")).await.ok();
    assert_eq!(policy["enabled"], true);
    anns.put(&one.path("policies/3"), &json!({"enabled": false}))
        .await
        .refused(400, "required for organizations that have enabled domain verification");

    // it is not the other's, although the other's text is there too by now
    dns.set(
        "example.org",
        &[claimed["txt"].as_str().unwrap(), others["txt"].as_str().unwrap()],
    );
    let theirs = two.path(&format!("domain/{}/verify", id(&others)));
    bobs.post(&theirs, &json!({})).await.refused(409, "not available");
    let (cid, cids) = server.member("claim-cid").await;
    let three = cids.found(&cid, "Three").await;
    cids.post(&three.path("domain"), &add("example.org"))
        .await
        .refused(409, "not available");

    // there is no single sign-on to send anybody to
    let body = json!({"email": "dan@example.org"});
    let anyone = server.client();
    let answer = anyone.post("/api/organizations/domain/sso/verified", &body).await.ok();
    assert_eq!(answer["data"], json!([]));

    // given up, it is free for the other; and so when an organization is deleted
    anns.delete(&path).await.ok_empty();
    anns.delete(&path).await.refused(404, "not found");
    let verified = bobs.post(&theirs, &json!({})).await.ok();
    assert!(verified["verifiedDate"].is_string(), "{verified}");
    let body = json!({"masterPasswordHash": bob.password_hash()});
    bobs.delete_with(two.path("").trim_end_matches('/'), &body)
        .await
        .ok_empty();
    hold(&dns, &cids, &three, "example.org").await;

    let name = json!("example.org");
    let told: Vec<_> = kinds(&anns, &one)
        .await
        .into_iter()
        .filter(|(kind, _)| *kind >= 2000)
        .collect();
    let expected = [2000, 2003, 2003, 2003, 2002, 2001].map(|kind| (kind, name.clone()));
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_show_it_in_one_moment_one_holds_a_domain() {
    let (dns, server) = world().await;
    let mut rivals = Vec::new();
    let mut texts = Vec::new();
    for n in 0..6 {
        let (account, client) = server.member(&format!("rival-{n}")).await;
        let organization = client.found(&account, "Rival").await;
        let claimed = claim(&client, &organization, "rivals.example").await;
        texts.push(claimed["txt"].as_str().unwrap().to_owned());
        rivals.push((client, organization.path(&format!("domain/{}/verify", id(&claimed)))));
    }
    dns.set("rivals.example", &texts.iter().map(String::as_str).collect::<Vec<_>>());
    let tries = rivals.iter().map(|(client, path)| async move {
        let body = json!({});
        client.post(path, &body).await.status
    });
    let mut outcomes = futures::future::join_all(tries).await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 409, 409, 409, 409, 409]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_a_claimed_address_is_the_organizations_to_end() {
    let (dns, server) = world().await;
    let (ann, anns) = member_of(&server, "ann", "firm.example").await;
    let firm = anns.found(&ann, "Firm").await;
    let (eve, eves) = member_of(&server, "eve", "firm.example").await;
    let (guest, guests) = server.member("claim-guest").await;
    let eve_id = bring_in(&server, &anns, &firm, (&eve, &eves)).await;
    let guest_id = bring_in(&server, &anns, &firm, (&guest, &guests)).await;
    let (own, owns) = member_of(&server, "own", "firm.example").await;
    let delete = async |member: &str| {
        let path = firm.path(&format!("users/{member}/delete-account"));
        anns.delete(&path).await
    };
    delete(&eve_id).await.refused(400, "not claimed");
    hold(&dns, &anns, &firm, "firm.example").await;

    // it shows in the next sync, and in the list of members
    for (client, is) in [(&anns, true), (&eves, true), (&guests, false)] {
        let sync = client.sync().await;
        assert_eq!(sync["profile"]["organizations"][0]["userIsClaimedByOrganization"], is);
    }
    let (member, other) = (
        anns.membership(&firm, &eve.email).await,
        anns.membership(&firm, &guest.email).await,
    );
    assert_eq!(
        (&member["claimedByOrganization"], &other["claimedByOrganization"]),
        (&json!(true), &json!(false))
    );
    let one = anns.get(&firm.path(&format!("users/{eve_id}"))).await.ok();
    assert_eq!(one["claimedByOrganization"], true);

    // she cannot end it herself, nor leave, nor take another address
    let secret = json!({"masterPasswordHash": eve.password_hash()});
    eves.delete_with("/api/accounts", &secret)
        .await
        .refused(400, "owned by an organization");
    eves.post("/api/ciphers/purge", &secret)
        .await
        .refused(400, "owned by an organization");
    eves.post(&firm.path("leave"), &json!({}))
        .await
        .refused(400, "cannot leave");
    let elsewhere = json!({"newEmail": "eve@home.example", "masterPasswordHash": eve.password_hash()});
    eves.post("/api/accounts/email-token", &elsewhere)
        .await
        .refused(400, "must match your organization domain");
    let within = json!({"newEmail": "eva@firm.example", "masterPasswordHash": eve.password_hash()});
    eves.post("/api/accounts/email-token", &within).await.ok_empty();
    // who is in no organization may
    let secret = json!({"masterPasswordHash": own.password_hash()});
    owns.post("/api/ciphers/purge", &secret).await.ok_empty();

    // an owner ends it, of a claimed member and of nobody else
    delete(&guest_id).await.refused(400, "not claimed");
    let me = anns.membership(&firm, &ann.email).await;
    delete(&id(&me)).await.refused(400, "cannot delete yourself");
    guests
        .delete(&firm.path(&format!("users/{eve_id}/delete-account")))
        .await
        .refused(404, "permission");
    owns.delete(&firm.path(&format!("users/{eve_id}/delete-account")))
        .await
        .refused(404, "not found");
    let (bulk, _) = member_of(&server, "bulk", "firm.example").await;
    let waiting = id(&invite(&anns, &firm, &bulk, 2, &[]).await);
    delete(&waiting).await.refused(400, "not claimed");
    delete(&eve_id).await.ok_empty();
    delete(&eve_id).await.refused(404, "not found");
    assert_eq!(eves.get("/api/sync").await.status, 401);
    assert_eq!(
        server.client().try_login(&eve.email, &eve.password_hash()).await.status,
        400
    );
    let members = anns.get(&firm.path("users")).await.ok();
    assert!(!members.to_string().contains(&eve.email), "{members}");
    assert!(kinds(&anns, &firm).await.iter().any(|(kind, _)| *kind == 1515));

    // her address is free again, for who is invited
    let again = Account::with(&eve.email, "another master password", Kdf::quick());
    server.client().join(&again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claimed_accounts_are_ended_in_bulk_as_one_by_one() {
    let (dns, server) = world().await;
    let (ann, anns) = member_of(&server, "ann", "bulk.example").await;
    let firm = anns.found(&ann, "Bulk").await;
    let (cat, cats) = member_of(&server, "cat", "bulk.example").await;
    let (dan, dans) = member_of(&server, "dan", "bulk.example").await;
    let (guest, guests) = server.member("bulk-guest").await;
    let cat_id = bring_in(&server, &anns, &firm, (&cat, &cats)).await;
    let dan_id = bring_in(&server, &anns, &firm, (&dan, &dans)).await;
    let guest_id = bring_in(&server, &anns, &firm, (&guest, &guests)).await;
    // nobody else owns what cat founded: she is suspended by what the domain brings with it, and stays
    cats.found(&cat, "Side").await;
    let beside = guests.found(&guest, "Beside").await;
    bring_in(&server, &guests, &beside, (&dan, &dans)).await;
    hold(&dns, &anns, &firm, "bulk.example").await;
    assert_eq!(anns.membership(&firm, &cat.email).await["status"], -1);
    let nobody = uuid::Uuid::new_v4().to_string();
    let body = json!({"ids": [cat_id, guest_id, nobody, dan_id]});
    let done = anns.delete_with(&firm.path("users/delete-account"), &body).await.ok();
    let outcome = |member: &str| {
        let all = done["data"].as_array().unwrap();
        let found = all.iter().find(|one| one["id"] == member).unwrap();
        found["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(&dan_id), "");
    assert!(outcome(&cat_id).contains("at least one confirmed owner"));
    assert!(outcome(&guest_id).contains("not claimed"));
    // where dan was besides it is nobody's business who ended that
    let file = server.data_path().join("beside.jsonl");
    let written = file.display().to_string();
    let export = ["audit", "export", "--organization", &beside.id, "-o", &written];
    let (code, text) = server.run(&export).await;
    assert_eq!(code, Some(0), "{text}");
    let lines = std::fs::read_to_string(&file).unwrap();
    let ended: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|record: &Value| record["name"] == "MembershipEnded")
        .collect();
    assert_eq!(ended.len(), 1, "{lines}");
    let (how, actor) = (&ended[0]["detail"]["how"], &ended[0]["actor"]);
    assert_eq!(
        (how, actor, &ended[0]["ip"]),
        (&json!("account_deleted"), &json!("system"), &Value::Null)
    );
    assert!(outcome(&nobody).contains("not found"));
    for (client, status) in [(&cats, 200), (&dans, 401), (&guests, 200)] {
        assert_eq!(client.get("/api/sync").await.status, status);
    }
    let empty = json!({"ids": []});
    anns.delete_with(&firm.path("users/delete-account"), &empty)
        .await
        .refused(400, "Users invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_an_account_in_a_domain_whose_organization_forbids_it() {
    let (dns, server) = world().await;
    let (ann, anns) = member_of(&server, "ann", "closed.example").await;
    let firm = anns.found(&ann, "Closed").await;
    hold(&dns, &anns, &firm, "closed.example").await;
    member_of(&server, "before", "closed.example").await;
    let policy = json!({"enabled": true});
    anns.put(&firm.path("policies/19"), &policy).await.ok();
    let stranger = Account::with("mallory@closed.example", "a master password for tests", Kdf::quick());
    let begin = |email: &str| json!({"email": email, "name": "M", "receiveMarketingEmails": false});
    let path = "/identity/accounts/register/send-verification-email";
    let anyone = server.client();
    anyone
        .post(path, &begin(&stranger.email))
        .await
        .refused(400, "claimed by an organization");
    anyone
        .post("/identity/accounts/register", &stranger.register_request())
        .await
        .refused(400, "claimed by an organization");
    // neither by taking such an address later
    let (_, guests) = server.member("closed-guest").await;
    let guest = json!({"newEmail": stranger.email, "masterPasswordHash": "x"});
    assert_eq!(guests.post("/api/accounts/email-token", &guest).await.status, 400);
    // addresses beside it are nobody's business
    member_of(&server, "m", "mail.closed.example").await;
    // who is invited there may, by the link of the invitation and by nothing else
    let invited = Account::with("frank@closed.example", "a master password for tests", Kdf::quick());
    let membership = invite(&anns, &firm, &invited, 2, &[]).await;
    for (path, body) in [
        (path, begin(&invited.email)),
        ("/identity/accounts/register", invited.register_request()),
    ] {
        anyone
            .post(path, &body)
            .await
            .refused(400, "claimed by an organization");
    }
    let mut finish = invited.finish_request("");
    finish["orgInviteToken"] = json!(invitation(&server, &invited.email).await);
    finish["organizationUserId"] = membership["id"].clone();
    anyone.post("/identity/accounts/register/finish", &finish).await.ok();
    server.client().login(&invited).await;
}

/// The server looks again by itself, hourly and when it starts. Time is not made to pass: the read models are told that claims are
/// older than they are.
#[tokio::test(flavor = "multi_thread")]
async fn claims_are_looked_at_again_and_given_up_after_a_week() {
    let dns = Dns::start().await;
    let resolver = dns.address.to_string();
    let database = database().await;
    let settings = [
        ("ANNALOCK_DNS_RESOLVER", resolver.as_str()),
        ("ANNALOCK_DATABASE_URL", database.url.as_str()),
    ];
    let server = Server::start_with(&settings).await;
    let (ann, anns) = server.member("claim-again").await;
    let firm = anns.found(&ann, "Again").await;
    let ready = claim(&anns, &firm, "ready.example").await;
    dns.set("ready.example", &[ready["txt"].as_str().unwrap()]);
    let missing = claim(&anns, &firm, "missing.example").await;
    for _ in 0..4 {
        let verify = firm.path(&format!("domain/{}/verify", id(&missing)));
        anns.post(&verify, &json!({})).await.ok();
    }
    claim(&anns, &firm, "young.example").await;
    claim(&anns, &firm, "old.example").await;
    // what is answered is in the read models, which are read past the server now
    let listed = anns.get(&firm.path("domain")).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 4, "{listed}");
    let own: uuid::Uuid = firm.id.parse().unwrap();
    let view = "select view from read.organization where organization_id = $1";
    let view = sqlx::query_scalar(view).bind(own).fetch_one(&database.pool);
    let view: String = view.await.unwrap();
    let mut view: Value = serde_json::from_str(&view).unwrap();
    for domain in view["domains"].as_array_mut().unwrap() {
        let hours = match domain["name"].as_str().unwrap() {
            "young.example" => 11,
            "old.example" => 7 * 24 + 1,
            _ => 13,
        };
        for date in ["created", "checked"] {
            if let Some(at) = domain[date].as_i64() {
                domain[date] = json!(at - hours * 3_600_000);
            }
        }
    }
    let change = "update read.organization set view = $1 where organization_id = $2";
    let change = sqlx::query(change).bind(view.to_string()).bind(own);
    change.execute(&database.pool).await.unwrap();
    server.restart().await;

    // the policy comes after the domain, and may be a step behind it where each stream is written for itself
    let mut told = Vec::new();
    for _ in 0..1_200 {
        told = kinds(&anns, &firm).await;
        let policies = told.iter().filter(|(kind, _)| *kind == 1700).count();
        told.retain(|(kind, _)| *kind > 2000);
        // and what is not the log is read from other tables
        let bound = anns.get(&firm.path("policies/3")).await.ok()["enabled"] == true;
        if told.len() >= 7 && policies > 0 && bound {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    told.sort_by_key(|(kind, _)| *kind);
    let missed = (2003, "missing.example");
    let seen = [
        (2001, "old.example"),
        (2002, "ready.example"),
        missed,
        missed,
        missed,
        missed,
        missed,
    ];
    assert_eq!(told, seen.map(|(kind, name)| (kind, json!(name))));
    let listed = anns.get(&firm.path("domain")).await.ok();
    let verified = listed["data"].as_array().unwrap().iter();
    let verified: Vec<_> = verified
        .map(|one| (one["domainName"].clone(), one["verifiedDate"].is_string()))
        .collect();
    let expected = [
        ("ready.example", true),
        ("missing.example", false),
        ("young.example", false),
    ];
    assert_eq!(verified, expected.map(|(name, verified)| (json!(name), verified)));
    assert_eq!(anns.get(&firm.path("policies/3")).await.ok()["enabled"], true);
    let events = anns.get(&firm.path("events")).await.ok();
    let by_itself = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["systemUser"] == 2)
        .map(|event| event["type"].as_i64().unwrap());
    let mut by_itself: Vec<_> = by_itself.collect();
    by_itself.sort_unstable();
    assert_eq!(by_itself, [1700, 2001, 2002, 2003], "{events}");
}
