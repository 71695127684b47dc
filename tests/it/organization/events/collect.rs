//! What clients report themselves.

use super::super::join;
use super::{all, of, types};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use tests::client::organization::Organization;
use tests::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_report_is_taken_of_what_they_can_reach() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("collect-ann").await;
    let organization = anns.found(&ann, "Collected").await;
    let item = anns
        .make_shared(&organization, "item", &[&organization.collection])
        .await;
    let hers = anns.membership(&organization, &ann.email).await;
    let hers = Organization::selection(hers["id"].as_str().unwrap(), [false, false, true]);
    let unreachable = anns.make_collection(&organization, "Anns", &[hers]).await;
    let hidden = anns.make_shared(&organization, "hidden", &[&unreachable]).await;
    let rights = Organization::selection(&organization.collection, [true, true, false]);
    let (ben, bens, membership) = join(server, &anns, &organization, "collect-ben", 2, &[rights]).await;
    let (other, others) = server.member("collect-other").await;
    let elsewhere = others.found(&other, "Elsewhere").await;
    let foreign = others.make_shared(&elsewhere, "item", &[&elsewhere.collection]).await;
    let own = bens.create_login(&ben, "own").await;

    let date = "2026-02-03T04:05:06.789Z";
    let entry = |kind: i64, cipher: &str, organization: &str| json!({"type": kind, "cipherId": cipher, "organizationId": organization, "date": date});
    let reports = json!([
        entry(1107, &item, &organization.id),
        // the organization is the item's, whatever the client says
        {"type": 1111, "cipherId": item, "organizationId": elsewhere.id, "date": date},
        {"Type": 1114, "CipherId": own, "Date": date},
        {"type": 1602, "organizationId": organization.id, "date": date},
        {"type": 1007, "date": date},
        // none of these
        entry(1107, &hidden, &organization.id),
        entry(1108, &foreign, &organization.id),
        entry(1109, &foreign, &elsewhere.id),
        {"type": 1602, "organizationId": elsewhere.id, "date": date},
        entry(1118, &item, &organization.id),
        entry(1101, &item, &organization.id),
        entry(1501, &item, &organization.id),
        {"type": 1110, "cipherId": "no id", "date": "no date"},
        {"type": 1110},
        {},
    ]);
    bens.post("/events/collect", &reports).await.ok_empty();
    bens.post("/api/collect", &json!([{"type": 1113, "cipherId": item}]))
        .await
        .ok_empty();

    let told = all(&anns, &organization.path("events")).await;
    let client = |kind: &i64| matches!(kind, 1007 | 1107..=1114 | 1118 | 1602);
    let reported: BTreeSet<i64> = types(&told).into_iter().filter(client).collect();
    assert_eq!(reported, BTreeSet::from([1007, 1107, 1111, 1113, 1602]));
    let bens_id = bens.user_id().await.to_string();
    assert!(of(&told, 1107).iter().all(|event| event["cipherId"] == item.as_str()));
    assert_eq!(of(&told, 1111)[0]["actingUserId"], bens_id.as_str());
    // the server's time orders; the client's is a claim
    assert!(of(&told, 1107)[0]["date"].as_str().unwrap() > "2026-02-03T04:05:06.789Z");
    let theirs = all(&others, &elsewhere.path("events")).await;
    assert!(!theirs.iter().any(|event| event["actingUserId"] == bens_id.as_str()));
    let mine: HashSet<i64> = types(&all(&bens, "/api/events").await).into_iter().collect();
    assert!(mine.contains(&1114) && mine.contains(&1007) && !mine.contains(&1107));
    let (code, text) = server.run(&["audit", "export", "--user", &ben.email]).await;
    assert_eq!(code, Some(0));
    let line = text.lines().find(|line| line.contains("\"type\":1114")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["origin"], &line["detail"]["claimedDate"]),
        (&json!("client"), &json!(date))
    );

    // what is of a membership says whose
    let of_members = [1522, 1618, 1619, 2400, 2401, 2402];
    let of_membership: Vec<_> = of_members
        .iter()
        .map(|kind| json!({"type": kind, "organizationId": organization.id, "date": date}))
        .collect();
    bens.post("/events/collect", &json!(of_membership)).await.ok_empty();
    let told = all(&anns, &organization.path("events")).await;
    for kind in of_members {
        let told = of(&told, kind)[0];
        let whose = ["userId", "organizationUserId", "actingUserId"].map(|name| told[name].as_str().unwrap());
        assert_eq!(whose, [&bens_id, &membership, &bens_id], "{kind}");
    }

    for body in [json!([]), Value::Null] {
        assert_eq!(bens.post("/events/collect", &body).await.status, 400);
    }
    // however many gathered: a client that is refused puts them back, and all that follow with them
    let before = of(&all(&anns, &organization.path("events?type=1108")).await, 1108).len();
    let many: Vec<_> = (0..1_201).map(|_| entry(1108, &item, &organization.id)).collect();
    bens.post("/events/collect", &json!(many)).await.ok_empty();
    let after = of(&all(&anns, &organization.path("events?type=1108")).await, 1108).len();
    assert_eq!(after - before, 1_201);
    // and whatever one of them is
    let mixed = json!([
        {"type": "1109", "cipherId": item},
        {"type": 1109, "cipherId": 7},
        {"type": 1109, "cipherId": {"id": item}},
        {"type": 1e300},
        [],
        7,
        null,
        entry(1109, &item, &organization.id),
    ]);
    bens.post("/events/collect", &mixed).await.ok_empty();
    assert_eq!(all(&anns, &organization.path("events?type=1109")).await.len(), 1);
    bens.post("/events/collect", &json!({"type": 1107}))
        .await
        .refused(400, "");
    bens.post("/events/collect", &json!([7])).await.refused(400, "");
    assert_eq!(server.client().post("/events/collect", &reports).await.status, 401);
}
