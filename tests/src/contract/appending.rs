//! One stream, one append.

use crate::sample::{Sample, after, append};
use commands::ports::{AppendError, Appended, EventStore, Expected};
use domain::event::{Position, Revision, StreamName};

pub(super) async fn a_new_stream_begins_at_revision_0(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let (stream, before) = (sample.stream(), store.head().await.unwrap());
    let done = append(store, sample.append(&stream, Expected::NoStream, 3))
        .await
        .unwrap();
    assert_eq!((done.revision, done.repeated), (Revision(2), false));
    assert!(done.position > before);
    let stored = store.read_stream(&stream, 0, 10).await.unwrap();
    assert_eq!(stored.iter().map(|e| e.revision.0).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(stored[2].position, done.position);
    if store.caps().dense {
        assert_eq!(
            stored.iter().map(|e| e.position.0 - before.0).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(store.head().await.unwrap(), done.position);
    }
}

pub(super) async fn an_append_at_the_expected_revision_is_stored_behind_it(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let mut last = Position::START;
    for (len, more) in [(0, 1), (1, 2), (3, 3), (6, 6)] {
        let done = append(store, sample.append(&stream, after(len), more)).await.unwrap();
        assert_eq!(done.revision, Revision(len + more as u64 - 1));
        assert!(done.position > last);
        last = done.position;
    }
    assert_eq!(store.read_stream(&stream, 0, 100).await.unwrap().len(), 12);
}

pub(super) async fn a_wrong_expectation_is_a_conflict_that_says_where_the_stream_is(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let (stream, empty) = (sample.stream(), sample.stream());
    append(store, sample.append(&stream, Expected::NoStream, 3))
        .await
        .unwrap();
    let exact = |revision| Expected::Exact(Revision(revision));
    for wrong in [
        Expected::NoStream,
        exact(0),
        exact(1),
        exact(3),
        exact(u64::MAX >> 1),
        exact(u64::MAX),
    ] {
        let refused = append(store, sample.append(&stream, wrong, 2)).await;
        assert_eq!(refused, conflict(&stream, Some(2)), "{wrong:?}");
    }
    for wrong in [exact(0), exact(7)] {
        assert_eq!(
            append(store, sample.append(&empty, wrong, 1)).await,
            conflict(&empty, None),
            "{wrong:?}"
        );
    }
    assert_eq!(store.read_stream(&stream, 0, 100).await.unwrap().len(), 3);
    assert_eq!(store.read_stream(&empty, 0, 100).await.unwrap(), []);
}

pub(super) async fn a_stream_must_exist_where_that_is_expected(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    assert_eq!(
        append(store, sample.append(&stream, Expected::Exists, 1)).await,
        conflict(&stream, None)
    );
    append(store, sample.append(&stream, Expected::NoStream, 1))
        .await
        .unwrap();
    let done = append(store, sample.append(&stream, Expected::Exists, 2))
        .await
        .unwrap();
    assert_eq!((done.revision, done.repeated), (Revision(2), false));
}

pub(super) async fn records_are_appended_whatever_the_stream_holds(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    for revision in [0, 1, 2] {
        let done = append(store, sample.append(&stream, Expected::Any, 1)).await.unwrap();
        assert_eq!((done.revision, done.repeated), (Revision(revision), false));
    }
}

pub(super) async fn records_of_one_stream_appended_at_once_each_have_their_place(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let asks: Vec<_> = (0..60)
        .map(|n| sample.append(&stream, Expected::Any, n % 3 + 1))
        .collect();
    let answers = futures::future::join_all(asks.iter().map(|ask| append(store, ask.clone()))).await;
    let answers: Vec<_> = answers.into_iter().collect::<Result<_, _>>().unwrap();
    let stored = store.read_stream(&stream, 0, 1_000).await.unwrap();
    assert_eq!(stored.len(), 120);
    for (ask, done) in asks.iter().zip(answers) {
        let last = done.revision.0 as usize;
        let lying_there = &stored[last + 1 - ask.events.len()..=last];
        assert!(
            lying_there.iter().map(|e| e.id).eq(ask.events.iter().map(|e| e.id)),
            "in one piece, in order"
        );
        assert_eq!((stored[last].position, done.repeated), (done.position, false));
    }
}

pub(super) async fn what_is_too_large_is_refused_and_nothing_of_it_stored(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let mut large = sample.append(&stream, Expected::NoStream, 2);
    large.events[1].data = vec![b' '; store.caps().max_append_bytes + 1].into();
    assert_eq!(append(store, large).await, Err(AppendError::TooLarge));
    assert_eq!(store.read_stream(&stream, 0, 10).await.unwrap(), []);
}

pub(super) async fn of_many_who_expect_the_same_one_wins(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    for len in [0, 1, 2] {
        let tries: Vec<_> = (0..8).map(|_| sample.append(&stream, after(len), 1)).collect();
        let answers = futures::future::join_all(tries.into_iter().map(|a| append(store, a))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7), "{won:?} {lost:?}");
        assert!(
            lost.iter().all(|answer| *answer == conflict(&stream, Some(len))),
            "{lost:?}"
        );
    }
}

pub(super) fn conflict(stream: &StreamName, current: Option<u64>) -> Result<Appended, AppendError> {
    Err(AppendError::Conflict {
        stream: stream.clone(),
        current: current.map(Revision),
    })
}
