//! The same append again: after an answer was lost, asking once more must be safe.

use super::appending::conflict;
use crate::sample::{Sample, after, append};
use commands::ports::{AppendError, Appended, EventStore, Expected};

pub(super) async fn the_same_append_again_has_the_same_answer(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    for len in [0, 2] {
        let ask = sample.append(&stream, after(len), 2);
        let first = append(store, ask.clone()).await.unwrap();
        for _ in 0..2 {
            let again = append(store, ask.clone()).await;
            assert_eq!(
                again,
                Ok(Appended {
                    repeated: true,
                    ..first
                })
            );
        }
    }
    assert_eq!(store.read_stream(&stream, 0, 10).await.unwrap().len(), 4);
}

pub(super) async fn an_append_is_recognised_when_the_stream_has_moved_on(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let asks = [(0, 1), (1, 2)].map(|(len, more)| sample.append(&stream, after(len), more));
    let mut done = Vec::new();
    for ask in &asks {
        done.push(append(store, ask.clone()).await.unwrap());
    }
    append(store, sample.append(&stream, Expected::Any, 5)).await.unwrap();
    for (ask, first) in asks.iter().zip(done) {
        assert_eq!(
            append(store, ask.clone()).await,
            Ok(Appended {
                repeated: true,
                ..first
            })
        );
    }
    assert_eq!(store.read_stream(&stream, 0, 20).await.unwrap().len(), 8);
}

pub(super) async fn other_events_in_the_same_place_are_a_conflict(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    append(store, sample.append(&stream, Expected::NoStream, 2))
        .await
        .unwrap();
    let other = sample.append(&stream, Expected::NoStream, 2);
    assert_eq!(append(store, other.clone()).await, conflict(&stream, Some(1)));
    assert_eq!(
        append(store, other).await,
        conflict(&stream, Some(1)),
        "a refused append leaves no trace"
    );
}

pub(super) async fn half_of_the_same_events_is_no_repetition(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let ask = sample.append(&stream, Expected::NoStream, 3);
    append(store, ask.clone()).await.unwrap();
    let mut last_differs = ask.clone();
    last_differs.events[2] = sample.event();
    let mut goes_on = ask.clone();
    goes_on.events.push(sample.event());
    let mut first_differs = ask.clone();
    first_differs.events[0] = sample.event();
    let mut swapped = ask.clone();
    swapped.events.swap(0, 1);
    for half_equal in [last_differs, goes_on, first_differs, swapped] {
        let refused = append(store, half_equal).await;
        if store.caps().atomic_multi {
            assert_eq!(refused, conflict(&stream, Some(2)));
        } else {
            // KurrentDB calls some of them damaged, which is no conflict
            assert!(
                matches!(refused, Err(AppendError::Conflict { .. } | AppendError::Unavailable(_))),
                "{refused:?}"
            );
        }
    }
    let stored = store.read_stream(&stream, 0, 20).await.unwrap();
    assert_eq!(
        stored.iter().map(|e| e.id).collect::<Vec<_>>(),
        ask.events.iter().map(|e| e.id).collect::<Vec<_>>()
    );
}

/// Only where it is certain: KurrentDB remembers recent ones in a cache.
pub(super) async fn the_same_records_again_are_stored_again(store: &dyn EventStore) {
    if !store.caps().atomic_multi {
        return;
    }
    let mut sample = Sample::default();
    let stream = sample.stream();
    append(store, sample.append(&stream, Expected::NoStream, 1))
        .await
        .unwrap();
    for expected in [Expected::Any, Expected::Exists] {
        let ask = sample.append(&stream, expected, 1);
        let first = append(store, ask.clone()).await.unwrap();
        let second = append(store, ask).await.unwrap();
        assert!(!second.repeated && second.revision.0 == first.revision.0 + 1 && second.position > first.position);
    }
    assert_eq!(store.read_stream(&stream, 0, 20).await.unwrap().len(), 5);
}
