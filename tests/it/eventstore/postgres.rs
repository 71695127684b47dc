mod kill;
mod lost_answer;
mod processes;

use super::faulty::who_asks_again_is_stored_once;
use commands::ports::{AppendError, EventStore, Expected};
use domain::event::Position;
use eventstore_postgres::{PostgresStore, Settings, migrate};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::cluster::{TestDatabase, database};
use tests::sample::{Sample, append, seed};
use tokio::task::JoinSet;

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
