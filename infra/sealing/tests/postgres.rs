//! Keys in a real table.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../ops/tests/cluster/mod.rs"]
mod cluster;
mod common;

use cluster::Cluster;
use commands::ports::{Seal, SealError};
use common::{event, keyring, open, seal, stored, stream, subject};
use domain::personal::Personal;
use sealing::table::{KeyTable, PostgresKeyTable};
use sqlx::PgPool;
use std::sync::Arc;

async fn database(cluster: &Cluster) -> PgPool {
    let pool = cluster.database().await;
    let migration = concat!(
        "create schema ops;",
        include_str!("../../ops/migrations/0001_subject_key.sql")
    );
    sqlx::raw_sql(migration).execute(&pool).await.unwrap();
    pool
}

fn table(pool: &PgPool) -> Arc<dyn KeyTable> {
    Arc::new(PostgresKeyTable::new(pool.clone()))
}

fn personal(n: u128) -> String {
    serde_json::to_string(&Personal::of(subject(n), format!("person {n}"))).unwrap()
}

fn crowd(subjects: impl Iterator<Item = u128>) -> String {
    format!("[{}]", subjects.map(personal).collect::<Vec<_>>().join(","))
}

async fn count(pool: &PgPool, condition: &'static str) -> i64 {
    let sql = format!("select count(*) from ops.subject_key where {condition}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_meet_the_same_people_at_once_agree_on_their_keys() {
    let (cluster, temp) = (Cluster::shared(), tempfile::tempdir().unwrap());
    let pool = database(&cluster).await;
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..8_u128 {
        let keyring = keyring(table(&pool), temp.path());
        // every writer meets them in another order
        let people = crowd((0..50).map(|i| (i * 7 + n * 11) % 50 + 1));
        writers.spawn(async move { (seal(&keyring, &people).await.unwrap(), people) });
    }
    let written = writers.join_all().await;
    assert_eq!(count(&pool, "wrapped_dek is not null").await, 50);
    let reader = keyring(table(&pool), temp.path());
    for (sealed, people) in written {
        assert_eq!(open(&reader, &sealed).await.unwrap(), people);
    }
}

#[tokio::test]
async fn a_page_about_thousands_of_people_is_read_at_once() {
    let (cluster, temp) = (Cluster::shared(), tempfile::tempdir().unwrap());
    let pool = database(&cluster).await;
    let new: Vec<_> = (1..=3000).map(|n| event(personal(n), "{}")).collect();
    let sealed = keyring(table(&pool), temp.path())
        .seal(&stream(), new.clone())
        .await
        .unwrap();
    let sealed = sealed.into_iter().map(|e| stored(&stream(), e)).collect();
    let opened = keyring(table(&pool), temp.path()).open(sealed).await.unwrap();
    assert!(opened.iter().zip(&new).all(|(opened, new)| opened.data == new.data));
}

#[tokio::test]
async fn a_destroyed_key_keeps_its_row_and_nothing_else() {
    let (cluster, temp) = (Cluster::shared(), tempfile::tempdir().unwrap());
    let pool = database(&cluster).await;
    let here = keyring(table(&pool), temp.path());
    let sealed = seal(&here, &crowd(1..=2)).await.unwrap();
    here.destroy(subject(1)).await.unwrap();
    here.destroy(subject(1)).await.unwrap();
    here.destroy(subject(3)).await.unwrap();
    assert_eq!(count(&pool, "wrapped_dek is null and destroyed is not null").await, 2);
    assert_eq!(count(&pool, "wrapped_dek is not null and destroyed is null").await, 1);
    let left = format!(r#"[{{"$personal":{{"s":"{}","v":null}}}},{}]"#, subject(1), personal(2));
    for keyring in [here, keyring(table(&pool), temp.path())] {
        assert_eq!(open(&keyring, &sealed).await.unwrap(), left);
        for erased in [1, 3] {
            assert_eq!(
                seal(&keyring, &personal(erased)).await,
                Err(SealError::Erased(subject(erased)))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_while_being_met_is_erased() {
    let (cluster, temp) = (Cluster::shared(), tempfile::tempdir().unwrap());
    let pool = database(&cluster).await;
    let here = keyring(table(&pool), temp.path());
    for n in 1..=50 {
        let people = personal(n);
        let (sealed, destroyed) = tokio::join!(seal(&here, &people), here.destroy(subject(n)));
        destroyed.unwrap();
        if let Ok(sealed) = sealed {
            assert!(open(&here, &sealed).await.unwrap().ends_with("\"v\":null}}"));
        }
        assert_eq!(seal(&here, &people).await, Err(SealError::Erased(subject(n))));
    }
    assert_eq!(count(&pool, "wrapped_dek is not null").await, 0);
}

#[tokio::test]
async fn rotation_wraps_every_key_anew_and_revives_none() {
    let (cluster, temp) = (Cluster::shared(), tempfile::tempdir().unwrap());
    let pool = database(&cluster).await;
    let here = keyring(table(&pool), temp.path());
    let sealed = seal(&here, &crowd(1..=1200)).await.unwrap();
    here.destroy(subject(600)).await.unwrap();
    let before = open(&here, &sealed).await.unwrap();
    assert_eq!(here.rotate().await, Ok(1199));
    assert_eq!(here.rewrap().await, Ok(0));
    assert_eq!(
        count(
            &pool,
            "wrapped_dek is not null and kek_id = (select max(kek_id) from ops.subject_key k
        where k.subject_id = '00000000-0000-0000-0000-000000000001')"
        )
        .await,
        1199
    );
    assert_eq!(count(&pool, "destroyed is not null and wrapped_dek is null").await, 1);
    let later = keyring(table(&pool), temp.path());
    assert_eq!(open(&later, &sealed).await.unwrap(), before);
}

#[tokio::test]
async fn without_its_table_nothing_is_sealed_and_nothing_reads_as_erased() {
    let (cluster, temp) = (Cluster::shared(), tempfile::tempdir().unwrap());
    let pool = database(&cluster).await;
    let sealed = seal(&keyring(table(&pool), temp.path()), &personal(1)).await.unwrap();
    let reader = keyring(table(&pool), temp.path());
    pool.close().await;
    assert!(matches!(open(&reader, &sealed).await, Err(SealError::Unavailable(_))));
    assert!(matches!(
        seal(&reader, &personal(2)).await,
        Err(SealError::Unavailable(_))
    ));
}
