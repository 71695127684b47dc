//! Creating several streams all or nothing on a store that cannot, whenever the writer is stopped.

use super::cut_line::{Cut, event, on, stopped_after};
use commands::ports::{AppendError, Appended, EventStore, Expected, StreamAppend};
use domain::event::{NewEvent, Position, Revision, StoredEvent, StreamName};
use eventstore_kurrentdb::{Resumed, StagedStore, is_bookkeeping};
use kurrentdb_double::Double;
use std::sync::Arc;
use std::time::Duration;
use tests::{
    faulty_store::FaultyStore,
    sample::{append_surely, seed},
};
use uuid::Uuid;

/// Four streams, the first of them an address; ids from `n`. Events of `bytes` each.
fn group(n: u128, bytes: usize) -> Vec<StreamAppend> {
    let categories = [("email_address", 1), ("user", 2), ("folder", 1), ("cipher", 3)];
    let append = |(s, (category, events)): (usize, (&'static str, usize))| StreamAppend {
        stream: StreamName::new(category, Uuid::from_u128(n << 8 | s as u128)),
        expected: Expected::NoStream,
        events: (0..events)
            .map(|e| event(n << 16 | (s as u128) << 8 | e as u128, bytes))
            .collect(),
    };
    categories.into_iter().enumerate().map(append).collect()
}

/// How many of the group's streams hold just its events; panics if one holds something else.
async fn there(store: &dyn EventStore, group: &[StreamAppend]) -> usize {
    let mut whole = 0;
    for append in group {
        let stored = store.read_stream(&append.stream, 0, 100).await.unwrap();
        if !stored.is_empty() {
            let as_given = |(stored, given): (&StoredEvent, &NewEvent)| {
                (stored.id, &stored.data, &stored.meta) == (given.id, &given.data, &given.meta)
            };
            assert_eq!(stored.len(), append.events.len(), "{}", append.stream);
            assert!(stored.iter().zip(&append.events).all(as_given));
            whole += 1;
        }
    }
    whole
}

/// Stops the writer after each number of appends, resumes, and asks again. Returns what was there after resuming.
async fn stopped_at_every_step(n: u128, bytes: usize, mute: bool) -> Vec<usize> {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let mut found = Vec::new();
    for appends in 0.. {
        let group = group(n + appends as u128, bytes);
        let stopped = StagedStore::new(Cut::after(appends, mute, &store))
            .append(group.clone())
            .await;
        let resumed = StagedStore::new(Arc::clone(&store));
        resumed.resume().await.unwrap();
        let whole = there(&*store, &group).await;
        assert!(
            [0, group.len()].contains(&whole),
            "{whole} streams after {appends} appends"
        );
        assert!(stopped.is_err() || whole == group.len());
        found.push(whole);
        assert_eq!(
            resumed.resume().await.unwrap(),
            Resumed::default(),
            "nothing is left to do"
        );

        let again = StagedStore::new(Arc::clone(&store))
            .append(group.clone())
            .await
            .unwrap();
        assert_eq!(there(&*store, &group).await, group.len());
        for (append, done) in group.iter().zip(&again) {
            let last = store.read_stream(&append.stream, 0, 100).await.unwrap().pop().unwrap();
            assert_eq!(
                (done.revision, done.position, done.repeated),
                (last.revision, last.position, whole > 0)
            );
        }
        if stopped.is_ok() {
            return found;
        }
    }
    unreachable!("some number of appends is enough")
}

#[tokio::test]
async fn wherever_the_writer_is_stopped_all_is_there_or_nothing_and_once() {
    // one append stages and commits, four fill the streams, the sixth only records that
    assert_eq!(stopped_at_every_step(1000, 10, false).await, [0, 4, 4, 4, 4, 4]);
    assert_eq!(stopped_at_every_step(2000, 10, true).await, [0, 4, 4, 4, 4, 4, 4]);
}

#[tokio::test]
async fn a_large_group_is_staged_in_parts_and_nothing_is_seen_before_the_last() {
    // seven events of 300 KB in base64: two fit in a part
    assert_eq!(
        stopped_at_every_step(3000, 300_000, false).await,
        [0, 0, 0, 0, 4, 4, 4, 4, 4]
    );
    assert_eq!(
        stopped_at_every_step(4000, 300_000, true).await,
        [0, 0, 0, 0, 4, 4, 4, 4, 4, 4]
    );
}

#[tokio::test]
async fn of_two_groups_that_need_one_stream_one_is_there_and_the_other_leaves_nothing() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let staged = StagedStore::new(Arc::clone(&store));
    for n in 0..20 {
        let (one, mut other) = (group(10 * n + 1, 10), group(10 * n + 2, 10));
        other[0].stream = one[0].stream.clone();
        let answers = tokio::join!(staged.append(one.clone()), staged.append(other.clone()));
        let (won, lost) = match &answers {
            (Ok(_), Err(error)) => ((&one, &other), error),
            (Err(error), Ok(_)) => ((&other, &one), error),
            both => panic!("{both:?}"),
        };
        assert_eq!(there(&*store, won.0).await, 4);
        assert_eq!(there(&*store, &won.1[1..]).await, 0);
        let current = Some(Revision(0));
        assert_eq!(
            *lost,
            AppendError::Conflict {
                stream: one[0].stream.clone(),
                current
            }
        );
    }
    assert_eq!(staged.resume().await.unwrap(), Resumed::default());
}

#[tokio::test]
async fn a_committed_batch_whose_first_stream_was_taken_leaves_nothing_when_resumed() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let group = group(1, 10);
    stopped_after(1, &store, &group).await;
    let faster = StreamAppend {
        events: vec![event(99, 10)],
        ..group[0].clone()
    };
    store.append(vec![faster]).await.unwrap();

    let staged = StagedStore::new(Arc::clone(&store));
    assert_eq!(
        staged.resume().await.unwrap(),
        Resumed {
            completed: 0,
            refused: 1
        }
    );
    assert_eq!(there(&*store, &group[1..]).await, 0);
    let conflict = AppendError::Conflict {
        stream: group[0].stream.clone(),
        current: Some(Revision(0)),
    };
    assert_eq!(staged.append(group.clone()).await, Err(conflict));
    assert_eq!(there(&*store, &group[1..]).await, 0);
}

#[tokio::test]
async fn a_group_of_which_a_stream_exists_is_refused_before_anything_is_written() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let group = group(1, 10);
    let taken = StreamAppend {
        events: vec![event(98, 10), event(99, 10)],
        ..group[2].clone()
    };
    store.append(vec![taken]).await.unwrap();
    let refused = StagedStore::new(Arc::clone(&store)).append(group.clone()).await;
    let conflict = AppendError::Conflict {
        stream: group[2].stream.clone(),
        current: Some(Revision(1)),
    };
    assert_eq!(refused, Err(conflict));
    assert_eq!(double.stored(), 2);
}

#[tokio::test]
async fn a_later_stream_taken_after_the_commit_is_left_out_and_reported() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let mut group = group(1, 10);
    stopped_after(1, &store, &group).await;
    let taken = StreamAppend {
        events: vec![event(99, 10)],
        ..group[2].clone()
    };
    store.append(vec![taken]).await.unwrap();

    let staged = StagedStore::new(Arc::clone(&store));
    let conflict = AppendError::Conflict {
        stream: group[2].stream.clone(),
        current: Some(Revision(0)),
    };
    assert_eq!(staged.append(group.clone()).await, Err(conflict));
    group.remove(2);
    assert_eq!(there(&*store, &group).await, 3);
    assert_eq!(staged.resume().await.unwrap(), Resumed::default(), "it is closed");
}

#[tokio::test]
async fn the_same_group_twice_at_the_same_time_is_there_once() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let (one, other) = (
        StagedStore::new(Arc::clone(&store)),
        StagedStore::new(Arc::clone(&store)),
    );
    for n in 0..20 {
        let group = group(n, 10);
        let resuming = StagedStore::new(Arc::clone(&store));
        let answers = tokio::join!(
            one.append(group.clone()),
            other.append(group.clone()),
            resuming.resume()
        );
        let places = |answer: Result<Vec<Appended>, AppendError>| -> Vec<_> {
            answer
                .unwrap()
                .iter()
                .map(|done| (done.revision, done.position))
                .collect()
        };
        assert_eq!(places(answers.0), places(answers.1));
        assert_eq!(there(&*store, &group).await, 4);
    }
}

#[tokio::test]
async fn other_events_under_the_id_of_a_batch_are_a_conflict() {
    let double = Double::start().unwrap();
    let store = StagedStore::new(on(&double).await);
    let group = group(1, 10);
    store.append(group.clone()).await.unwrap();
    let mut other = group.clone();
    other[3].events.pop();
    let conflict = AppendError::Conflict {
        stream: group[3].stream.clone(),
        current: Some(Revision(2)),
    };
    assert_eq!(store.append(other).await, Err(conflict));
    assert!(matches!(
        store.append(group[..3].to_vec()).await,
        Err(AppendError::Conflict { .. })
    ));
}

#[tokio::test]
async fn an_import_is_there_with_the_order_of_its_categories_kept() {
    let double = Double::start().unwrap();
    let store = StagedStore::new(on(&double).await);
    let begin = |category: &'static str, n: u128| StreamAppend {
        stream: StreamName::new(category, Uuid::from_u128(n)),
        expected: Expected::NoStream,
        events: vec![event(n, 2_000)],
    };
    let folders = (1..=100).map(|n| begin("folder", n));
    let group: Vec<_> = folders.chain((101..=1_500).map(|n| begin("cipher", n))).collect();
    let done = store.append(group.clone()).await.unwrap();
    assert_eq!(there(&store, &group).await, 1_500);
    let last_folder = done[..100].iter().map(|d| d.position).max();
    assert!(last_folder < done[100..].iter().map(|d| d.position).min());
    for (append, done) in group.iter().zip(&done).step_by(97) {
        assert_eq!(
            store.read_stream(&append.stream, 0, 1).await.unwrap()[0].position,
            done.position
        );
    }
}

#[tokio::test]
async fn a_group_that_touches_a_stream_that_exists_is_checked_as_a_whole_first() {
    let double = Double::start().unwrap();
    let store = StagedStore::new(on(&double).await);
    let [address, user, _, _]: [StreamAppend; 4] = group(1, 10).try_into().unwrap();
    store.append(vec![user.clone()]).await.unwrap();
    let change = |expected, id| StreamAppend {
        stream: user.stream.clone(),
        expected,
        events: vec![event(id, 10)],
    };

    let late = vec![address.clone(), change(Expected::Exact(Revision(0)), 70)];
    let conflict = AppendError::Conflict {
        stream: user.stream.clone(),
        current: Some(Revision(1)),
    };
    assert_eq!(store.append(late).await, Err(conflict));
    assert_eq!(
        store.read_stream(&address.stream, 0, 1).await.unwrap(),
        [],
        "the address was not taken"
    );

    let in_time = vec![address.clone(), change(Expected::Exact(Revision(1)), 71)];
    let done = store.append(in_time.clone()).await.unwrap();
    assert_eq!(
        done.iter().map(|d| d.revision).collect::<Vec<_>>(),
        [Revision(0), Revision(2)]
    );
    store
        .append(vec![change(Expected::Exact(Revision(2)), 72)])
        .await
        .unwrap();
    let again = store.append(in_time).await.unwrap();
    assert_eq!(
        again.iter().map(|d| d.position).collect::<Vec<_>>(),
        done.iter().map(|d| d.position).collect::<Vec<_>>()
    );
    // three more say what was staged, committed and finished; asking again adds nothing
    assert_eq!(double.stored(), 2 + 2 + 1 + 3);
}

/// Events of everybody else: a fifth of those after which a checkpoint is stored, and some more.
fn activity(n: u128) -> StreamAppend {
    StreamAppend {
        stream: StreamName::new("activity", Uuid::from_u128(n)),
        expected: Expected::Any,
        events: (0..2_100).map(|e| event(n << 16 | e | 1 << 100, 1)).collect(),
    }
}

#[tokio::test]
async fn resuming_begins_where_the_store_was_searched_before() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    for n in 0..5 {
        store.append(vec![activity(n)]).await.unwrap();
    }
    StagedStore::new(Arc::clone(&store)).resume().await.unwrap();
    let all = store.read_all(Position::START, 20_000).await.unwrap().events;
    let checkpoints: Vec<_> = all.iter().filter(|e| is_bookkeeping(&e.stream)).collect();
    assert_eq!(checkpoints.len(), 1);
    let said = format!("{{\"position\":{}}}", all[all.len() - 2].position);
    assert_eq!(*checkpoints[0].data, *said.as_bytes());
    serde_json::from_slice::<domain::meta::Meta>(&checkpoints[0].meta).unwrap();

    // a batch behind the checkpoint is found by one that starts there
    let group = group(1, 10);
    stopped_after(1, &store, &group).await;
    let late = StagedStore::new(Arc::clone(&store));
    assert_eq!(
        late.resume().await.unwrap(),
        Resumed {
            completed: 1,
            refused: 0
        }
    );
    assert_eq!(there(&*store, &group).await, 4);
}

#[tokio::test]
async fn a_writer_that_was_stopped_is_resumed_in_the_background() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let staged = Arc::new(StagedStore::new(Arc::clone(&store)));
    let resuming = staged.keep_resuming(Duration::from_millis(20));
    let group = group(1, 10);
    stopped_after(3, &store, &group).await;
    let mut whole = 0;
    for _ in 0..3_000 {
        whole = there(&*store, &group).await;
        if whole == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    resuming.abort();
    assert_eq!(whole, 4);
}

#[tokio::test]
async fn a_batch_that_is_being_written_is_left_to_its_writer() {
    let double = Double::start().unwrap();
    let store = on(&double).await;
    let group = group(1, 10);
    for n in 0..5 {
        if n == 2 {
            stopped_after(3, &store, &group).await;
        }
        store.append(vec![activity(n)]).await.unwrap();
    }
    let before = there(&*store, &group).await;
    // it looks once, sees the batch for the first time, and stores how far it came
    let resuming = Arc::new(StagedStore::new(Arc::clone(&store))).keep_resuming(Duration::from_secs(3600));
    for _ in 0..1_000 {
        if double.stored_in("batch_checkpoint") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    resuming.abort();
    assert_eq!(double.stored_in("batch_checkpoint"), 1);
    assert_eq!((before, there(&*store, &group).await), (2, 2));
    // who starts where it stored that finds the batch
    let completed = Resumed {
        completed: 1,
        refused: 0,
    };
    assert_eq!(StagedStore::new(Arc::clone(&store)).resume().await.unwrap(), completed);
    assert_eq!(there(&*store, &group).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn staging_changes_nothing_of_the_contract() {
    let double = Double::start().unwrap();
    let inner = on(&double).await;
    let store = || async { Arc::new(StagedStore::new(Arc::clone(&inner))) as Arc<dyn EventStore> };
    tests::contract::holds(store).await;
}

/// Creates groups on a bad line, every second one with a first stream that another client wants too.
async fn create(store: Arc<dyn EventStore>, client: u128) -> Vec<(Vec<StreamAppend>, bool)> {
    let mut told = Vec::new();
    for n in 0..12 {
        let mut group = group(client << 32 | n, 10);
        if n % 2 == 0 {
            group[0].stream.id = Uuid::from_u128((n << 64) + client / 2);
        }
        match append_surely(&*store, group.clone()).await {
            Ok(_) => told.push((group, true)),
            Err(AppendError::Conflict { stream, .. }) => {
                assert!(n % 2 == 0 && stream == group[0].stream, "nobody else wants {stream}");
                told.push((group, false));
            }
            Err(other) => panic!("{other}"),
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_bad_line_with_rivals_every_group_is_there_once_or_not_at_all() {
    for _ in 0..3 {
        let (double, seed) = (Double::start().unwrap(), seed("bad line"));
        let store = on(&double).await;
        let resuming = Arc::new(StagedStore::new(Arc::clone(&store))).keep_resuming(Duration::from_millis(3));
        let clients = (0..6).map(|client| {
            let faulty = Arc::new(FaultyStore::new(Arc::clone(&store), seed.wrapping_add(client as u64)));
            tokio::spawn(create(Arc::new(StagedStore::new(faulty)), client))
        });
        let told: Vec<_> = futures::future::join_all(clients.collect::<Vec<_>>()).await;
        resuming.abort();
        tokio::time::sleep(Duration::from_millis(100)).await; // for appends that are late
        StagedStore::new(Arc::clone(&store)).resume().await.unwrap();
        let (mut kept, mut refused) = (0, 0);
        for (group, stored) in told.into_iter().flat_map(Result::unwrap) {
            let others = there(&*store, &group[1..]).await;
            assert_eq!(others, if stored { 3 } else { 0 });
            *(if stored { &mut kept } else { &mut refused }) += 1;
        }
        // of two rivals one wins each time
        assert_eq!((kept, refused), (6 * 12 - 3 * 6, 3 * 6));
        let batches = |e: &StoredEvent| !is_bookkeeping(&e.stream);
        let all = store.read_all(Position::START, 100_000).await.unwrap().events;
        assert_eq!(all.iter().filter(|e| batches(e)).count(), kept * 7);
    }
}
