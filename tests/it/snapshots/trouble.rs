//! Snapshots that are of no use are not used.

use super::world::{ANN, FOLDER, World, long_folder, name};
use bytes::Bytes;
use commands::ports::Snapshot;
use domain::account::user::{User, UserEvent};
use domain::event::{Aggregate, DomainEvent, Revision};
use domain::id::FolderId;
use domain::personal::Personal;
use domain::time::Timestamp;
use domain::vault::folder::Folder;
use uuid::Uuid;

/// Puts `change`d in the place of the snapshot there is; what a process that starts then knows is what was written, and
/// what was of no use makes way for one that is.
async fn is_not_used(what: &str, change: impl FnOnce(&World, Snapshot) -> Snapshot) {
    let world = World::in_memory();
    long_folder(&world, 410).await;
    let stream = Folder::stream(FOLDER);
    let good = world.snapshot_at(&stream, 399).await;
    world.snapshots.delete(&good).await.unwrap();
    let bad = change(&world, good);
    world.snapshots.save(bad.clone()).await.unwrap();
    let restarted = world.started();
    let known = restarted.state::<Folder>(FOLDER).await.unwrap();
    let written = Folder::Live {
        owner: ANN,
        name: name(409),
    };
    assert_eq!(known, written, "{what}");
    let others = [known.clone(), Folder::Absent];
    let asked = [FOLDER, FolderId(Uuid::from_u128(99))];
    assert_eq!(
        world.started().states::<Folder>(&asked).await.unwrap(),
        others,
        "{what}"
    );
    // made by whoever has to read everything once the bad one is gone
    for _ in 0..2_000 {
        let kept = world.snapshots.load(std::slice::from_ref(&stream)).await.unwrap();
        if kept
            .first()
            .is_some_and(|kept| *kept != bad && kept.revision == Revision(409))
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        assert_eq!(
            world.started().state::<Folder>(FOLDER).await.unwrap(),
            written,
            "{what}"
        );
    }
    panic!("{what}: it stays");
}

#[tokio::test]
async fn what_was_damaged_is_ignored_and_replaced() {
    is_not_used("one character of the ciphertext", |_, mut snapshot| {
        let mut bytes = snapshot.state.to_vec();
        let place = bytes.len() - 20;
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        snapshot.state = bytes.into();
        snapshot
    })
    .await;
    is_not_used("cut off", |_, mut snapshot| {
        snapshot.state.truncate(100);
        snapshot
    })
    .await;
    is_not_used("nothing", |_, mut snapshot| {
        snapshot.state = Bytes::new();
        snapshot
    })
    .await;
}

#[tokio::test]
async fn what_another_fold_made_is_ignored_and_replaced() {
    is_not_used("another fold", |_, mut snapshot| {
        snapshot.fold = "ffffffffffffffff".to_owned();
        snapshot
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_another_history_is_ignored_and_replaced() {
    is_not_used("an event that is not there", |_, mut snapshot| {
        snapshot.revision = Revision(5_000);
        snapshot
    })
    .await;
    is_not_used("another event", |_, mut snapshot| {
        snapshot.event = Uuid::from_u128(3);
        snapshot
    })
    .await;
    is_not_used("unsealed, made up", |_, mut snapshot| {
        let forged = Folder::Live {
            owner: ANN,
            name: name(1),
        };
        snapshot.state = serde_json::to_vec(&serde_json::json!({ "Open": forged }))
            .unwrap()
            .into();
        snapshot
    })
    .await;
}

#[tokio::test]
async fn another_streams_snapshot_does_not_open() {
    let (here, there) = (World::in_memory(), FolderId(Uuid::from_u128(0xe)));
    long_folder(&here, 210).await;
    let good = here.snapshot_at(&Folder::stream(FOLDER), 199).await;
    // the same events under another id, and the snapshot moved there with them
    let events = here
        .store
        .store
        .read_stream(&Folder::stream(FOLDER), 0, 300)
        .await
        .unwrap();
    let copied = events
        .iter()
        .map(|e| (e.type_name.to_string(), e.data.clone()))
        .collect();
    here.add(&Folder::stream(there), 0, copied).await;
    let copies = here
        .store
        .store
        .read_stream(&Folder::stream(there), 199, 1)
        .await
        .unwrap();
    let moved = Snapshot {
        stream: Folder::stream(there),
        event: copies[0].id,
        ..good
    };
    here.snapshots.save(moved).await.unwrap();
    here.store.take();
    here.started().state::<Folder>(there).await.unwrap();
    assert_eq!(here.store.take()[0], (0, 210), "read from the beginning");
}

#[tokio::test]
async fn of_an_erased_person_nothing_is_known_from_a_snapshot() {
    let world = World::in_memory();
    let stream = User::stream(ANN);
    let registered = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../domain/src/upcast/fixtures/UserRegistered.1.json"
    ));
    let registered = String::from_utf8(registered.unwrap()).unwrap();
    let registered = registered.replace("7e6d8a3c-0d8e-4b4a-9f38-0f4a4f9c2b11", &ANN.to_string());
    let mut events = vec![("UserRegistered".to_owned(), Bytes::from(registered))];
    for number in 0..250 {
        let renamed = UserEvent::Renamed {
            name: Some(Personal::of(ANN, format!("Ann the {number}th"))),
            at: Timestamp(2_000_000_000_000 + number),
        };
        let (type_name, _, data) = renamed.encode();
        events.push((type_name.to_owned(), data));
    }
    world.add(&stream, 0, events).await;
    let known = world.started().state::<User>(ANN).await.unwrap();
    assert_eq!(known.live().unwrap().name.as_deref(), Some("Ann the 249th"));
    let kept = world.snapshot_at(&stream, 250).await;
    let text = String::from_utf8(kept.state.to_vec()).unwrap();
    assert!(
        !text.contains("ann@example.org") && !text.contains("Ann the 249th"),
        "it is sealed: {text}"
    );

    world.keyring.destroy(ANN.into()).await.unwrap();
    assert_eq!(world.started().state::<User>(ANN).await.unwrap(), User::Deleted);
    for _ in 0..2_000 {
        let kept = world.snapshots.load(std::slice::from_ref(&stream)).await.unwrap();
        if kept
            .iter()
            .all(|snapshot| !String::from_utf8_lossy(&snapshot.state).contains("$sealed"))
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the snapshot of an erased person stays");
}
