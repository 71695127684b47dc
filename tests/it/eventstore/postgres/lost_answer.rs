//! The line breaks after the commit and before its answer.

use commands::ports::{EventStore, Expected};
use domain::event::{Position, Revision};
use eventstore_postgres::{PostgresStore, Settings, migrate};
use std::sync::Arc;
use tests::bad_line::BadLine;
use tests::cluster::database;
use tests::sample::{Sample, all_after, append};
use uuid::Uuid;

/// A store behind a line that can break, and one behind a good line to read by: nothing but appends uses the bad one, so
/// what it loses is the answer to an append.
async fn store_on_bad_line() -> (Arc<PostgresStore>, BadLine, Arc<PostgresStore>) {
    let database = database().await;
    migrate(&database.pool).await.unwrap();
    let options = database.pool.connect_options();
    let line = BadLine::to(options.get_socket().unwrap());
    let pool = sqlx::PgPool::connect_lazy_with((*options).clone().socket(line.folder()));
    let settings = Settings {
        notify: false,
        ..Settings::default()
    };
    let reader = super::store_on(&database, settings.clone()).await;
    let store = PostgresStore::connect(&pool, settings).await.unwrap();
    (Arc::new(store), line, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_was_lost_is_not_stored_twice_not_even_a_record() {
    let (store, line, reader) = store_on_bad_line().await;
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
        let there = reader.read_stream(&stream, 0, 10).await.unwrap();
        assert_eq!(
            (there.len() as u64, there[stored as usize - 1].id),
            (stored, ask.events[0].id)
        );
        assert_eq!(there[stored as usize - 1].position, done.position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_whose_answers_were_lost_are_stored_once_each() {
    let (store, line, reader) = store_on_bad_line().await;
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
    let mut kept: Vec<Uuid> = all_after(&*reader, Position::START, 500)
        .await
        .iter()
        .map(|e| e.id)
        .collect();
    kept.sort();
    ids.sort();
    assert_eq!(kept, ids);
}
