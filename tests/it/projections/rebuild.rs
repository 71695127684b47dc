//! Building tables anew beside the live ones.

use super::history::{crowd, item, mixed, ms};
use super::world::{TABLES, World, person};
use async_trait::async_trait;
use domain::event::{Position, StoredEvent, StreamName};
use domain::id::CipherId;
use domain::vault::cipher::{Cipher, CipherEvent};
use projections::audit::AuditProjector;
use projections::feed::{Batch, FeedError, Subscription};
use projections::generation;
use projections::projector::Projector;
use projections::rebuild::{self, Comparison, Options};
use projections::sync::{SyncProjector, read};
use sqlx::{AssertSqlSafe, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tests::sample::seed;
use tokio::sync::watch;
use uuid::Uuid;

fn differences(compared: &Comparison) -> Vec<(&str, Option<&str>)> {
    let tables = compared.tables.iter();
    tables.map(|(name, _, key)| (name.as_str(), key.as_deref())).collect()
}

async fn generations(world: &World, projector: &str) -> Vec<(i32, String)> {
    let all = generation::all(&world.pool).await.unwrap();
    let ours = all.into_iter().filter(|g| g.projector == projector);
    ours.map(|g| (g.number, g.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_takes_the_place_of_the_live_tables_while_writes_go_on() {
    let world = Arc::new(World::new().await);
    world.start_empty(SyncProjector::default()).await;
    mixed(&world, seed("a mixed history"), 300).await;
    let _running = world.run(SyncProjector::default());
    world.caught_up("sync").await;
    let before = generations(&world, "sync").await;

    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        async move {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                written += 1;
                let id = CipherId(Uuid::from_u128(1 << 100 | written));
                world.add::<Cipher>(id, &item(person(1), ms(1_000))).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            written
        }
    });
    for _ in 0..3 {
        world.rebuild(&SyncProjector::default(), true).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    assert!(written > 10, "only {written} writes went on");
    world.caught_up("sync").await;

    let after = generations(&world, "sync").await;
    assert_eq!((after.len(), after[0].1.as_str()), (1, "live"), "{after:?}");
    assert!(after[0].0 > before[0].0 + 2, "{before:?} {after:?}");
    let compared = world.rebuild(&SyncProjector::default(), false).await.unwrap().unwrap();
    assert!(compared.equal(), "{compared:?}");
    assert_eq!(compared.position, world.head().await);
    let views = "select distinct table_schema from information_schema.view_table_usage where view_schema = 'read'";
    let schemas: Vec<String> = sqlx::query_scalar(views).fetch_all(&world.pool).await.unwrap();
    assert_eq!(schemas, [format!("read_g{}", after[0].0)]);
    let ours = "select count(*) from read.cipher where owner_id = $1 and revised_at = $2";
    let ours = sqlx::query_scalar(ours).bind(person(1).0).bind(ms(1_000).0);
    let rows: i64 = ours.fetch_one(&world.pool).await.unwrap();
    assert_eq!(rows, i64::try_from(written).unwrap());
}

/// A feed that has nothing to give every other time, as one that lags behind the live tables.
struct Hesitant {
    feed: Arc<dyn Subscription>,
    calls: AtomicUsize,
}

#[async_trait]
impl Subscription for Hesitant {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        let mut batch = self.feed.next(after, max).await?;
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            batch.events.clear();
            batch.next = after;
        }
        Ok(batch)
    }

    async fn find(&self, stream: &StreamName, position: Position) -> Result<Option<StoredEvent>, FeedError> {
        self.feed.find(stream, position).await
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.feed.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.feed.wake()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_whose_swap_was_refused_misses_nothing() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    mixed(&world, seed("a mixed history"), 200).await;
    world.sync().await;
    let kept = world.dump(&TABLES[..5]).await;
    // a reader holds the views for longer than a swap waits; what it had applied by then is rolled back
    let mut reader = world.pool.begin().await.unwrap();
    sqlx::query("select count(*) from read.cipher")
        .execute(&mut *reader)
        .await
        .unwrap();
    world.batches_of(20);
    let feed: Arc<dyn Subscription> = Arc::new(Hesitant {
        feed: world.subscription(),
        calls: AtomicUsize::new(0),
    });
    let (projector, options) = (SyncProjector::default(), Options::default());
    let reading = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        reader.rollback().await.unwrap();
    };
    let (done, ()) = tokio::join!(rebuild::run(&projector, &world.pool, &feed, options, &|_| {}), reading);
    done.unwrap();
    assert_eq!(world.position("sync").await, Some(world.head().await));
    assert_eq!(world.dump(&TABLES[..5]).await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_built_anew_equal_those_kept_up_to_date() {
    let seed = seed("a mixed history");
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    world.start_empty(AuditProjector).await;
    mixed(&world, seed, 300).await;
    {
        let _running = (world.run(SyncProjector::default()), world.run(AuditProjector));
        world.batches_of(11);
        world.caught_up("sync").await;
        world.caught_up("audit").await;
    }
    let kept = world.dump(&TABLES).await;
    // pages of one event and of all, rows written after each page, after some, and all at once
    for (batch, memory) in [(1, 1), (7, 1), (7, 20_000), (1, usize::MAX), (usize::MAX, usize::MAX)] {
        world.batches_of(batch);
        let options = || Options {
            memory,
            keep: false,
            ..Options::default()
        };
        let (sync, audit) = (SyncProjector::default(), AuditProjector);
        world.rebuild_with(&sync, options()).await.unwrap();
        world.rebuild_with(&audit, options()).await.unwrap();
        assert_eq!(world.dump(&TABLES).await, kept, "pages of {batch}, {memory} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_at_once_are_the_same_rows() {
    let seed = seed("a crowd");
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    world.start_empty(AuditProjector).await;
    crowd(&world, seed, 150, 2_000).await;
    world.batches_of(9);
    {
        let _running = (world.run(SyncProjector::default()), world.run(AuditProjector));
        world.caught_up("sync").await;
        world.caught_up("audit").await;
    }
    let kept = world.dump(&TABLES).await;
    for (table, rows) in &kept {
        assert!(rows.len() > 64, "{table} has {} rows", rows.len());
    }
    // by COPY where the rows are new, and by arrays over those that are there
    for (batch, memory) in [(usize::MAX, usize::MAX), (500, 1)] {
        world.batches_of(batch);
        let options = || Options {
            memory,
            keep: false,
            ..Options::default()
        };
        world.rebuild_with(&SyncProjector::default(), options()).await.unwrap();
        world.rebuild_with(&AuditProjector, options()).await.unwrap();
        assert_eq!(world.dump(&TABLES).await, kept, "pages of {batch}, {memory} bytes");
    }
    // the owner that meets many at once writes the same as well
    let mut unseen = kept;
    unseen.retain(|(table, _)| *table != "audit_record");
    let other = World::new().await;
    other.start_empty(SyncProjector::default()).await;
    crowd(&other, seed, 150, 2_000).await;
    other.sync().await;
    assert_eq!(other.dump(&TABLES[..5]).await, unseen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_names_the_key_of_a_row_that_was_changed_by_hand() {
    let world = World::new().await;
    for number in 1..=12 {
        let id = CipherId(Uuid::from_u128(number));
        world.add::<Cipher>(id, &item(person(1), ms(0))).await;
    }
    {
        let _running = (world.run(SyncProjector::default()), world.run(AuditProjector));
        world.caught_up("sync").await;
        world.caught_up("audit").await;
    }
    let verify = async || world.rebuild(&SyncProjector::default(), false).await.unwrap().unwrap();
    let sound = verify().await;
    assert!(sound.equal(), "{sound:?}");
    assert_eq!((&*sound.tables[1].0, sound.tables[1].1), ("cipher", 12));

    let third = Uuid::from_u128(3);
    let change = format!("update read.cipher set favorite = true where cipher_id = '{third}'");
    assert_eq!(world.execute(change).await, 1);
    let found = verify().await;
    let key = third.to_string();
    let same = |table| (table, None);
    assert_eq!(
        differences(&found),
        [
            same("account"),
            ("cipher", Some(&*key)),
            same("folder"),
            same("device"),
            same("revision"),
            same("organization"),
            same("membership"),
            same("collection"),
            same("collection_grant"),
            same("member_group"),
            same("group_member"),
            same("policy"),
            same("filing"),
            same("security_task"),
        ]
    );
    assert_eq!(
        generations(&world, "sync").await.len(),
        1,
        "what was compared is dropped"
    );

    // a row that is missing and one that is too much; keys of the audit log are numbers, not texts
    let audit = async || world.rebuild(&AuditProjector, false).await.unwrap().unwrap();
    assert_eq!(
        world
            .execute("delete from read.audit_record where position = 9".to_owned())
            .await,
        1
    );
    let differs = |key| [("audit_record", Some(key)), same("audit_member")];
    assert_eq!(differences(&audit().await), differs("(9,0)"));
    let change = "update read.audit_record set position = 9, ordinal = 1 where position = 10";
    assert_eq!(world.execute(change.to_owned()).await, 1);
    assert_eq!(differences(&audit().await), differs("(9,0)"));
    world.rebuild(&AuditProjector, true).await.unwrap();
    assert_eq!(
        differences(&audit().await),
        [same("audit_record"), same("audit_member")],
        "a rebuild repairs it"
    );
    let change =
        "insert into read.audit_record select 9, 1::smallint, type, name, at, recorded_at, actor, acting_user_id,
                  organization_id, user_id, cipher_id, folder_id, collection_id, group_id, policy_id, membership_id, system_user,
                  device_id, device_type, client, client_version, ip, origin, category, stream_id, event_id,
                  correlation, detail from read.audit_record where position = 9";
    assert_eq!(world.execute(change.to_owned()).await, 1);
    assert_eq!(differences(&audit().await), differs("(9,1)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_needs_no_owner_that_goes_on() {
    let world = World::new().await;
    world
        .add::<Cipher>(CipherId(Uuid::from_u128(1)), &item(person(1), ms(0)))
        .await;
    world.sync().await;
    world
        .add::<Cipher>(CipherId(Uuid::from_u128(1)), &CipherEvent::Trashed { at: ms(1) })
        .await;
    let projector = SyncProjector::default();
    let compared = tokio::time::timeout(super::world::LONG, world.rebuild(&projector, false)).await;
    let compared = compared.expect("nobody has to be waited for").unwrap().unwrap();
    assert_eq!((compared.position, compared.equal()), (Position(1), true));
}

/// What is read in one snapshot is of one generation: the tables of another one are, in that snapshot, not as they will be.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_sees_one_generation_though_another_is_put_in_its_place() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    mixed(&world, seed("a mixed history"), 100).await;
    world.sync().await;
    let counted = async |connection: &mut PgConnection| -> Vec<i64> {
        let mut counted = Vec::new();
        for (table, _) in SyncProjector::default().tables() {
            let statement = AssertSqlSafe(format!("select count(*) from read.{table}"));
            counted.push(sqlx::query_scalar(statement).fetch_one(&mut *connection).await.unwrap());
        }
        counted
    };
    let mut connection = world.pool.acquire().await.unwrap();
    let before = counted(&mut connection).await;
    let mut snapshot = read::snapshot(&world.pool).await.unwrap();
    // from here on the snapshot is of now, though nothing was read
    sqlx::query("select 1").execute(&mut *snapshot).await.unwrap();
    let rebuilt = async { world.rebuild(&SyncProjector::default(), true).await.unwrap() };
    let reading = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let seen = counted(&mut snapshot).await;
        snapshot.rollback().await.unwrap();
        seen
    };
    let (_, seen) = tokio::join!(rebuilt, reading);
    assert_eq!(seen, before);
    assert_eq!(counted(&mut connection).await, before);
}
