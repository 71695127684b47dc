//! Killed in the middle of writing: what was acknowledged is there, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;
use tests::client::item::{self, Kind};
use tests::client::vault::id;
use tests::client::{Account, Client};
use tests::server::Server;

const WRITERS: usize = 6;
const ROUNDS: usize = 10;
/// From a kill until the program answers again: recovery of the database, then catching up.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// What a client knows for certain.
#[derive(Debug, Default)]
struct Ledger {
    /// Name of the item to its id: the server answered 200.
    acknowledged: BTreeMap<String, String>,
    /// Items whose last acknowledged write took them away.
    deleted: BTreeMap<String, String>,
    /// Names sent without an answer: they may be there, once, or not.
    unanswered: BTreeMap<String, usize>,
    /// Ids whose deletion was not answered.
    uncertain: Vec<String>,
}

/// One writer: makes items until told to stop, and deletes each fifth of its own.
async fn write(writer: usize, client: Client, account: Account, ledger: Arc<Mutex<Ledger>>, stop: Arc<AtomicBool>) {
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("writer {writer} turn {turn}");
        let sent = item::request(&account.user_key, Kind::Login, &name);
        let answer = client
            .try_send(client.request(Method::POST, "/api/ciphers").json(&sent))
            .await;
        match answer {
            Ok(answer) if answer.status == 200 => {
                let made = id(&answer.body);
                ledger.lock().unwrap().acknowledged.insert(name.clone(), made.clone());
                if turn % 5 == 4 {
                    delete(&client, &name, &made, &ledger).await;
                }
            }
            Ok(answer) if answer.status < 500 => {
                panic!("{name}: a good write was refused: {} {}", answer.status, answer.text)
            }
            _ => {
                ledger.lock().unwrap().unanswered.insert(name, turn);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn delete(client: &Client, name: &str, made: &str, ledger: &Mutex<Ledger>) {
    let answer = client
        .try_send(client.request(Method::DELETE, &format!("/api/ciphers/{made}")))
        .await;
    let mut ledger = ledger.lock().unwrap();
    let id = ledger
        .acknowledged
        .remove(name)
        .expect("it was acknowledged a moment ago");
    match answer {
        Ok(answer) if answer.status == 200 => drop(ledger.deleted.insert(name.to_owned(), id)),
        Ok(answer) if answer.status < 500 => {
            panic!("{name}: deleting it was refused: {} {}", answer.status, answer.text)
        }
        _ => ledger.uncertain.push(id),
    }
}

/// Waits until a write succeeds again; gives how long it took.
async fn wait_until_writable(client: &Client, account: &Account, round: usize) -> Duration {
    let started = Instant::now();
    loop {
        let sent = item::folder(&account.user_key, &format!("after round {round}"));
        let answer = client
            .try_send(client.request(Method::POST, "/api/folders").json(&sent))
            .await;
        if answer.is_ok_and(|answer| answer.status == 200) {
            return started.elapsed();
        }
        assert!(
            started.elapsed() < BACK_WITHIN,
            "round {round}: no write succeeded within {BACK_WITHIN:?} after the kill"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn assert_whole(ledger: &Ledger, account: &Account, sync: &Value) {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cipher in sync["ciphers"].as_array().unwrap() {
        let name = account
            .user_key
            .open(cipher["name"].as_str().unwrap())
            .expect("a name sealed by the account");
        found.entry(name).or_default().push(id(cipher));
    }
    let mut wrong = Vec::new();
    for (name, ids) in found.iter().filter(|(_, ids)| ids.len() > 1) {
        wrong.push(format!("doubled: {name} is there as {ids:?}"));
    }
    for (name, made) in &ledger.acknowledged {
        if found.get(name).is_none_or(|ids| !ids.contains(made)) {
            wrong.push(format!("lost: {name} ({made}) was acknowledged"));
        }
    }
    for (name, made) in &ledger.deleted {
        if found.contains_key(name) {
            wrong.push(format!("risen: {name} ({made}) was deleted"));
        }
    }
    let known = |name: &str| ledger.acknowledged.contains_key(name) || ledger.unanswered.contains_key(name);
    for (name, ids) in found
        .iter()
        .filter(|(name, ids)| !known(name) && !ids.iter().any(|id| ledger.uncertain.contains(id)))
    {
        wrong.push(format!("invented: {name} {ids:?}"));
    }
    let shown = wrong[..wrong.len().min(20)].join("\n");
    assert!(
        wrong.is_empty(),
        "{} of {} acknowledged items are wrong:\n{shown}",
        wrong.len(),
        ledger.acknowledged.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_when_server_and_database_are_killed() {
    let server = Server::start().await;
    let (account, client) = server.member("crash").await;
    let (ledger, stop) = (
        Arc::new(Mutex::new(Ledger::default())),
        Arc::new(AtomicBool::new(false)),
    );
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write(
                writer,
                client.clone(),
                account.clone(),
                Arc::clone(&ledger),
                Arc::clone(&stop),
            ))
        })
        .collect();
    for round in 0..ROUNDS {
        let before = ledger.lock().unwrap().acknowledged.len();
        tokio::time::sleep(Duration::from_millis(700)).await;
        for _ in 0..600 {
            if ledger.lock().unwrap().acknowledged.len() >= before + 10 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if round % 2 == 0 {
            server.kill9().await;
            server.restart().await;
        } else {
            server.kill9_postgres();
        }
        let back = wait_until_writable(&client, &account, round).await;
        let ledger = ledger.lock().unwrap();
        println!(
            "round {round}: {} acknowledged before the kill, writable again after {back:?}",
            ledger.acknowledged.len().saturating_sub(before)
        );
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer does not panic");
    }
    let ledger = Arc::try_unwrap(ledger)
        .expect("the writers are gone")
        .into_inner()
        .unwrap();
    assert!(
        ledger.acknowledged.len() > 50,
        "too few writes to prove anything: {}",
        ledger.acknowledged.len()
    );
    let sync = client.sync().await;
    assert_whole(&ledger, &account, &sync);

    let (code, said) = server.run(&["projections", "rebuild", "--verify"]).await;
    assert_eq!(
        code,
        Some(0),
        "the read models differ from what the events give:\n{said}"
    );
    assert_eq!(
        client.sync().await["ciphers"],
        sync["ciphers"],
        "verifying changed what clients see"
    );
    server.restart().await;
    assert_eq!(
        client.sync().await["ciphers"],
        sync["ciphers"],
        "a clean restart changed what clients see"
    );
    // the tree over the history went on after each kill as if there had been none
    for command in ["checkpoint", "verify"] {
        let (code, said) = server.run(&["audit", command]).await;
        assert_eq!(code, Some(0), "audit {command}: {said}");
    }
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let server = Server::start().await;
    let (account, mut client) = server.member("restart").await;
    let item = client.create_login(&account, "kept").await;
    server.restart().await;
    assert_eq!(client.details(&item).await["id"], item);
    client.refresh().await;
    client.sync().await;
    server.stop().await;
}
