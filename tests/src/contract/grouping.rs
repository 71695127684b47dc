//! Several streams in one append.

use crate::sample::Sample;
use commands::ports::{AppendError, Appended, EventStore, Expected};
use domain::event::Revision;
use std::time::Instant;

pub(super) async fn a_group_is_stored_in_the_order_given(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let before = store.head().await.unwrap();
    assert_eq!(store.append(vec![]).await, Ok(vec![]));
    let group: Vec<_> = (1..=5).map(|n| sample.beginning(n)).collect();
    let done = store.append(group.clone()).await.unwrap();
    assert_eq!(done.iter().map(|d| d.revision.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(done.is_sorted_by_key(|d| d.position));
    if store.caps().dense {
        assert_eq!(
            done.iter().map(|d| d.position.0 - before.0).collect::<Vec<_>>(),
            [1, 3, 6, 10, 15]
        );
    }
    for (ask, done) in group.iter().zip(done) {
        let stored = store.read_stream(&ask.stream, 0, 10).await.unwrap();
        assert_eq!(
            stored.last().map(|e| (e.revision, e.position)),
            Some((done.revision, done.position))
        );
        assert!(stored.iter().map(|e| e.id).eq(ask.events.iter().map(|e| e.id)));
    }
}

pub(super) async fn a_group_is_all_or_nothing(store: &dyn EventStore) {
    if !store.caps().atomic_multi {
        return;
    }
    let mut sample = Sample::default();
    let streams: Vec<_> = (0..4).map(|_| sample.stream()).collect();
    for moved in [2, 3] {
        store
            .append(vec![sample.append(&streams[moved], Expected::NoStream, 2)])
            .await
            .unwrap();
    }
    let head = store.head().await.unwrap();
    let group = streams
        .iter()
        .map(|s| sample.append(s, Expected::NoStream, 1))
        .collect();
    let refused = store.append(group).await;
    assert_eq!(
        refused,
        Err(AppendError::Conflict {
            stream: streams[2].clone(),
            current: Some(Revision(1))
        })
    );
    let mixed = vec![
        sample.append(&streams[0], Expected::Any, 1),
        sample.append(&streams[1], Expected::Exists, 1),
    ];
    let refused = store.append(mixed).await;
    assert_eq!(
        refused,
        Err(AppendError::Conflict {
            stream: streams[1].clone(),
            current: None
        })
    );
    let whole = streams.iter().map(|s| (s.clone(), 0)).collect::<Vec<_>>();
    let stored = store.read_streams(&whole).await.unwrap();
    assert_eq!(stored.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 2, 2]);
    if store.caps().dense {
        assert_eq!(store.head().await.unwrap(), head, "a refused append leaves no gap");
    }
}

pub(super) async fn a_group_is_recognised_as_a_whole(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let group: Vec<_> = (0..3).map(|_| sample.beginning(2)).collect();
    let first = store.append(group.clone()).await.unwrap();
    store
        .append(vec![sample.append(&group[1].stream, Expected::Any, 1)])
        .await
        .unwrap();
    let again = store.append(group).await.unwrap();
    let repeated: Vec<_> = first
        .into_iter()
        .map(|done| Appended { repeated: true, ..done })
        .collect();
    assert_eq!(again, repeated);
}

/// A change and the record of it go in one group: a lost answer must not make a conflict of it, nor two records.
pub(super) async fn records_in_a_repeated_group_are_recognised_by_their_neighbours(store: &dyn EventStore) {
    if !store.caps().atomic_multi {
        return;
    }
    let mut sample = Sample::default();
    let streams: Vec<_> = (0..4).map(|_| sample.stream()).collect();
    store
        .append(vec![sample.append(&streams[2], Expected::NoStream, 1)])
        .await
        .unwrap();
    let group = vec![
        sample.append(&streams[0], Expected::Any, 2),
        sample.append(&streams[1], Expected::NoStream, 2),
        sample.append(&streams[2], Expected::Exists, 1),
        sample.append(&streams[3], Expected::Any, 1),
    ];
    let first = store.append(group.clone()).await.unwrap();
    store
        .append(vec![sample.append(&streams[0], Expected::Any, 3)])
        .await
        .unwrap();
    let again = store.append(group).await.unwrap();
    let repeated: Vec<_> = first
        .into_iter()
        .map(|done| Appended { repeated: true, ..done })
        .collect();
    assert_eq!(again, repeated);
    let stored = store
        .read_streams(&[(streams[0].clone(), 0), (streams[2].clone(), 0)])
        .await
        .unwrap();
    assert_eq!(stored.iter().map(Vec::len).collect::<Vec<_>>(), [5, 2]);
}

pub(super) async fn a_group_of_old_and_new_events_is_a_conflict(store: &dyn EventStore) {
    if !store.caps().atomic_multi {
        return;
    }
    let mut sample = Sample::default();
    let (old, new) = (sample.stream(), sample.stream());
    let stored = sample.append(&old, Expected::NoStream, 1);
    store.append(vec![stored.clone()]).await.unwrap();
    let refused = store
        .append(vec![sample.append(&new, Expected::NoStream, 1), stored])
        .await;
    assert_eq!(
        refused,
        Err(AppendError::Conflict {
            stream: old,
            current: Some(Revision(0))
        })
    );
    assert_eq!(store.read_stream(&new, 0, 1).await.unwrap(), []);
}

pub(super) async fn ten_thousand_streams_fit_in_one_group(store: &dyn EventStore) {
    if !store.caps().atomic_multi {
        return;
    }
    let mut sample = Sample::default();
    let group: Vec<_> = (0..10_000).map(|_| sample.beginning(1)).collect();
    let began = Instant::now();
    let first = store.append(group.clone()).await.unwrap();
    println!("10,000 streams in one group: {:?}", began.elapsed());
    assert!(first.iter().all(|done| done.revision == Revision(0) && !done.repeated));
    assert!(first.is_sorted_by(|a, b| a.position < b.position));
    let began = Instant::now();
    let again = store.append(group.clone()).await.unwrap();
    println!("the same again: {:?}", began.elapsed());
    assert!(
        again
            .iter()
            .zip(&first)
            .all(|(again, first)| again.repeated && again.position == first.position)
    );
    let began = Instant::now();
    let asked: Vec<_> = group.iter().map(|ask| (ask.stream.clone(), 0)).collect();
    let read = store.read_streams(&asked).await.unwrap();
    println!("10,000 streams read: {:?}", began.elapsed());
    assert!(
        read.iter()
            .zip(&group)
            .all(|(events, ask)| events.len() == 1 && events[0].id == ask.events[0].id)
    );
}
