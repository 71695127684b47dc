//! Killed right after rights were taken away or given: what was acknowledged holds from the first answer on.

use super::join;
use serde_json::json;
use std::time::{Duration, Instant};
use tests::client::organization::Organization;
use tests::client::{Answer, Client};
use tests::server::Server;

const ROUNDS: usize = 6;
/// From a kill until there are answers again.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The first answer that is no server error and no broken connection.
async fn first_answer(client: &Client, path: &str) -> Answer {
    let started = Instant::now();
    loop {
        let answer = client.try_send(client.request(reqwest::Method::GET, path)).await;
        match answer {
            Ok(answer) if answer.status < 500 => return answer,
            _ => assert!(
                started.elapsed() < BACK_WITHIN,
                "{path}: no answer within {BACK_WITHIN:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Kills the database, or the server, which is started again.
async fn kill(server: &Server, round: usize) {
    if round.is_multiple_of(2) {
        server.kill9_postgres();
    } else {
        server.kill9().await;
        server.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_as_they_were_acknowledged_when_server_and_database_are_killed() {
    let server = Server::start().await;
    let (ann, anns) = server.member("crash-owner").await;
    let organization = anns.found(&ann, "Crashing").await;
    let rights = Organization::selection(&organization.collection, [false, false, true]);
    let (_, bens, member) = join(
        &server,
        &anns,
        &organization,
        "crash-member",
        2,
        std::slice::from_ref(&rights),
    )
    .await;
    let item = anns
        .make_shared(&organization, "shared", &[&organization.collection])
        .await;
    let read = format!("/api/ciphers/{item}");
    let write = json!({"cipher": {"type": 1}, "collectionIds": []});
    let change = |collections: &[serde_json::Value]| json!({"type": 2, "permissions": {}, "collections": collections, "groups": []});
    let membership = organization.path(&format!("users/{member}"));
    for round in 0..ROUNDS {
        assert_eq!(bens.get(&read).await.status, 200);
        // a right in the collection, or all of them
        if round % 3 == 0 {
            anns.put(&membership, &change(&[])).await.ok_empty();
        } else {
            anns.put_empty(&format!("{membership}/revoke")).await.ok_empty();
        }
        kill(&server, round).await;
        let answer = first_answer(&bens, &read).await;
        assert_eq!(answer.status, 404, "round {round}, taken away: {}", answer.text);
        let sync = first_answer(&bens, "/api/sync").await;
        assert_eq!(sync.body["ciphers"], json!([]), "round {round}");
        let made = bens.post("/api/ciphers/create", &write).await;
        assert!(made.status >= 400, "round {round}: {}", made.text);

        if round % 3 == 0 {
            anns.put(&membership, &change(std::slice::from_ref(&rights)))
                .await
                .ok_empty();
        } else {
            anns.put_empty(&format!("{membership}/restore")).await.ok_empty();
        }
        kill(&server, round + 1).await;
        let answer = first_answer(&bens, &read).await;
        assert_eq!(answer.status, 200, "round {round}, given back: {}", answer.text);
    }
    let (code, said) = server.run(&["projections", "rebuild", "--verify"]).await;
    assert_eq!(code, Some(0), "{said}");
}
