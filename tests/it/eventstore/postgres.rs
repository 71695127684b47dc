use super::faulty::who_asks_again_is_stored_once;
use commands::ports::{AppendError, EventStore, Expected};
use domain::event::{Position, Revision, StreamName};
use eventstore_postgres::{PostgresStore, Settings, migrate};
use rand::Rng;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tests::bad_line::BadLine;
use tests::cluster::{Cluster, Durability, TestDatabase, database};
use tests::sample::{Sample, after, all_after, append, append_surely, seed, stream_surely};
use tokio::task::JoinSet;
use uuid::Uuid;

async fn store_on(database: &TestDatabase, settings: Settings) -> Arc<PostgresStore> {
    migrate(&database.pool).await.unwrap();
    Arc::new(PostgresStore::connect(&database.pool, settings).await.unwrap())
}

async fn store() -> Arc<PostgresStore> {
    store_on(&database().await, Settings::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_postgres_hold_the_contract() {
    tests::contract::holds(|| async { store().await as Arc<dyn EventStore> }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_on_a_bad_line_to_postgres_is_stored_once() {
    who_asks_again_is_stored_once(store().await, seed("bad line to postgres")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_order_and_wake_each_other() {
    let database = database().await;
    let [one, other] = [
        store_on(&database, Settings::default()).await,
        store_on(&database, Settings::default()).await,
    ];
    let mut sample = Sample::default();
    let stream = sample.stream();
    for len in 0..20 {
        let (writer, reader) = if len % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let mut wake = reader.wake();
        let done = append(&**writer, sample.append(&stream, after(len), 1)).await.unwrap();
        assert_eq!(done.position, Position(len + 1));
        let woken = tokio::time::timeout(Duration::from_secs(5), wake.wait_for(|head| *head >= done.position)).await;
        assert!(woken.is_ok_and(|w| w.is_ok()), "the other process was not woken");
        assert_eq!(reader.read_stream(&stream, len, 1).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_again_and_at_the_same_time_changes_nothing() {
    let database = database().await;
    let (a, b) = tokio::join!(migrate(&database.pool), migrate(&database.pool));
    a.and(b).unwrap();
    let store = store_on(&database, Settings::default()).await;
    let mut sample = Sample::default();
    let stream = sample.stream();
    append(&*store, sample.append(&stream, Expected::NoStream, 1))
        .await
        .unwrap();
    migrate(&database.pool).await.unwrap();
    assert_eq!(store.head().await.unwrap(), Position(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_cannot_be_changed_or_taken_away() {
    let database = database().await;
    let store = store_on(&database, Settings::default()).await;
    let mut sample = Sample::default();
    let stream = sample.stream();
    append(&*store, sample.append(&stream, Expected::NoStream, 1))
        .await
        .unwrap();
    for statement in [
        "update es.event set revision = 7",
        "delete from es.event",
        "truncate es.event",
    ] {
        let refused = sqlx::query(statement).execute(&database.pool).await.unwrap_err();
        assert!(refused.to_string().contains("only ever added"), "{refused}");
    }
    let mut scrub = database.pool.begin().await.unwrap();
    sqlx::query("select set_config('es.scrub', 'on', true)")
        .execute(&mut *scrub)
        .await
        .unwrap();
    sqlx::query("update es.event set data = ''")
        .execute(&mut *scrub)
        .await
        .unwrap();
    sqlx::query("delete from es.event")
        .execute(&mut *scrub)
        .await
        .unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_stored_before_the_store_closes() {
    let store = store().await;
    let mut sample = Sample::default();
    let asks: Vec<_> = (0..200).map(|_| sample.beginning(1)).collect();
    let appends: Vec<_> = asks
        .into_iter()
        .map(|ask| {
            let store = store.clone();
            tokio::spawn(async move { store.append(vec![ask]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    for append in appends {
        // those that came too late are told so; whoever was let in is stored
        match append.await.unwrap() {
            Ok(done) => assert!(!done[0].repeated),
            Err(error) => assert_eq!(error, AppendError::Unavailable("the event store is closed".to_owned())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_log_makes_appends_wait_then_unavailable_and_then_work_again() {
    let database = database().await;
    let settings = Settings {
        patience: Duration::from_millis(300),
        lock_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let store = store_on(&database, settings).await;
    let (mut sample, mut lock) = (Sample::default(), database.pool.begin().await.unwrap());
    sqlx::query("select from es.log_head for update")
        .execute(&mut *lock)
        .await
        .unwrap();
    let stream = sample.stream();
    let ask = sample.append(&stream, Expected::NoStream, 1);
    let answer = append(&*store, ask.clone()).await;
    assert!(matches!(answer, Err(AppendError::Unavailable(_))), "{answer:?}");
    lock.rollback().await.unwrap();
    assert!(!append(&*store, ask).await.unwrap().repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_the_database_refuses_does_not_harm_its_neighbours() {
    let store = store().await;
    let mut sample = Sample::default();
    let asks: Vec<_> = (0..40)
        .map(|n| {
            let stream = sample.stream();
            let mut ask = sample.append(&stream, Expected::NoStream, 1);
            if n == 20 {
                ask.events[0].type_name = "No\0Name".into(); // text in PostgreSQL has no NUL
            }
            ask
        })
        .collect();
    let answers = futures::future::join_all(asks.into_iter().map(|ask| append(&*store, ask))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is_err(), n == 20, "{n}: {answer:?}");
    }
    assert_eq!(store.head().await.unwrap(), Position(39));
}

/// A store behind a line that can break, with the database it is on.
async fn store_on_bad_line() -> (Arc<PostgresStore>, BadLine) {
    let database = database().await;
    migrate(&database.pool).await.unwrap();
    let options = database.pool.connect_options();
    let line = BadLine::to(options.get_socket().unwrap());
    let pool = sqlx::PgPool::connect_lazy_with((*options).clone().socket(line.folder()));
    let settings = Settings {
        notify: false,
        ..Settings::default()
    };
    (Arc::new(PostgresStore::connect(&pool, settings).await.unwrap()), line)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_was_lost_is_not_stored_twice_not_even_a_record() {
    let (store, line) = store_on_bad_line().await;
    let mut sample = Sample::default();
    let (mut stored, stream) = (0, sample.stream());
    for expected in [
        Expected::NoStream,
        Expected::Any,
        Expected::Exists,
        Expected::Exact(Revision(2)),
    ] {
        // the first one prepares the statement, so that the answer lost is that to the append
        append(&*store, sample.beginning(1)).await.unwrap();
        line.lose_next_answer();
        let ask = sample.append(&stream, expected, 1);
        let done = append(&*store, ask.clone()).await.unwrap();
        stored += 1;
        assert_eq!(
            (done.revision, done.repeated),
            (Revision(stored - 1), true),
            "{expected:?}"
        );
        assert_eq!(u64::from(line.lost()), stored);
        let there = store.read_stream(&stream, 0, 10).await.unwrap();
        assert_eq!(
            (there.len() as u64, there[stored as usize - 1].id),
            (stored, ask.events[0].id)
        );
        assert_eq!(there[stored as usize - 1].position, done.position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_whose_answers_were_lost_are_stored_once_each() {
    let (store, line) = store_on_bad_line().await;
    let mut sample = Sample::default();
    let (log, known) = (sample.stream(), sample.beginning(1));
    append(&*store, known.clone()).await.unwrap();
    let mut ids: Vec<Uuid> = vec![known.events[0].id];
    for _ in 0..10 {
        let asks: Vec<Vec<_>> = (0..60)
            .map(|n| match n % 4 {
                0 => vec![sample.beginning(2)],
                1 => vec![sample.append(&log, Expected::Any, 2)],
                2 => vec![sample.append(&known.stream, Expected::Exists, 1)],
                _ => vec![sample.beginning(1), sample.append(&log, Expected::Any, 1)],
            })
            .collect();
        ids.extend(asks.iter().flatten().flat_map(|ask| &ask.events).map(|e| e.id));
        line.lose_next_answer();
        for answer in futures::future::join_all(asks.into_iter().map(|ask| store.append(ask))).await {
            answer.unwrap();
        }
    }
    assert_eq!(line.lost(), 10);
    let mut kept: Vec<Uuid> = all_after(&*store, Position::START, 500)
        .await
        .iter()
        .map(|e| e.id)
        .collect();
    kept.sort();
    ids.sort();
    assert_eq!(kept, ids);
}

/// How fast it is, for reading; a bound would measure the machine.
#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_commits() {
    let store = store().await;
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for _ in 0..64 {
        let store = store.clone();
        writers.spawn(async move {
            let mut sample = Sample::default();
            for _ in 0..50 {
                let stream = sample.stream();
                append(&*store, sample.append(&stream, Expected::NoStream, 1))
                    .await
                    .unwrap();
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    println!("64 writers: {:.0} appends/s", 3_200.0 / began.elapsed().as_secs_f64());
    assert_eq!(store.head().await.unwrap(), Position(3_200));
}

/// Appends to streams that others append to, until told to stop; what it was told is stored, and where.
async fn write(
    store: Arc<PostgresStore>,
    streams: Arc<Vec<StreamName>>,
    stop: Arc<AtomicBool>,
    seed: u64,
) -> HashMap<Uuid, Position> {
    let (mut sample, mut told) = (Sample::new(seed), HashMap::new());
    while !stop.load(Ordering::Relaxed) {
        let stream = &streams[sample.dice.random_range(0..streams.len())];
        let ask = if sample.dice.random_bool(0.3) {
            let own = sample.stream();
            vec![sample.append(&own, Expected::NoStream, 2)]
        } else {
            let len = stream_surely(&*store, stream).await.len() as u64;
            vec![sample.append(stream, after(len), 1)]
        };
        let ids: Vec<Uuid> = ask[0].events.iter().map(|e| e.id).collect();
        if let Ok(done) = append_surely(&*store, ask).await {
            let last = done[0].position.0;
            told.extend(ids.iter().rev().zip(0..).map(|(id, back)| (*id, Position(last - back))));
        }
    }
    told
}

/// Callers give up early, and ask again themselves.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_and_is_there_once() {
    survives_kill_9(Duration::from_millis(200)).await;
}

/// The store itself asks again until the database is back.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_long_enough_does_not_notice_kill_9() {
    survives_kill_9(Duration::from_secs(60)).await;
}

async fn survives_kill_9(patience: Duration) {
    let cluster = Arc::new(
        tokio::task::spawn_blocking(|| Cluster::start(Durability::Full))
            .await
            .unwrap(),
    );
    let database = cluster.database().await;
    let settings = Settings {
        patience,
        ..Settings::default()
    };
    let store = store_on(&database, settings).await;
    let seed = seed("kill -9");
    let mut sample = Sample::new(seed);
    let streams = Arc::new((0..12).map(|_| sample.stream()).collect::<Vec<_>>());
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=6)
        .map(|n| {
            tokio::spawn(write(
                store.clone(),
                streams.clone(),
                stop.clone(),
                seed.wrapping_add(n),
            ))
        })
        .collect();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(sample.dice.random_range(300..900))).await;
        let cluster = cluster.clone();
        tokio::task::spawn_blocking(move || {
            cluster.kill();
            cluster.start_server();
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut told = HashMap::new();
    for writer in writers {
        told.extend(writer.await.unwrap());
    }
    let kept = all_after(&*store, Position::START, 1_000).await;
    println!("{} events acknowledged, {} stored", told.len(), kept.len());
    assert!(
        kept.iter().map(|e| e.position.0).eq(1..=kept.len() as u64),
        "positions have a gap"
    );
    let places: HashMap<Uuid, Position> = kept.iter().map(|e| (e.id, e.position)).collect();
    assert_eq!(places.len(), kept.len(), "an event is stored twice");
    assert_eq!(places, told, "acknowledged is not what is stored");
    let mut revisions: HashMap<&StreamName, u64> = HashMap::new();
    for event in &kept {
        let next = revisions.entry(&event.stream).or_default();
        assert_eq!(event.revision.0, *next, "a stream has a hole");
        *next += 1;
    }
    assert!(kept.is_sorted_by_key(|e| e.recorded_at_micros));
}
