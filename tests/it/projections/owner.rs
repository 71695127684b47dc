//! One owner for each projector: the lock finds it, the epoch keeps it the only one that writes.

use super::history::{deleted, folder, item, ms, registered};
use super::world::{World, person, until};
use super::wrapped::Wrapped;
use domain::account::user::User;
use domain::event::Position;
use domain::id::{CipherId, FolderId};
use domain::vault::cipher::Cipher;
use domain::vault::folder::Folder;
use projections::live::Live;
use projections::runner::Runner;
use projections::sync::SyncProjector;
use sqlx::{Connection, PgConnection};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

const THING: Uuid = Uuid::from_u128(77);

async fn epoch(world: &World) -> i64 {
    sqlx::query_scalar("select epoch from projection.generation where state = 'live'")
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runners_one_writes_and_the_other_takes_over_when_it_ends() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    let first = world.run(SyncProjector::default());
    world.add::<Folder>(FolderId(THING), &folder(person(1), ms(0))).await;
    world.caught_up("sync").await;
    let owned = epoch(&world).await;
    let _second = world.run(SyncProjector::default());
    world.add::<Cipher>(CipherId(THING), &item(person(1), ms(1))).await;
    world.caught_up("sync").await;
    assert_eq!(epoch(&world).await, owned, "the first one still owns it");
    drop(first);
    world
        .add::<Folder>(FolderId(Uuid::from_u128(78)), &folder(person(1), ms(2)))
        .await;
    world.caught_up("sync").await;
    assert_eq!(epoch(&world).await, owned + 1);
}

async fn folders(world: &World) -> u64 {
    world.table("folder").await.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_overtaken_writes_nothing_more() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    for number in 1..=5_000 {
        let id = FolderId(Uuid::from_u128(number));
        world.add::<Folder>(id, &folder(person(1), ms(0))).await;
    }
    // busy with one event after the other: it does not look at the epoch but when it writes
    world.batches_of(1);
    let _first = world.run(SyncProjector::default());
    let begun = async || world.position("sync").await > Some(Position(20));
    until("the first one is at work", begun).await;

    // somebody waits for the lock, and gets it once the first one lets go; the epoch is raised before
    let mut next = PgConnection::connect_with(&world.pool.connect_options()).await.unwrap();
    let (got, mut lock) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let lock = "select pg_advisory_lock(hashtextextended('annalock:sync', 0))";
        sqlx::query(lock).execute(&mut next).await.unwrap();
        let _ = got.send(next);
    });
    let waiting = "select exists (select 1 from pg_locks where locktype = 'advisory' and not granted
                   and database = (select oid from pg_database where datname = current_database()))";
    until("somebody waits", async || {
        sqlx::query_scalar::<_, bool>(waiting)
            .fetch_one(&world.pool)
            .await
            .unwrap()
    })
    .await;
    assert!(lock.try_recv().is_err(), "the first one holds the lock");
    let raised = "update projection.generation set epoch = epoch + 1 where state = 'live' returning position, epoch";
    let (position, raised): (i64, i64) = sqlx::query_as(raised).fetch_one(&world.pool).await.unwrap();
    let reached = Some(Position(position as u64));
    assert!(reached < Some(world.head().await), "the first one is not done");

    let next = tokio::time::timeout(Duration::from_secs(10), lock)
        .await
        .unwrap()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await; // it looks again after 50 ms at first
    assert_eq!((world.position("sync").await, epoch(&world).await), (reached, raised));
    assert_eq!(
        folders(&world).await,
        position as u64,
        "its last write was undone as a whole"
    );

    next.close().await.unwrap();
    world.batches_of(usize::MAX);
    world.caught_up("sync").await;
    assert_eq!((folders(&world).await, epoch(&world).await), (5_000, raised + 1));
}

/// A process that lost the lock without noticing: nothing tells it, and it must not go on answering from memory.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_heard_from_the_database_is_the_owner_no_longer() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    let live = Arc::new(Live::gathering(Duration::ZERO));
    let projector = Arc::new(SyncProjector::new(Arc::clone(&live)));
    let runner = Runner::new(
        projector,
        world.pool.clone(),
        world.subscription(),
        Some(Arc::clone(&live)),
    );
    let running = tokio::spawn(runner.run());
    until("it is the owner", async || live.is_owner()).await;
    // an owner with nothing to do stays one
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    until("it is the owner still", async || live.is_owner()).await;
    running.abort();
    until("it is the owner no longer", async || !live.is_owner()).await;
}

/// Another process may read the checkpoint, and tell somebody, before the owner hears that its commit is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_committed_is_not_answered_from_memory() {
    let (world, user) = (World::new().await, person(1));
    world.start_empty(SyncProjector::default()).await;
    world.add::<User>(user, &registered(user, ms(0))).await;
    let live = Arc::new(Live::gathering(Duration::ZERO));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let projector = {
        // what is remembered when a batch is committed and the process has not taken note of it
        let (live, seen) = (Arc::clone(&live), Arc::clone(&seen));
        let inner = SyncProjector::new(Arc::clone(&live));
        Wrapped::watched(inner, move || {
            // who was not confirmed in time as the owner says nothing from memory
            let owner = live.is_owner();
            let known = live.user(user).is_some();
            let owner = owner && live.is_owner();
            seen.lock().unwrap().push((owner, known));
        })
    };
    let feed = world.subscription();
    let runner = Runner::new(Arc::new(projector), world.pool.clone(), feed, Some(Arc::clone(&live)));
    let running = tokio::spawn(runner.run());
    world.caught_up("sync").await;
    until("they are remembered", async || {
        read_api::user_state(&live, &world.pool, user).await.unwrap();
        live.user(user).is_some()
    })
    .await;
    let taken = seen.lock().unwrap().len();

    // somebody else's change leaves it as it is
    let folder = folder(person(2), ms(1));
    world.add::<Folder>(FolderId(THING), &folder).await;
    until("it is taken", async || seen.lock().unwrap().len() > taken).await;
    for next in 3..100 {
        if seen.lock().unwrap()[taken..].iter().any(|(owner, _)| *owner) {
            break;
        }
        // it was not confirmed in time as the owner: another change, then
        let before = seen.lock().unwrap().len();
        let more = self::folder(person(2), ms(next));
        world
            .add::<Folder>(FolderId(uuid::Uuid::from_u128(next as u128)), &more)
            .await;
        until("it is taken", async || seen.lock().unwrap().len() > before).await;
    }
    assert!(seen.lock().unwrap()[taken..].iter().any(|(owner, _)| *owner));
    assert!(
        seen.lock().unwrap()[taken..]
            .iter()
            .all(|(owner, known)| *known || !owner)
    );

    let taken = seen.lock().unwrap().len();
    world.add::<User>(user, &deleted(user, ms(2))).await;
    until("it is taken", async || seen.lock().unwrap().len() > taken).await;
    assert!(!seen.lock().unwrap()[taken].1);
    until("it is known", async || live.user(user) == Some(None)).await;
    running.abort();
}
