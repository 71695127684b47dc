//! What the trees over the history cost: `log_tree [events [organizations]]`, 200,000 by default in a PostgreSQL of their own; each
//! event counts for one of 50 organizations, or for none of 0.
//!
//! Prints processor time of this process and bytes in the database per event, in steps of 4,096 and of 50 events, and how
//! long proofs and comparing everything take.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use bytes::Bytes;
use commands::ports::{EventStore, Expected, StreamAppend};
use domain::event::{NewEvent, Position, StreamName};
use domain::proof::LogId;
use eventstore_postgres::{PostgresStore, Settings};
use ops::log_tree::{Follower, LogKey, LogTree, Prover, Step};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Events taken up by small steps, as while the server is in use.
const SMALL: usize = 10_000;

/// Processor time of this process so far.
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // hundredths of a second
}

/// Metadata of 242 bytes that names one of so many organizations.
fn meta(organizations: u128, event: usize) -> Bytes {
    let named = match organizations {
        0 => String::new(),
        n => format!("\"{}\"", Uuid::from_u128(event as u128 % n)),
    };
    let json = format!("{{\"organizations\":[{named}],\"rest\":\"\"}}");
    let rest = "m".repeat(242 - json.len());
    Bytes::from(json.replace("\"\"}", &format!("\"{rest}\"}}")))
}

async fn append(store: &PostgresStore, count: usize, organizations: u128) {
    for round in 0..count / 500 {
        let appends = (0..500).map(|i| StreamAppend {
            stream: StreamName::new("folder", Uuid::new_v4()),
            expected: Expected::NoStream,
            events: vec![NewEvent {
                id: Uuid::new_v4(),
                type_name: "FolderRenamed".into(),
                schema: 1,
                data: Bytes::from_static(&[b'd'; 806]),
                meta: meta(organizations, round * 500 + i),
            }],
        });
        store.append(appends.collect()).await.unwrap();
    }
}

#[tokio::main]
async fn main() {
    let events: usize = std::env::args().nth(1).map_or(200_000, |n| n.parse().unwrap());
    let organizations: u128 = std::env::args().nth(2).map_or(50, |n| n.parse().unwrap());
    let pool = tests::cluster::database().await.pool;
    eventstore_postgres::migrate(&pool).await.unwrap();
    ops::migrate(&pool).await.unwrap();
    let store = Arc::new(PostgresStore::connect(&pool, Settings::default()).await.unwrap());
    let log = LogId("annalock/cost".to_owned());
    let key = LogKey::new(&log, &[1; 32]).unwrap();
    let tree = LogTree::new(log, pool.clone(), Arc::clone(&store) as Arc<dyn EventStore>, |_| true);

    let mut follower = Follower::new(tree.clone());
    for (count, step) in [(events, 4_096), (SMALL, 50)] {
        append(&store, count, organizations).await;
        let (began, before) = (Instant::now(), used());
        while follower.step_of(step).await.unwrap() != Step::Head {}
        let per_event = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        println!(
            "{count} events in steps of {step}: {:.1} us of processor, {:.1} us of time each",
            per_event(used() - before),
            per_event(began.elapsed())
        );
    }
    let sizes: (i64, i64) = sqlx::query_as(
        "select sum(length(hashes))::bigint, (select max(size) from ops.log_tree) from ops.log_tree_tile",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    println!("{:.2} bytes of hashes each", sizes.0 as f64 / sizes.1 as f64);
    sqlx::query("vacuum full ops.log_tree_tile")
        .execute(&pool)
        .await
        .unwrap();
    let disk: i64 = sqlx::query_scalar("select pg_total_relation_size('ops.log_tree_tile')")
        .fetch_one(&pool)
        .await
        .unwrap();
    println!(
        "{:.2} bytes of the database each, when full",
        disk as f64 / sizes.1 as f64
    );

    let (size, _) = tree.sign(&key).await.unwrap().unwrap();
    let mut prover = Prover::new(tree.clone(), size);
    let began = Instant::now();
    for position in (1..=size).step_by((size / 1_000) as usize).take(1_000) {
        prover.event(Position(position)).await.unwrap();
    }
    println!(
        "an inclusion proof, spread out: {:.2} ms",
        began.elapsed().as_secs_f64()
    );
    let (began, before) = (Instant::now(), used());
    let worked = Position(events as u64);
    tree.verify(key.public(), Vec::new(), worked, &|_, _| {}).await.unwrap();
    println!(
        "everything compared: {:.0} events/s, {:.1} us of processor each",
        size as f64 / began.elapsed().as_secs_f64(),
        (used() - before).as_secs_f64() * 1e6 / size as f64
    );
}
