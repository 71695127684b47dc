//! Changing several streams all or nothing on a store that cannot, whenever the writer is stopped.

use super::cut_line::{Cut, event, on, stopped_after};
use commands::ports::{AppendError, EventStore, Expected, StreamAppend};
use domain::event::{Revision, StreamName};
use eventstore_kurrentdb::{Resumed, StagedStore};
use kurrentdb_double::Double;
use std::sync::Arc;
use uuid::Uuid;

fn append(category: &'static str, n: u128, expected: Expected, id: u128) -> StreamAppend {
    StreamAppend {
        stream: StreamName::new(category, Uuid::from_u128(n)),
        expected,
        events: vec![event(id, 10)],
    }
}

/// Lets an account, a folder and an item of number `n` begin; then a change of all three and of an address that is new.
async fn begun(store: &dyn EventStore, n: u128, rest: fn(Revision) -> Expected) -> Vec<StreamAppend> {
    for (category, id) in [("user", 1), ("folder", 2), ("cipher", 3)] {
        let new = append(category, n, Expected::NoStream, n << 8 | id);
        store.append(vec![new]).await.unwrap();
    }
    let zero = Revision(0);
    vec![
        append("user", n, Expected::Exact(zero), n << 8 | 11),
        append("email_address", n, Expected::NoStream, n << 8 | 12),
        append("folder", n, rest(zero), n << 8 | 13),
        append("cipher", n, rest(zero), n << 8 | 14),
    ]
}

/// Which of the group's events are stored; panics if one is twice.
async fn there(store: &dyn EventStore, group: &[StreamAppend]) -> Vec<bool> {
    let mut there = Vec::new();
    for append in group {
        let stored = store.read_stream(&append.stream, 0, 100).await.unwrap();
        let times = stored.iter().filter(|event| event.id == append.events[0].id).count();
        assert!(times < 2, "{}", append.stream);
        there.push(times == 1);
    }
    there
}

#[tokio::test]
async fn wherever_the_writer_is_stopped_all_is_changed_or_nothing() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    for (mute, base) in [(false, 1_000), (true, 2_000)] {
        let mut found = Vec::new();
        for appends in 0..7 {
            let group = begun(&*store, base + appends as u128, Expected::Exact).await;
            let stopped = StagedStore::new(Cut::after(appends, mute, &store))
                .append(group.clone())
                .await;
            let resumed = StagedStore::new(Arc::clone(&store));
            resumed.resume().await.unwrap();
            let whole = there(&*store, &group).await;
            assert!(
                whole.iter().all(|one| *one == whole[0]),
                "{whole:?} after {appends} appends"
            );
            assert!(stopped.is_err() || whole[0]);
            found.push(whole[0]);
            assert_eq!(resumed.resume().await.unwrap(), Resumed::default());
            let again = resumed.append(group.clone()).await.unwrap();
            assert_eq!(there(&*store, &group).await, [true; 4]);
            let revisions: Vec<_> = again.iter().map(|done| done.revision.0).collect();
            assert_eq!(revisions, [1, 0, 1, 1]);
        }
        assert_eq!(found, [false, true, true, true, true, true, true]);
    }
}

#[tokio::test]
async fn who_comes_first_to_the_first_stream_stops_all_of_it() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let group = begun(&*store, 1, Expected::Follows).await;
    stopped_after(1, &store, &group).await;
    let faster = append("user", 1, Expected::Exact(Revision(0)), 99);
    store.append(vec![faster]).await.unwrap();

    let staged = StagedStore::new(Arc::clone(&store));
    let refused = Resumed {
        completed: 0,
        refused: 1,
    };
    assert_eq!(staged.resume().await.unwrap(), refused);
    assert_eq!(there(&*store, &group).await, [false; 4]);

    // the command decides anew: the same ids, another revision
    let mut anew = group.clone();
    anew[0].expected = Expected::Exact(Revision(1));
    staged.append(anew.clone()).await.unwrap();
    assert_eq!(there(&*store, &anew).await, [true; 4]);
}

#[tokio::test]
async fn what_follows_is_appended_whatever_came_between_and_once() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let group = begun(&*store, 1, Expected::Follows).await;
    stopped_after(2, &store, &group).await;
    let between = append("folder", 1, Expected::Exact(Revision(0)), 99);
    store.append(vec![between]).await.unwrap();

    let (one, other) = (
        StagedStore::new(Arc::clone(&store)),
        StagedStore::new(Arc::clone(&store)),
    );
    let (one, other) = tokio::join!(one.resume(), other.resume());
    assert_eq!([one.unwrap(), other.unwrap()].map(|resumed| resumed.refused), [0, 0]);
    assert_eq!(there(&*store, &group).await, [true; 4]);
    let again = StagedStore::new(Arc::clone(&store))
        .append(group.clone())
        .await
        .unwrap();
    let revisions: Vec<_> = again.iter().map(|done| done.revision.0).collect();
    assert_eq!(revisions, [1, 0, 2, 1]);
    assert!(again.iter().all(|done| done.repeated));
}

#[tokio::test]
async fn a_change_that_does_not_follow_ends_where_somebody_came_between_and_can_be_decided_anew() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let group = begun(&*store, 1, Expected::Exact).await;
    stopped_after(2, &store, &group).await;
    let between = append("folder", 1, Expected::Exact(Revision(0)), 99);
    store.append(vec![between]).await.unwrap();

    let staged = StagedStore::new(Arc::clone(&store));
    let conflict = AppendError::Conflict {
        stream: group[2].stream.clone(),
        current: Some(Revision(1)),
    };
    assert_eq!(staged.append(group.clone()).await, Err(conflict));
    assert_eq!(there(&*store, &group).await, [true, true, false, false]);
    assert_eq!(staged.resume().await.unwrap(), Resumed::default(), "it is closed");

    let anew = vec![
        append("folder", 1, Expected::Exact(Revision(1)), 1 << 8 | 11),
        append("cipher", 1, Expected::Exact(Revision(0)), 1 << 8 | 12),
    ];
    staged.append(anew.clone()).await.unwrap();
    assert_eq!(there(&*store, &anew).await, [true; 2]);
}
