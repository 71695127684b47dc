//! Appends in front of a fence: a stream that must have no event.

use crate::sample::Sample;
use commands::ports::{AppendError, EventStore, Expected, StreamAppend};
use domain::event::{Revision, StreamName};
use domain::id::FenceId;

fn fence(sample: &mut Sample) -> StreamName {
    StreamName::new("fence", FenceId(sample.id()))
}

async fn has(store: &dyn EventStore, stream: &StreamName) -> usize {
    store.read_stream(stream, 0, 10).await.unwrap().len()
}

pub(super) async fn behind_a_closed_fence_nothing_is_appended(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let (fence, other, stream) = (fence(&mut sample), fence(&mut sample), sample.stream());
    let first = sample.append(&stream, Expected::NoStream, 1);
    store.append_unless(&fence, vec![first]).await.unwrap();
    let close = sample.append(&fence, Expected::NoStream, 1);
    store.append_unless(&fence, vec![close]).await.unwrap();
    for expected in [Expected::Exact(Revision(0)), Expected::Exists, Expected::Any] {
        let late = sample.append(&stream, expected, 1);
        assert_eq!(
            store.append_unless(&fence, vec![late]).await,
            Err(AppendError::Fenced),
            "{expected:?}"
        );
    }
    let group = vec![sample.beginning(1), sample.beginning(2)];
    let streams: Vec<_> = group.iter().map(|append| append.stream.clone()).collect();
    assert_eq!(store.append_unless(&fence, group).await, Err(AppendError::Fenced));
    for stream in &streams {
        assert_eq!(has(store, stream).await, 0);
    }
    assert_eq!(has(store, &stream).await, 1);
    // another fence, or none, is none of this one's business
    let next = sample.append(&stream, Expected::Exact(Revision(0)), 1);
    store.append_unless(&other, vec![next]).await.unwrap();
    let next = sample.append(&stream, Expected::Exact(Revision(1)), 1);
    store.append(vec![next]).await.unwrap();
}

pub(super) async fn what_was_stored_before_the_fence_was_closed_is_answered_as_then(store: &dyn EventStore) {
    if !store.caps().atomic_multi {
        return;
    }
    let mut sample = Sample::default();
    let fence = fence(&mut sample);
    let single = vec![sample.beginning(2)];
    let record = sample.stream();
    let group = vec![sample.append(&record, Expected::Any, 1), sample.beginning(1)];
    let mut answers = Vec::new();
    for asked in [&single, &group] {
        answers.push(store.append_unless(&fence, asked.clone()).await.unwrap());
    }
    store
        .append(vec![sample.append(&fence, Expected::NoStream, 1)])
        .await
        .unwrap();
    for (asked, answer) in [single, group].into_iter().zip(&mut answers) {
        answer.iter_mut().for_each(|appended| appended.repeated = true);
        assert_eq!(store.append_unless(&fence, asked).await.as_ref(), Ok(&*answer));
    }
}

pub(super) async fn a_conflict_in_front_of_an_open_fence_is_a_conflict(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let (fence, stream) = (fence(&mut sample), sample.stream());
    store
        .append(vec![sample.append(&stream, Expected::NoStream, 1)])
        .await
        .unwrap();
    let wrong = sample.append(&stream, Expected::NoStream, 1);
    let refused = store.append_unless(&fence, vec![wrong]).await;
    let current = Some(Revision(0));
    assert_eq!(refused, Err(AppendError::Conflict { stream, current }));
}

/// Everybody writes until they are refused; then nobody's writing lies behind the fence, or comes later than it may.
pub(super) async fn of_many_who_write_nobody_does_behind_the_fence(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let fence = fence(&mut sample);
    let closing = vec![sample.append(&fence, Expected::NoStream, 1)];
    let begun = tokio::sync::Barrier::new(17);
    let write = |seed| {
        let (fence, begun) = (fence.clone(), &begun);
        async move {
            let mut sample = Sample::new(seed);
            let mut written = Vec::new();
            loop {
                let append: StreamAppend = sample.beginning(1);
                let stream = append.stream.clone();
                match store.append_unless(&fence, vec![append]).await {
                    Ok(done) => written.push((stream, done[0].position)),
                    Err(AppendError::Fenced) => return (written, stream),
                    Err(error) => panic!("{error}"),
                }
                if written.len() == 1 {
                    begun.wait().await;
                }
                tokio::task::yield_now().await; // a store in memory never waits
            }
        }
    };
    let seeds: Vec<u64> = (0..16).map(|_| rand::Rng::random(&mut sample.dice)).collect();
    let writers = futures::future::join_all(seeds.into_iter().map(write));
    let close = async {
        begun.wait().await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        store.append(closing).await.unwrap()[0].position
    };
    let (written, closed) = tokio::join!(writers, close);
    if store.caps().atomic_multi {
        let last = written
            .iter()
            .flat_map(|(written, _)| written)
            .map(|(_, position)| *position)
            .max();
        assert!(last.unwrap() < closed, "{last:?} lies behind the fence at {closed}");
    }
    for (written, refused) in written {
        assert!(!written.is_empty());
        assert_eq!(has(store, &refused).await, 0);
    }
}
