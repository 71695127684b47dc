//! The audit log over HTTP: what is in it, who may read it, and page by page.

mod collect;
mod refused;

use super::{invite, join};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::client::Client;
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::server::Server;
use tests::shape::assert_shape;

/// All of a log, page by page; every event has the shape the catalogue gives.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut events, mut token) = (Vec::new(), None::<String>);
    let sign = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = match &token {
            None => client.get(path).await.ok(),
            Some(token) => client.get(&format!("{path}{sign}continuationToken={token}")).await.ok(),
        };
        assert_eq!(page["object"], "list");
        let data = page["data"].as_array().unwrap();
        data.iter().for_each(|event| assert_shape("EventResponseModel", event));
        events.extend(data.iter().cloned());
        match page["continuationToken"].as_str() {
            Some(next) => {
                assert_eq!(data.len(), 50, "a page before another one is full");
                token = Some(next.to_owned());
            }
            None => return events,
        }
    }
}

/// Types, the oldest first.
fn types(events: &[Value]) -> Vec<i64> {
    events
        .iter()
        .rev()
        .map(|event| event["type"].as_i64().unwrap())
        .collect()
}

fn of(events: &[Value], kind: i64) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_an_organization_tells_what_happened_in_it_and_nothing_else() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("log-ann").await;
    let organization = anns.found(&ann, "Logged").await;
    let log = organization.path("events");
    let rights = Organization::selection(&organization.collection, [false, false, true]);
    let (ben, bens, membership) = join(server, &anns, &organization, "log-ben", 2, &[rights]).await;
    let bens_id = bens.user_id().await.to_string();

    // what Ben does for himself is nobody's business, and becomes the organization's when he gives it away
    let own = bens.create_login(&ben, "private").await;
    let shared = bens.create_login(&ben, "to be shared").await;
    let mut body = item::request(&organization.key, Kind::Login, "to be shared");
    body["organizationId"] = json!(organization.id);
    let share = json!({"cipher": body, "collectionIds": [organization.collection]});
    bens.put(&format!("/api/ciphers/{shared}/share"), &share).await.ok();
    let collection = anns.make_collection(&organization, "Second", &[]).await;
    bens.put_empty(&format!("/api/ciphers/{shared}/delete"))
        .await
        .ok_empty();
    let mut again = server.client();
    assert_eq!(again.try_login(&ben.email, "wrong").await.status, 400);
    again.login(&ben).await;
    let policy = json!({"enabled": true, "data": null});
    anns.put(&organization.path("policies/1"), &policy).await.ok();

    let mut events = all(&anns, &log).await;
    for _ in 0..600 {
        // refused logins are noted behind the answer
        if !of(&events, 1005).is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        events = all(&anns, &log).await;
    }
    let told = types(&events);
    for expected in [1500, 1501, 1105, 1300, 1115, 1000, 1005, 1700] {
        assert!(told.contains(&expected), "{expected} is not in {told:?}");
    }
    let dates: Vec<_> = events.iter().map(|event| event["date"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b), "the newest first");
    assert!(
        events
            .iter()
            .all(|event| event["organizationId"] == organization.id.as_str())
    );
    assert!(!events.iter().any(|event| event["cipherId"] == own.as_str()));

    let trashed = of(&events, 1115)[0];
    assert_eq!(
        (&trashed["cipherId"], &trashed["actingUserId"]),
        (&json!(shared), &json!(bens_id))
    );
    assert_eq!(
        (&trashed["userId"], &trashed["deviceType"]),
        (&Value::Null, &json!(bens.device().kind))
    );
    assert_eq!(trashed["ipAddress"], "127.0.0.1");
    assert_eq!(of(&events, 1300)[0]["collectionId"], collection.as_str());
    let confirmed = of(&events, 1501)[0];
    assert_eq!(
        (&confirmed["organizationUserId"], &confirmed["userId"]),
        (&json!(membership), &json!(bens_id))
    );
    let login = of(&events, 1000)[0];
    assert_eq!(
        (&login["userId"], &login["actingUserId"]),
        (&json!(bens_id), &json!(bens_id))
    );
    let refused = of(&events, 1005)[0];
    assert_eq!(
        (&refused["userId"], &refused["actingUserId"]),
        (&json!(bens_id), &json!(bens_id))
    );
    assert!(of(&events, 1700)[0]["policyId"].is_string());

    // one member, one item
    let of_ben = all(&anns, &organization.path(&format!("users/{membership}/events"))).await;
    assert!(of_ben.iter().all(|event| event["actingUserId"] == bens_id.as_str()));
    assert!(types(&of_ben).contains(&1115) && !types(&of_ben).contains(&1700));
    assert!(types(&of_ben).contains(&1005), "a refused login into his account");
    let of_item = all(&anns, &format!("/api/ciphers/{shared}/events")).await;
    assert_eq!(types(&of_item), [1105, 1115], "not from the time it was his alone");
    let filtered = all(&anns, &format!("{log}?collectionId={collection}")).await;
    assert_eq!(types(&filtered), [1300]);
    let filtered = all(&anns, &format!("{log}?type=1115&actingUserId={bens_id}")).await;
    assert_eq!(types(&filtered), [1115]);

    // a person's own log
    let mine = all(&bens, "/api/events").await;
    assert!(mine.iter().all(|event| event["organizationId"].is_null()));
    assert!(mine.iter().any(|event| event["cipherId"] == own.as_str()));
    assert!(types(&mine).contains(&1000) && types(&mine).contains(&1005));
    assert_eq!(types(&all(&bens, &format!("/api/ciphers/{own}/events")).await), [1100]);

    // what was refused to a member is there; what was refused to a stranger is not
    let founder = id(&anns.membership(&organization, &ann.email).await);
    let mine = [Organization::selection(&founder, [false, false, true])];
    let hidden = anns.make_collection(&organization, "hidden", &mine).await;
    let hidden = anns.make_shared(&organization, "hidden", &[&hidden]).await;
    let (_, strangers) = server.member("log-stranger").await;
    for _ in 0..2 {
        bens.get(&log).await.refused(404, "not found");
        bens.put(&organization.path("policies/1"), &policy)
            .await
            .refused(404, "permission");
        strangers
            .get(&organization.path("collections"))
            .await
            .refused(404, "not found");
        // of items too: their address names no organization
        bens.delete(&format!("/api/ciphers/{hidden}"))
            .await
            .refused(404, "not found");
        strangers
            .put_empty(&format!("/api/ciphers/{hidden}/delete"))
            .await
            .refused(404, "not found");
    }
    let refused = async || {
        let arguments = ["audit", "export", "--organization", organization.id.as_str()];
        let (code, text) = server.run(&arguments).await;
        assert_eq!(code, Some(0), "{text}");
        let lines = text.lines().filter(|line| line.contains("\"AccessRefused\""));
        lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .collect::<Vec<_>>()
    };
    let mut told = refused().await;
    for _ in 0..600 {
        if told.len() >= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        told = refused().await;
    }
    let told: BTreeSet<_> = told
        .iter()
        .map(|line| line["detail"]["route"].as_str().unwrap())
        .collect();
    assert!(told.iter().any(|route| route.ends_with("/policies/{kind}")), "{told:?}");
    assert!(!told.iter().any(|route| route.ends_with("/collections")), "{told:?}");
    assert!(told.iter().any(|route| route.ends_with("/ciphers/{id}")), "{told:?}");
    assert!(!told.iter().any(|route| route.ends_with("/delete")), "{told:?}");

    // who was removed is named although they are gone
    let removed = organization.path(&format!("users/{membership}"));
    anns.delete(&removed).await.ok_empty();
    let removed = all(&anns, &format!("{log}?type=1503")).await;
    assert_eq!(removed[0]["userId"], bens_id.as_str());
    // nobody gets around being noted by a token of their own making
    let looked = async || {
        let (code, text) = server.run(&["audit", "export", "--user", &ann.email]).await;
        assert_eq!(code, Some(0), "{text}");
        text.lines().filter(|line| line.contains("\"AuditLogRead\"")).count()
    };
    let before = looked().await;
    let forged = format!("{log}?continuationToken=9223372036854775807.0");
    assert!(!anns.get(&forged).await.ok()["data"].as_array().unwrap().is_empty());
    assert_eq!(looked().await, before + 1);

    // what has no number in the catalogue is in the whole log: who looked at it
    let (code, text) = server.run(&["audit", "export", "--user", &ann.email]).await;
    assert_eq!(code, Some(0), "{text}");
    let looked = text.lines().filter(|line| line.contains("\"AuditLogRead\"")).count();
    assert!(looked >= 5, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_by_who_may_and_is_not_there_for_others() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("log-who-ann").await;
    let organization = anns.found(&ann, "Watched").await;
    let item = anns
        .make_shared(&organization, "item", &[&organization.collection])
        .await;
    let rights = || Organization::selection(&organization.collection, [false, false, true]);
    let (_, admin, _) = join(server, &anns, &organization, "log-admin", 1, &[]).await;
    let (_, user, membership) = join(server, &anns, &organization, "log-user", 2, &[rights()]).await;
    let (_, outsider) = server.member("log-outsider").await;
    let (invited, invitee) = server.member("log-invited").await;
    invite(&anns, &organization, &invited, 0, &[]).await;

    let (custom, customs) = server.member("log-custom").await;
    let body = json!({
        "emails": [custom.email], "type": 4, "accessSecretsManager": false,
        "permissions": {"accessEventLogs": true}, "collections": [], "groups": [],
    });
    anns.post(&organization.path("users/invite"), &body).await.ok_empty();
    let theirs = anns.membership(&organization, &custom.email).await;
    super::accept(server, &customs, &organization, &custom, &theirs).await;
    anns.confirm(&organization, &anns.membership(&organization, &custom.email).await)
        .await;

    let paths = [
        organization.path("events"),
        organization.path(&format!("users/{membership}/events")),
        organization.path(&format!("sends/{membership}/events")),
        format!("/api/ciphers/{item}/events"),
    ];
    for path in &paths {
        for may in [&anns, &admin, &customs] {
            may.get(path).await.ok();
        }
        for may_not in [&user, &outsider, &invitee] {
            may_not.get(path).await.refused(404, "not found");
        }
        assert_eq!(server.client().get(path).await.status, 401, "{path}");
    }
    let (other, others) = server.member("log-other").await;
    let elsewhere = others.found(&other, "Elsewhere").await;
    let foreign = elsewhere.path(&format!("users/{membership}/events"));
    others.get(&foreign).await.refused(404, "not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_about_collections_that_is_switched_is_told_by_its_number() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("log-rules").await;
    let organization = anns.found(&ann, "Ruled").await;
    let switch = async |creation: bool, items: bool, admins: bool| {
        let rules = json!({
            "limitCollectionCreation": creation, "limitCollectionDeletion": false, "limitItemDeletion": items,
            "allowAdminAccessToAllCollectionItems": admins,
        });
        anns.put(&organization.path("collection-management"), &rules).await.ok();
    };
    switch(true, true, false).await;
    switch(true, false, true).await;
    let told = types(&all(&anns, &organization.path("events")).await);
    let mut rules: Vec<_> = told.into_iter().filter(|kind| (1600..1620).contains(kind)).collect();
    rules.sort_unstable();
    assert_eq!(rules, [1610, 1614, 1615, 1616, 1617]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_miss_nothing_and_repeat_nothing_while_others_write() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("log-pages").await;
    let organization = anns.found(&ann, "Paged").await;
    let item = anns
        .make_shared(&organization, "item", &[&organization.collection])
        .await;
    let report = |n: usize| {
        let entries: Vec<_> = (0..n)
            .map(|_| json!({"type": 1107, "cipherId": item, "date": "2026-01-01T00:00:00Z"}))
            .collect();
        json!(entries)
    };
    anns.post("/events/collect", &report(130)).await.ok_empty();
    let path = organization.path("events?type=1107");
    let before = all(&anns, &path).await;
    assert_eq!(before.len(), 130);

    let writing = async {
        for _ in 0..20 {
            anns.post("/events/collect", &report(7)).await.ok_empty();
        }
    };
    let reading = async {
        let (mut seen, mut token) = (0, String::new());
        loop {
            let page = anns.get(&format!("{path}&continuationToken={token}")).await.ok();
            seen += page["data"].as_array().unwrap().len();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            match page["continuationToken"].as_str() {
                Some(next) => token = next.to_owned(),
                None => return seen,
            }
        }
    };
    let ((), seen) = tokio::join!(writing, reading);
    assert!((130..=130 + 140).contains(&seen) && (seen - 130) % 7 == 0, "{seen}");
    assert_eq!(all(&anns, &path).await.len(), 130 + 140);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_dates_is_what_is_asked_for_or_refused() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("log-range").await;
    let organization = anns.found(&ann, "Ranged").await;
    anns.make_shared(&organization, "item", &[&organization.collection])
        .await;
    let path = |query: &str| organization.path(&format!("events?{query}"));
    let everything = all(&anns, &organization.path("events")).await;
    assert!(!everything.is_empty());
    // both ends count, in either order
    let (first, last) = (&everything[everything.len() - 1]["date"], &everything[0]["date"]);
    let (first, last) = (first.as_str().unwrap(), last.as_str().unwrap());
    for (start, end) in [(first, last), (last, first)] {
        assert_eq!(all(&anns, &path(&format!("start={start}&end={end}"))).await, everything);
    }
    let long_ago = path("start=2020-01-01T00:00:00.000Z&end=2020-02-01T00:00:00.000Z");
    assert_eq!(all(&anns, &long_ago).await, Vec::<Value>::new());
    assert_eq!(
        all(&anns, &path("start=2020-01-01&end=2020-02-01")).await,
        Vec::<Value>::new()
    );
    for (query, words) in [
        (
            "start=2020-01-01T00:00:00Z&end=2021-02-01T00:00:00Z",
            "Range too large.",
        ),
        ("start=yesterday&end=2021-02-01T00:00:00Z", "not valid"),
        ("start=%00&end=2021-02-01T00:00:00Z", "not valid"),
        ("continuationToken=nonsense", "continuation token"),
        ("continuationToken=99999999999999999999.0", "continuation token"),
        ("continuationToken=-5.0", "continuation token"),
        ("start=2020-01-01&start=2020-01-02&end=2020-01-03", "not valid"),
        ("type=1000&type=1001", "not valid"),
        ("type=many", "not valid"),
        ("memberId=7", "not valid"),
    ] {
        anns.get(&path(query)).await.refused(400, words);
    }
}

/// An export of an organization in one of the forms.
async fn exported(server: &Server, organization: &Organization, form: &str) -> String {
    let file = server.data_path().join(uuid::Uuid::new_v4().to_string());
    let arguments = [
        "audit",
        "export",
        "--organization",
        &organization.id,
        "--format",
        form,
        "-o",
    ];
    let (code, text) = server.run(&[&arguments[..], &[file.to_str().unwrap()]].concat()).await;
    assert_eq!(code, Some(0), "{text}");
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_record_is_about_it_says_for_ever() {
    let server = Server::start().await;
    let (ann, anns) = server.member("about-ann").await;
    let organization = anns.found(&ann, "About").await;
    let (_, bens, membership) = join(&server, &anns, &organization, "about-ben", 2, &[]).await;
    let bens_id = bens.user_id().await.to_string();
    let group = json!({"name": "some", "collections": [], "users": [membership]});
    let group = id(&anns.post(&organization.path("groups"), &group).await.ok());
    let place = organization.path(&format!("groups/{group}/user/{membership}"));
    anns.delete(&place).await.ok_empty();
    let path = organization.path(&format!("users/{membership}"));
    let raised = json!({"type": 1, "permissions": {}, "collections": [], "groups": [], "accessSecretsManager": false});
    anns.put(&path, &raised).await.ok_empty();
    for change in ["revoke", "restore"] {
        anns.put_empty(&format!("{path}/{change}")).await.ok_empty();
    }
    anns.delete(&path).await.ok_empty();

    let told = all(&anns, &organization.path("events")).await;
    for kind in [1501, 1502, 1503, 1504, 1511, 1512] {
        let told = of(&told, kind);
        assert!(!told.is_empty(), "{kind}");
        for told in told {
            assert_eq!(
                (&told["userId"], &told["organizationUserId"]),
                (&json!(bens_id), &json!(membership)),
                "{kind}"
            );
        }
    }
    assert_eq!(of(&told, 1504).len(), 2, "into the group, and out of it");
    // whoever was invited had not said who they are
    assert!(of(&told, 1500).iter().all(|told| told["userId"].is_null()));
    for form in ["jsonl", "csv", "cef", "ocsf"] {
        let text = exported(&server, &organization, form).await;
        let confirmed = text.lines().find(|line| line.contains("MembershipConfirmed")).unwrap();
        assert!(confirmed.contains(&bens_id), "{form}: {confirmed}");
    }
    let (code, text) = server.run(&["projections", "verify", "audit"]).await;
    assert_eq!(code, Some(0), "{text}");
}
