//! Several clients edit one item: nobody's work disappears unnoticed.

use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::vault::id;
use tests::server::Server;

#[tokio::test]
async fn of_eight_clients_that_saw_the_same_revision_exactly_one_writes() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 25;
    let server = Server::shared().await;
    let (account, client) = server.member("rivals").await;
    let (_, made) = client.create(&account, Kind::Login, "start").await;
    let path = format!("/api/ciphers/{}", id(&made));
    let rivals: Vec<_> = (0..CLIENTS).map(|_| client.without_reuse()).collect();
    for round in 0..ROUNDS {
        let seen = client.get(&path).await.ok()["revisionDate"].clone();
        let bodies: Vec<Value> = (0..CLIENTS)
            .map(|rival| {
                let mut body = item::request(&account.user_key, Kind::Login, &format!("round {round} by {rival}"));
                body["lastKnownRevisionDate"] = seen.clone();
                body
            })
            .collect();
        let answers =
            futures::future::join_all(rivals.iter().zip(&bodies).map(|(rival, body)| rival.put(&path, body))).await;
        let winners: Vec<usize> = (0..CLIENTS).filter(|rival| answers[*rival].status == 200).collect();
        assert_eq!(
            winners.len(),
            1,
            "round {round}: {:?}",
            answers.iter().map(|a| (a.status, &a.text)).collect::<Vec<_>>()
        );
        let kept = client.get(&path).await.ok();
        assert_eq!(
            kept["name"], bodies[winners[0]]["name"],
            "round {round}: the item is not what the winner wrote"
        );
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.refused(400, "out of date");
        }
    }
}

#[tokio::test]
async fn a_revision_is_compared_exactly_at_the_precision_it_is_sent_in() {
    let (account, client) = Server::shared().await.member("precision").await;
    let (_, made) = client.create(&account, Kind::Login, "start").await;
    let path = format!("/api/ciphers/{}", id(&made));
    let edit = |revision: String| {
        let (client, path) = (client.clone(), path.clone());
        let mut body = item::request(&account.user_key, Kind::Login, "edited");
        body["lastKnownRevisionDate"] = json!(revision);
        async move { client.put(&path, &body).await }
    };
    let seen = chrono::DateTime::parse_from_rfc3339(made["revisionDate"].as_str().unwrap()).unwrap();
    let text = |time: chrono::DateTime<chrono::FixedOffset>, format| {
        time.with_timezone(&chrono::Utc).to_rfc3339_opts(format, true)
    };
    let millis = chrono::SecondsFormat::Millis;
    edit(text(seen - chrono::Duration::milliseconds(1), millis))
        .await
        .refused(400, "out of date");
    edit(text(seen + chrono::Duration::milliseconds(1), millis))
        .await
        .refused(400, "out of date");
    edit(text(seen - chrono::Duration::seconds(1), chrono::SecondsFormat::Secs))
        .await
        .refused(400, "out of date");
    edit(text(seen, millis)).await.ok();
    // two revisions in one second look alike to a client that cuts the date: it may have seen either
    let second = text(seen, chrono::SecondsFormat::Secs);
    if client.get(&path).await.ok()["revisionDate"].as_str().unwrap()[..19] == second[..19] {
        edit(second).await.refused(400, "out of date");
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    edit(
        client.get(&path).await.ok()["revisionDate"]
            .as_str()
            .unwrap()
            .to_owned(),
    )
    .await
    .ok();

    let now = client.get(&path).await.ok()["revisionDate"]
        .as_str()
        .unwrap()
        .to_owned();
    let seconds = format!("{}Z", now.trim_end_matches('Z').split('.').next().unwrap());
    edit(seconds).await.ok();
}

#[tokio::test]
async fn edits_that_name_no_revision_all_succeed_and_the_last_stays() {
    let (account, client) = Server::shared().await.member("lastwins").await;
    let (_, made) = client.create(&account, Kind::Login, "start").await;
    let path = format!("/api/ciphers/{}", id(&made));
    let bodies: Vec<_> = (0..16)
        .map(|i| item::request(&account.user_key, Kind::Login, &format!("edit {i}")))
        .collect();
    let answers = futures::future::join_all(bodies.iter().map(|body| client.put(&path, body))).await;
    let mut answers: Vec<_> = answers.into_iter().map(tests::client::Answer::ok).collect();
    answers.sort_by_key(|answer| answer["revisionDate"].as_str().unwrap().to_owned());
    let mut revisions: Vec<_> = answers.iter().map(|answer| answer["revisionDate"].clone()).collect();
    revisions.dedup();
    assert_eq!(revisions.len(), 16, "each edit has a revision of its own");
    assert_eq!(client.get(&path).await.ok()["name"], answers[15]["name"]);
}
