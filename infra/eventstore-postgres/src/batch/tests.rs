use super::*;
use crate::queue::Queue;
use bytes::Bytes;
use commands::ports::StreamAppend;
use domain::event::NewEvent;
use std::borrow::Cow;
use uuid::Uuid;

fn stream(n: u128) -> StreamName {
    StreamName::new("folder", Uuid::from_u128(n))
}

fn append(to: u128, expected: Expected, events: usize) -> StreamAppend {
    let event = || NewEvent {
        id: Uuid::nil(),
        type_name: Cow::Borrowed("Renamed"),
        schema: 1,
        data: Bytes::from_static(b"{}"),
        meta: Bytes::from_static(b"{}"),
    };
    StreamAppend {
        stream: stream(to),
        expected,
        events: (0..events).map(|_| event()).collect(),
    }
}

fn waiting(groups: Vec<Vec<StreamAppend>>) -> VecDeque<Group> {
    let (queue, mut receiver) = Queue::new(&Settings::default());
    let answers: Vec<_> = groups.into_iter().map(|g| queue.enter(None, g).unwrap()).collect();
    drop(answers);
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

fn streams_of(groups: &[Group]) -> Vec<Vec<u128>> {
    groups
        .iter()
        .map(|g| g.members.iter().map(|m| m.stream.id.as_u128()).collect())
        .collect()
}

#[test]
fn a_stream_occurs_once_in_a_batch_and_its_later_appends_keep_their_order() {
    use Expected::NoStream;
    let one = |s| vec![append(s, NoStream, 1)];
    let both = vec![append(1, NoStream, 1), append(2, NoStream, 1)];
    let mut waiting = waiting(vec![one(1), both, one(2), one(3), one(1)]);
    let mut next = || streams_of(&take(&mut waiting, &Settings::default()));
    assert_eq!(
        [next(), next(), next()],
        [vec![vec![1], vec![3]], vec![vec![1, 2]], vec![vec![2], vec![1]]]
    );
    assert!(next().is_empty());
}

#[test]
fn records_for_one_stream_share_a_row_and_each_is_told_its_own_place() {
    let any = |s, n| vec![append(s, Expected::Any, n)];
    let mut waiting = waiting(vec![
        any(1, 2),
        vec![append(2, Expected::NoStream, 1)],
        any(1, 1),
        any(1, 3),
    ]);
    let groups = take(&mut waiting, &Settings::default());
    let rows = rows(&groups);
    let columns = Columns::new(&groups, &rows);
    assert_eq!((columns.count, columns.group), (vec![6, 1], vec![0, 1]));
    let outcome = |last_revision, last_position| Outcome {
        status: 0,
        last_revision,
        last_position: Some(last_position),
    };
    let told = answers(&groups, &rows, &[outcome(15, 106), outcome(0, 107)]);
    let places: Vec<_> = told
        .into_iter()
        .map(|a| a.unwrap()[0])
        .map(|a| (a.revision.0, a.position.0))
        .collect();
    assert_eq!(places, [(11, 102), (0, 107), (12, 103), (15, 106)]);
}

#[test]
fn a_large_append_goes_alone() {
    let settings = Settings {
        batch_events: 10,
        ..Settings::default()
    };
    let mut waiting = waiting(vec![
        vec![append(1, Expected::Any, 1)],
        vec![append(2, Expected::Any, 50)],
        vec![append(3, Expected::Any, 1)],
    ]);
    let sizes: Vec<usize> = (0..3).map(|_| take(&mut waiting, &settings).len()).collect();
    assert_eq!(sizes, [1, 1, 1]);
}

#[test]
fn a_refused_group_names_its_first_stream_that_moved() {
    let group = vec![
        append(1, Expected::NoStream, 1),
        append(2, Expected::NoStream, 1),
        append(3, Expected::NoStream, 1),
    ];
    let groups: Vec<Group> = waiting(vec![group]).into();
    let moved = |status, last_revision| Outcome {
        status,
        last_revision,
        last_position: None,
    };
    let told = answers(&groups, &rows(&groups), &[moved(3, -1), moved(2, 4), moved(2, 9)]);
    assert_eq!(
        told,
        [Err(AppendError::Conflict {
            stream: stream(2),
            current: Some(Revision(4))
        })]
    );
}

#[test]
fn a_full_queue_says_so_at_once() {
    let settings = Settings {
        queue_groups: 2,
        ..Settings::default()
    };
    let (queue, _receiver) = Queue::new(&settings);
    let enter = || queue.enter(None, vec![append(1, Expected::Any, 1)]).map(drop);
    assert_eq!([enter(), enter(), enter()], [Ok(()), Ok(()), Err(AppendError::Busy)]);
}
