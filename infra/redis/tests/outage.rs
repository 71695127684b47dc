//! What happens while Redis is away, and afterwards.

#![allow(clippy::unwrap_used)] // tests

mod support;

use bytes::Bytes;
use commands::ports::shared_state::*;
use domain::{event::Position, id::UserId};
use redis_adapter::RedisShared;
use std::time::{Duration, Instant};
use support::{RedisServer, cluster::Cluster, eventually, sentinels::Sentinels};
use tokio::time::timeout;

const RULE: Rule = Rule::new(5, Duration::from_secs(60));

fn ann() -> UserId {
    UserId(uuid::Uuid::from_u128(1))
}

async fn next(subscription: &mut Subscription) -> Heard {
    timeout(Duration::from_secs(60), subscription.next())
        .await
        .expect("heard within 60 s")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_logins_stay_limited_and_nothing_hangs() {
    let mut server = RedisServer::start();
    let state = RedisShared::new(&server.url()).unwrap();
    let key = RateKey::new("login", "ann");
    for _ in 0..3 {
        assert!(state.hit(&key, RULE).await.allowed);
    }
    Cache::set(&state, "k", Bytes::from_static(b"v"), Duration::from_secs(60)).await;
    server.kill();
    let start = Instant::now();
    let allowed = [(); 20].map(|()| state.hit(&key, RULE));
    let mut passed = 0;
    for hit in allowed {
        passed += u32::from(hit.await.allowed);
    }
    assert_eq!(passed, 2, "the three before the outage count");
    assert!(!state.peek(&key, RULE).await.allowed);
    assert_eq!(Cache::get(&state, "k").await, None);
    assert!(matches!(
        Cache::delete(&state, "k").await,
        Err(SharedStateError::Unavailable(_))
    ));
    assert!(matches!(
        LastPosition::get(&state, ann()).await,
        Err(SharedStateError::Unavailable(_))
    ));
    assert!(matches!(
        LastPosition::set(&state, ann(), Position(1)).await,
        Err(SharedStateError::Unavailable(_))
    ));
    assert!(matches!(
        state.publish("c", Bytes::new()).await,
        Err(SharedStateError::Unavailable(_))
    ));
    assert!(state.ping().await.is_err());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_everything_goes_on_and_subscribers_are_told_of_the_gap() {
    let mut server = RedisServer::start();
    let state = RedisShared::new(&server.url()).unwrap();
    let mut subscription = state.subscribe("c").await.unwrap();
    state.publish("c", Bytes::from_static(b"before")).await.unwrap();
    assert_eq!(
        next(&mut subscription).await,
        Heard::Message(Bytes::from_static(b"before"))
    );
    assert!(state.hit(&RateKey::new("login", "ann"), RULE).await.allowed);

    server.kill();
    assert!(state.publish("c", Bytes::from_static(b"lost")).await.is_err());
    server.start_again();

    assert_eq!(next(&mut subscription).await, Heard::Missed);
    eventually("redis to be used again", || async { state.ping().await.is_ok() }).await;
    state.publish("c", Bytes::from_static(b"after")).await.unwrap();
    assert_eq!(
        next(&mut subscription).await,
        Heard::Message(Bytes::from_static(b"after"))
    );
    // scripts were lost with the server's memory and are loaded again
    let key = RateKey::new("login", "bob");
    assert_eq!(state.hit(&key, RULE).await.remaining, 4);
    let other = RedisShared::new(&server.url()).unwrap();
    assert_eq!(
        other.hit(&key, RULE).await.remaining,
        3,
        "counted in Redis, not in the process"
    );
    LastPosition::set(&state, ann(), Position(7)).await.unwrap();
    assert_eq!(LastPosition::get(&other, ann()).await, Ok(Some(Position(7))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_unnoticed_costs_the_caller_nothing() {
    let mut server = RedisServer::start();
    let state = RedisShared::new(&server.url()).unwrap();
    LastPosition::set(&state, ann(), Position(1)).await.unwrap();
    server.kill();
    server.start_again();
    LastPosition::set(&state, ann(), Position(2)).await.unwrap();
    assert_eq!(LastPosition::get(&state, ann()).await, Ok(Some(Position(2))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_accepts_and_never_answers_does_not_hold_up_logins() {
    let server = RedisServer::start();
    let state = RedisShared::new(&server.url()).unwrap();
    let key = RateKey::new("login", "ann");
    let mut subscription = state.subscribe("c").await.unwrap();
    assert!(state.hit(&key, RULE).await.allowed);
    server.freeze();
    let start = Instant::now();
    let mut passed = 0;
    for _ in 0..10 {
        passed += u32::from(state.hit(&key, RULE).await.allowed);
    }
    assert_eq!(passed, 4);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    tokio::time::sleep(Duration::from_secs(10)).await; // past the ping of the subscription
    server.thaw();
    assert_eq!(next(&mut subscription).await, Heard::Missed);
    eventually("redis to be used again", || async { state.ping().await.is_ok() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_starts_before_redis_is_served_once_it_comes() {
    let mut server = RedisServer::start();
    server.kill();
    let state = RedisShared::new(&server.url()).unwrap();
    assert!(state.hit(&RateKey::new("login", "ann"), RULE).await.allowed);
    assert!(state.subscribe("c").await.is_err());
    server.start_again();
    eventually("redis to be used", || async { state.ping().await.is_ok() }).await;
    let mut subscription = state.subscribe("c").await.unwrap();
    state.publish("c", Bytes::from_static(b"m")).await.unwrap();
    assert_eq!(next(&mut subscription).await, Heard::Message(Bytes::from_static(b"m")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_master_dies_the_sentinels_lead_to_its_successor() {
    let mut group = Sentinels::start();
    let state = RedisShared::new(&group.url()).unwrap();
    let mut subscription = state.subscribe("c").await.unwrap();
    LastPosition::set(&state, ann(), Position(5)).await.unwrap();
    eventually("the replica to have it", || async {
        support::cli(
            group.replica.port,
            &["EXISTS", &format!("annalock:position:{}", ann().0)],
        )
        .starts_with('1')
    })
    .await;
    group.master.kill();
    eventually("the successor", || async {
        LastPosition::set(&state, ann(), Position(6)).await.is_ok()
    })
    .await;
    assert_eq!(LastPosition::get(&state, ann()).await, Ok(Some(Position(6))));
    assert_eq!(next(&mut subscription).await, Heard::Missed);
    state.publish("c", Bytes::from_static(b"m")).await.unwrap();
    assert_eq!(next(&mut subscription).await, Heard::Message(Bytes::from_static(b"m")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_node_that_comes_back_is_used_again() {
    let mut cluster = Cluster::start();
    let state = RedisShared::new(&cluster.url()).unwrap();
    let keys: Vec<_> = (0..30).map(|n| RateKey::new("login", n.to_string())).collect();
    for key in &keys {
        assert_eq!(state.hit(key, RULE).await.remaining, 4);
    }
    cluster.nodes[1].kill();
    for key in &keys {
        assert!(
            state.hit(key, RULE).await.allowed,
            "judged by the process where the node is missing"
        );
    }
    cluster.nodes[1].start_again();
    eventually("the cluster", || async {
        support::cli(cluster.nodes[0].port, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
    })
    .await;
    eventually("every node to be used", || async {
        for n in 0..30_u128 {
            if LastPosition::set(&state, UserId(uuid::Uuid::from_u128(n)), Position(1))
                .await
                .is_err()
            {
                return false;
            }
        }
        true
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_only_a_server_somebody_vouches_for_is_used() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default(); // once per process
    let folder = tempfile::tempdir().unwrap();
    let (ca, key) = (folder.path().join("ca.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&ca, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (ca, key, port) = (
        ca.display().to_string(),
        key.display().to_string(),
        support::free_port(),
    );
    let tls = [
        "--tls-cert-file",
        &ca,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ];
    let port = port.to_string();
    let options = [&tls[..], &["--tls-port", &port]].concat();
    let server = RedisServer::start_with(&options);
    support::cli(server.port, &["CONFIG", "SET", "requirepass", "p@ss"]);

    let state = RedisShared::new(&format!("rediss://:p%40ss@localhost:{port}/1?ca={ca}")).unwrap();
    state.ping().await.unwrap();
    let mut subscription = state.subscribe("c").await.unwrap();
    state.publish("c", Bytes::from_static(b"m")).await.unwrap();
    assert_eq!(next(&mut subscription).await, Heard::Message(Bytes::from_static(b"m")));

    for wrong in [
        format!("rediss://:p%40ss@localhost:{port}"),
        format!("rediss://:other@localhost:{port}?ca={ca}"),
    ] {
        let refused = RedisShared::new(&wrong).unwrap().ping().await.unwrap_err().to_string();
        assert!(!refused.contains("p@ss") && !refused.contains("other"), "{refused}");
    }
}
