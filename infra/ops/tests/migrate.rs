//! Schema `ops` comes into being, once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;

use cluster::Cluster;
use std::time::{Duration, Instant};

async fn applied(pool: &sqlx::PgPool) -> Vec<i64> {
    sqlx::query_scalar("select version from ops.migration order by version")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn processes_that_start_at_once_migrate_once() {
    let cluster = Cluster::shared();
    let pool = cluster.database().await;
    let (a, b, c) = tokio::join!(ops::migrate(&pool), ops::migrate(&pool), ops::migrate(&pool));
    for done in [a, b, c] {
        done.unwrap();
    }
    ops::migrate(&pool).await.unwrap();
    assert_eq!(applied(&pool).await[..2], [1, 2]);
    let elsewhere: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(elsewhere, 0, "the bookkeeping lies in schema ops too");
}

#[tokio::test]
async fn migrations_of_a_newer_program_are_left_alone() {
    let cluster = Cluster::shared();
    let pool = cluster.database().await;
    ops::migrate(&pool).await.unwrap();
    let newer = "insert into ops.migration (version, description, success, checksum, execution_time)
                 values (9999, 'from the future', true, '', 0)";
    sqlx::query(newer).execute(&pool).await.unwrap();
    ops::migrate(&pool).await.unwrap();
    assert!(applied(&pool).await.contains(&9999));
}

#[tokio::test]
async fn a_migration_that_was_edited_is_refused_and_blocks_nobody() {
    let cluster = Cluster::shared();
    let pool = cluster.database().await;
    ops::migrate(&pool).await.unwrap();
    sqlx::query("update ops.migration set checksum = 'x' where version = 1")
        .execute(&pool)
        .await
        .unwrap();
    ops::migrate(&pool).await.unwrap_err();
    let held = "select count(*) from pg_locks where locktype = 'advisory'
                and database = (select oid from pg_database where datname = current_database())";
    let deadline = Instant::now() + Duration::from_secs(10);
    while sqlx::query_scalar::<_, i64>(held).fetch_one(&pool).await.unwrap() > 0 {
        assert!(Instant::now() < deadline, "the failed run still holds its lock");
        tokio::time::sleep(Duration::from_millis(10)).await; // a session ends a moment after it was closed
    }
}
