//! Events that cannot be taken: parked if this program should know them, waited at if it is too old for them.

use super::history::{device, folder, item, ms, registered};
use super::world::{World, meta, person, until};
use domain::account::user::User;
use domain::device::Device;
use domain::event::{Aggregate, Position};
use domain::id::{CipherId, DeviceId, FolderId};
use domain::meta::Actor;
use domain::vault::cipher::{Cipher, CipherEvent};
use domain::vault::folder::{Folder, FolderEvent};
use projections::live::Live;
use projections::park::{self, Parked};
use projections::runner::Runner;
use projections::sync::{SyncProjector, read};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const POISONED: Uuid = Uuid::from_u128(66);
const SOUND: Uuid = Uuid::from_u128(77);

/// An item, a rename of it that nobody can read, a later change of it, and somebody else's item. Positions are 1 to 4.
async fn poison(world: &World) {
    world.add::<Cipher>(CipherId(POISONED), &item(person(1), ms(0))).await;
    let named = ("CipherUpdated", 1);
    world
        .add_raw(
            Cipher::CATEGORY,
            POISONED,
            named,
            r#"{"content":7}"#,
            &meta(Actor::System),
        )
        .await;
    world
        .add::<Cipher>(CipherId(POISONED), &CipherEvent::Trashed { at: ms(2) })
        .await;
    world.add::<Cipher>(CipherId(SOUND), &item(person(2), ms(3))).await;
}

async fn trashed(world: &World, id: Uuid) -> Option<bool> {
    let rows = read::ciphers(&world.pool, &[id]).await.unwrap();
    rows.first().map(|(_, row)| row.deleted.is_some())
}

async fn parked(world: &World) -> Vec<Parked> {
    park::list(&world.pool).await.unwrap()
}

fn places(parked: &[Parked]) -> Vec<(u64, i32)> {
    parked.iter().map(|p| (p.position.0, p.tries)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_is_parked_with_what_follows_it_in_its_stream() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    poison(&world).await;
    let running = world.run(SyncProjector::default());
    world.caught_up("sync").await;
    assert_eq!(
        trashed(&world, POISONED).await,
        Some(false),
        "as it was before the poison"
    );
    assert_eq!(trashed(&world, SOUND).await, Some(false), "others go on");
    let found = parked(&world).await;
    assert_eq!(places(&found), [(2, 1), (3, 0)]);
    assert_eq!(
        (found[0].projector.as_str(), found[0].type_name.as_str()),
        ("sync", "CipherUpdated")
    );
    assert_eq!(found[0].stream, format!("cipher-{POISONED}"));
    assert!(
        found[0].error.contains("CipherUpdated cannot be read"),
        "{}",
        found[0].error
    );
    assert_eq!(found[1].error, "an earlier event is parked");

    // another owner remembers which streams are blocked
    drop(running);
    let _running = world.run(SyncProjector::default());
    world
        .add::<Cipher>(CipherId(POISONED), &CipherEvent::Restored { at: ms(4) })
        .await;
    world.caught_up("sync").await;
    assert_eq!(places(&parked(&world).await), [(2, 1), (3, 0), (5, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_what_is_still_wrong_counts_and_a_skip_sets_the_rest_free() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    poison(&world).await;
    let _running = world.run(SyncProjector::default());
    world.caught_up("sync").await;
    until("what is wrong is parked", async || parked(&world).await.len() == 2).await;
    for tries in [2, 3] {
        assert!(park::retry(&world.pool, "sync", Position(2)).await.unwrap());
        until("it is tried", async || {
            places(&parked(&world).await) == [(2, tries), (3, 0)]
        })
        .await;
    }
    assert!(
        !park::retry(&world.pool, "sync", Position(4)).await.unwrap(),
        "nothing is parked there"
    );

    assert!(park::skip(&world.pool, "sync", Position(2)).await.unwrap());
    assert!(
        !park::skip(&world.pool, "sync", Position(2)).await.unwrap(),
        "once is enough"
    );
    assert!(park::retry(&world.pool, "sync", Position(3)).await.unwrap());
    until("nothing is parked", async || parked(&world).await.is_empty()).await;
    assert_eq!(trashed(&world, POISONED).await, Some(true));
    world
        .add::<Cipher>(CipherId(POISONED), &CipherEvent::Restored { at: ms(5) })
        .await;
    world.caught_up("sync").await;
    assert_eq!(trashed(&world, POISONED).await, Some(false), "the stream is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_late_does_not_set_back_the_revision() {
    let (world, user) = (World::new().await, person(1));
    world.start_empty(SyncProjector::default()).await;
    world.add::<User>(user, &registered(user, ms(0))).await;
    poison(&world).await;
    let last = world.add::<Folder>(FolderId(SOUND), &folder(user, ms(9))).await;
    let _running = world.run(SyncProjector::default());
    world.caught_up("sync").await;
    let revision = async || {
        read::user_state(&world.pool, user)
            .await
            .unwrap()
            .unwrap()
            .whole()
            .revision
    };
    let before = revision().await;
    assert_eq!(before.position, last);
    assert!(park::skip(&world.pool, "sync", Position(3)).await.unwrap());
    assert!(park::retry(&world.pool, "sync", Position(4)).await.unwrap());
    until("nothing is parked", async || parked(&world).await.is_empty()).await;
    let after = revision().await;
    assert_eq!(after.position, last);
    assert!(after.at > before.at, "who synced before must sync again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_refuses_is_parked_as_well() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    let user = person(1);
    let mut nul = device(user, ms(0));
    if let domain::device::DeviceEvent::Registered { identifier, .. } = &mut nul {
        *identifier = "a\0b".to_owned();
    }
    world.add::<Device>(DeviceId(POISONED), &nul).await;
    world.add::<Device>(DeviceId(SOUND), &device(user, ms(1))).await;
    let _running = world.run(SyncProjector::default());
    world.caught_up("sync").await;
    assert_eq!(places(&parked(&world).await), [(1, 3)]);
    let devices = read::devices_of(&world.pool, user).await.unwrap();
    assert_eq!(devices.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [DeviceId(SOUND)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_parks_what_the_owner_parks() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    poison(&world).await;
    let _running = world.run(SyncProjector::default());
    world.caught_up("sync").await;
    let compared = world.rebuild(&SyncProjector::default(), false).await.unwrap().unwrap();
    assert!(compared.equal(), "{compared:?}");
    let before = parked(&world).await;
    world.rebuild(&SyncProjector::default(), true).await.unwrap();
    let after = parked(&world).await;
    assert_eq!(places(&after), places(&before));
    assert!(after[0].generation > before[0].generation);
    assert_eq!(trashed(&world, POISONED).await, Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_finds_what_the_database_refuses_among_many_events() {
    let (world, user) = (World::new().await, person(1));
    world.start_empty(SyncProjector::default()).await;
    // enough of them that they are written by COPY
    for number in 0..100 {
        let id = DeviceId(Uuid::from_u128(1_000 + number));
        world.add::<Device>(id, &device(person(2), ms(number as i64))).await;
    }
    let mut nul = device(user, ms(0));
    if let domain::device::DeviceEvent::Registered { identifier, .. } = &mut nul {
        *identifier = "a\0b".to_owned();
    }
    let refused = world.add::<Device>(DeviceId(POISONED), &nul).await;
    world.add::<Device>(DeviceId(SOUND), &device(user, ms(1))).await;
    let renamed = domain::device::DeviceEvent::Renamed {
        kind: 1,
        name: domain::personal::Personal::of(user, "phone".to_owned()),
        at: ms(2),
    };
    let held = world.add::<Device>(DeviceId(POISONED), &renamed).await;
    for (batch, memory) in [(usize::MAX, usize::MAX), (30, usize::MAX), (30, 1), (1, 1)] {
        world.batches_of(batch);
        let options = projections::rebuild::Options {
            memory,
            keep: false,
            ..Default::default()
        };
        world.rebuild_with(&SyncProjector::default(), options).await.unwrap();
        let found = places(&parked(&world).await);
        let expected = [(refused.0, 1), (held.0, 0)];
        assert_eq!(found, expected, "pages of {batch}, {memory} bytes");
        let devices = read::devices_of(&world.pool, user).await.unwrap();
        assert_eq!(devices.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [DeviceId(SOUND)]);
        assert_eq!(world.table("device").await.len(), 101);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_newer_program_is_waited_at_and_never_passed() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    world.add::<Cipher>(CipherId(SOUND), &item(person(1), ms(0))).await;
    let newer = (Folder::CATEGORY, SOUND, ("FolderPainted", 1));
    let unknown = world
        .add_raw(newer.0, newer.1, newer.2, "{}", &meta(Actor::System))
        .await;
    world.add::<Folder>(FolderId(POISONED), &folder(person(1), ms(1))).await;
    let _running = world.run(SyncProjector::default());
    until("what lies before it is applied", async || {
        world.position("sync").await == Some(Position(unknown.0 - 1))
    })
    .await;
    assert_eq!(trashed(&world, SOUND).await, Some(false));
    // a newer program that waits for the projector gets it: its lock is given up
    let mut newer = PgConnection::connect_with(&world.pool.connect_options()).await.unwrap();
    for _ in 0..2 {
        sqlx::query("select pg_advisory_lock(hashtextextended('annalock:sync', 0))")
            .execute(&mut newer)
            .await
            .unwrap();
        sqlx::query("select pg_advisory_unlock(hashtextextended('annalock:sync', 0))")
            .execute(&mut newer)
            .await
            .unwrap();
    }
    assert_eq!(world.position("sync").await, Some(Position(unknown.0 - 1)));
    assert_eq!(parked(&world).await, [], "it is not for anybody to skip");
    assert_eq!(read::folder(&world.pool, FolderId(POISONED)).await.unwrap(), None);
    let refused = world
        .rebuild(&SyncProjector::default(), true)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("FolderPainted (schema 1) is unknown here"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_shape_of_a_known_event_is_waited_at_as_well() {
    let world = World::new().await;
    world.start_empty(SyncProjector::default()).await;
    let (_, _, data) = domain::event::DomainEvent::encode(&FolderEvent::Deleted { at: ms(0) });
    let unknown = world
        .add_raw(
            Folder::CATEGORY,
            SOUND,
            ("FolderDeleted", 9),
            data,
            &meta(Actor::System),
        )
        .await;
    let _running = world.run(SyncProjector::default());
    world.add::<Folder>(FolderId(POISONED), &folder(person(1), ms(1))).await;
    let epoch = "select max(epoch) from projection.generation";
    until("it was tried more than once", async || {
        sqlx::query_scalar::<_, i64>(epoch)
            .fetch_one(&world.pool)
            .await
            .unwrap()
            > 3
    })
    .await;
    assert_eq!(world.position("sync").await, Some(Position(unknown.0 - 1)));
    assert_eq!(parked(&world).await, []);
}

/// The end of a session, or of a membership, may be what is parked: it is not to be had by a mistake of this program.
#[tokio::test(flavor = "multi_thread")]
async fn who_an_event_is_parked_of_is_let_in_nowhere_until_it_is_not() {
    let (world, held, other) = (World::new().await, person(1), person(2));
    world.start_empty(SyncProjector::default()).await;
    for user in [held, other] {
        world.add::<User>(user, &registered(user, ms(0))).await;
    }
    let live = Arc::new(Live::gathering(Duration::ZERO));
    let runner = Runner::new(
        Arc::new(SyncProjector::new(Arc::clone(&live))),
        world.pool.clone(),
        world.subscription(),
        Some(Arc::clone(&live)),
    );
    let running = tokio::spawn(runner.run());
    world.caught_up("sync").await;
    let state = async |user| read_api::user_state(&live, &world.pool, user).await;
    assert!(state(held).await.unwrap().is_some());
    until("it is remembered", async || {
        state(held).await.unwrap();
        live.user(held).is_some()
    })
    .await;

    let named = ("UserPasswordChanged", 1);
    let at = world
        .add_raw(User::CATEGORY, held.0, named, r#"{"stamp":7}"#, &meta(Actor::System))
        .await;
    world.caught_up("sync").await;
    until("it is parked", async || parked(&world).await.len() == 1).await;
    for _ in 0..2 {
        assert_eq!(state(held).await.unwrap_err().status(), 503);
        assert!(state(other).await.unwrap().is_some());
    }
    assert!(park::skip(&world.pool, "sync", at).await.unwrap());
    assert!(state(held).await.unwrap().is_some());
    running.abort();
}
