//! The adapter against a double of the server that follows its rule for repeated appends.

use bytes::Bytes;
use commands::ports::{AppendError, Appended, EventStore, Expected, StreamAppend};
use domain::event::{NewEvent, Position, Revision, StreamName};
use eventstore_kurrentdb::{ConnectError, KurrentSettings, KurrentStore};
use kurrentdb_double::Double;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

async fn store(double: &Double) -> KurrentStore {
    KurrentStore::connect(&double.url, KurrentSettings::default())
        .await
        .unwrap()
}

fn stream(n: u128) -> StreamName {
    StreamName::new("cipher", Uuid::from_u128(n))
}

fn event(id: u128) -> NewEvent {
    NewEvent {
        id: Uuid::from_u128(id),
        type_name: "CipherCreated".into(),
        schema: 3,
        data: Bytes::from(format!("{{\"n\":{id}}}")),
        meta: Bytes::from_static(b"{\"actor\":{\"kind\":\"system\"}}"),
    }
}

fn append(n: u128, expected: Expected, ids: impl IntoIterator<Item = u128>) -> Vec<StreamAppend> {
    vec![StreamAppend {
        stream: stream(n),
        expected,
        events: ids.into_iter().map(event).collect(),
    }]
}

async fn appended(store: &KurrentStore, group: Vec<StreamAppend>) -> Appended {
    store.append(group).await.unwrap()[0]
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_given() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    let mut odd = event(2);
    odd.meta = Bytes::from_static(b" {\"k\" : \"\xc3\xbc}\"}  ");
    odd.data = Bytes::from_static(b"{ \"spaces\": [1 , 2] }");
    let group = vec![StreamAppend {
        stream: stream(1),
        expected: Expected::NoStream,
        events: vec![event(1), odd.clone()],
    }];
    let done = appended(&store, group).await;
    assert_eq!((done.revision, done.repeated), (Revision(1), false));

    let read = store.read_stream(&stream(1), 0, 10).await.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[1].position, done.position);
    assert!(read[0].position < read[1].position && read[0].position > Position::START);
    assert_eq!(
        (read[0].stream.clone(), read[0].revision, read[0].id),
        (stream(1), Revision(0), Uuid::from_u128(1))
    );
    assert_eq!(
        (&*read[0].type_name, read[0].schema, &read[0].data),
        ("CipherCreated", 3, &event(1).data)
    );
    assert_eq!(
        (&read[0].meta, &read[1].meta, &read[1].data),
        (&event(1).meta, &odd.meta, &odd.data)
    );
    let now = chrono_now_micros();
    assert!(
        (now - 60_000_000..=now).contains(&read[0].recorded_at_micros),
        "{}",
        read[0].recorded_at_micros
    );
    assert_eq!(store.read_stream(&stream(1), 1, 10).await.unwrap().len(), 1);
    assert_eq!(store.read_stream(&stream(1), 2, 10).await.unwrap(), []);
    assert_eq!(store.read_stream(&stream(2), 0, 10).await.unwrap(), []);
}

fn chrono_now_micros() -> i64 {
    #[allow(clippy::disallowed_methods, reason = "a test of server time")]
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    now.as_micros() as i64
}

#[tokio::test]
async fn a_stream_that_is_not_as_expected_is_a_conflict_that_says_where_it_is() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    appended(&store, append(1, Expected::NoStream, [1, 2])).await;
    let refused = |expected, current: Option<u64>| {
        let store = &store;
        async move {
            let n = if current == Some(1) { 1 } else { 9 };
            let conflict = store.append(append(n, expected, [70])).await.unwrap_err();
            assert_eq!(
                conflict,
                AppendError::Conflict {
                    stream: stream(n),
                    current: current.map(Revision)
                }
            );
        }
    };
    refused(Expected::NoStream, Some(1)).await;
    refused(Expected::Exact(Revision(0)), Some(1)).await;
    refused(Expected::Exact(Revision(5)), Some(1)).await;
    refused(Expected::Exact(Revision(0)), None).await;
    refused(Expected::Exists, None).await;
    assert_eq!(double.stored(), 2);
    assert_eq!(
        appended(&store, append(1, Expected::Exact(Revision(1)), [3]))
            .await
            .revision,
        Revision(2)
    );
    assert_eq!(
        appended(&store, append(1, Expected::Exists, [4])).await.revision,
        Revision(3)
    );
    assert_eq!(
        appended(&store, append(9, Expected::Any, [5])).await.revision,
        Revision(0)
    );
}

#[tokio::test]
async fn the_same_append_again_is_answered_the_same_and_stored_once() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    let first = appended(&store, append(1, Expected::NoStream, [1, 2])).await;
    appended(&store, append(1, Expected::Exact(Revision(1)), [3])).await;
    assert!(!first.repeated);
    let first = Appended {
        repeated: true,
        ..first
    };
    assert_eq!(appended(&store, append(1, Expected::NoStream, [1, 2])).await, first);
    double.faults().hide_positions_of_repeats(true);
    assert_eq!(
        appended(&store, append(1, Expected::NoStream, [1, 2])).await,
        first,
        "the position is looked up"
    );
    assert_eq!(double.stored(), 3);

    // half of it stored before, half not: the stream went another way
    let conflict = store.append(append(1, Expected::NoStream, [1, 99])).await.unwrap_err();
    assert_eq!(
        conflict,
        AppendError::Conflict {
            stream: stream(1),
            current: Some(Revision(2))
        }
    );
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_nothing_is_stored_twice() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    double.faults().lose_acks(2);
    assert_eq!(
        appended(&store, append(1, Expected::NoStream, [1])).await.revision,
        Revision(0)
    );
    double.faults().time_out(1);
    assert_eq!(
        appended(&store, append(1, Expected::Exact(Revision(0)), [2]))
            .await
            .revision,
        Revision(1)
    );
    double.faults().refuse(3);
    assert_eq!(
        appended(&store, append(1, Expected::Exact(Revision(1)), [3]))
            .await
            .revision,
        Revision(2)
    );
    double.faults().not_leader(1);
    assert_eq!(
        appended(&store, append(1, Expected::Exact(Revision(2)), [4]))
            .await
            .revision,
        Revision(3)
    );
    double.faults().fail_reads(2);
    assert_eq!(store.read_stream(&stream(1), 0, 10).await.unwrap().len(), 4);
    assert_eq!(double.stored(), 4);
    assert_eq!(double.faults().appends(), 3 + 2 + 4 + 2);
}

#[tokio::test]
async fn a_server_that_stays_away_is_reported_and_found_again_when_it_returns() {
    let mut double = Double::start().unwrap();
    let settings = KurrentSettings {
        deadline: Duration::from_millis(800),
        ..KurrentSettings::default()
    };
    appended(&self::store(&double).await, append(1, Expected::NoStream, [1])).await;
    let store = KurrentStore::connect(&double.url, settings).await.unwrap();
    double.stop_node(0);
    let away = store.append(append(1, Expected::Exact(Revision(0)), [2])).await;
    assert!(matches!(away, Err(AppendError::Unavailable(_))), "{away:?}");
    assert!(store.head().await.is_err());
    double.start_node(0).unwrap();
    let mut again = store.append(append(1, Expected::Exact(Revision(0)), [2])).await;
    for _ in 0..50 {
        if again.is_ok() {
            break;
        }
        again = store.append(append(1, Expected::Exact(Revision(0)), [2])).await;
    }
    assert_eq!(again.unwrap()[0].revision, Revision(1));
    assert_eq!(double.stored(), 2);
}

#[tokio::test]
async fn a_server_that_hangs_does_not_hold_a_caller_longer_than_the_deadline() {
    let double = Double::start().unwrap();
    let settings = KurrentSettings {
        deadline: Duration::from_millis(600),
        each_try: Duration::from_millis(200),
        ..KurrentSettings::default()
    };
    let store = KurrentStore::connect(&double.url, settings).await.unwrap();
    double.faults().delay(Duration::from_secs(30));
    let begun = tokio::time::Instant::now();
    let hung = store.append(append(1, Expected::NoStream, [1])).await;
    assert!(matches!(hung, Err(AppendError::Unavailable(_))), "{hung:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn in_a_cluster_the_leader_is_found_wherever_it_goes() {
    let mut double = Double::start_cluster(3).unwrap();
    let store = store(&double).await;
    appended(&store, append(1, Expected::NoStream, [1])).await;
    double.lead(2);
    assert_eq!(
        appended(&store, append(1, Expected::Exact(Revision(0)), [2]))
            .await
            .revision,
        Revision(1)
    );
    assert_eq!(store.read_stream(&stream(1), 0, 10).await.unwrap().len(), 2);
    double.lead(1);
    double.stop_node(2);
    assert_eq!(
        appended(&store, append(1, Expected::Exact(Revision(1)), [3]))
            .await
            .revision,
        Revision(2)
    );
    assert_eq!(store.read_all(Position::START, 10).await.unwrap().events.len(), 3);
}

#[tokio::test]
async fn the_whole_store_is_read_in_order_without_what_is_not_ours() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    assert_eq!(store.head().await.unwrap(), Position::START);
    let empty = store.read_all(Position::START, 10).await.unwrap();
    assert_eq!(
        (empty.events.len(), empty.next, empty.head),
        (0, Position::START, Position::START)
    );

    let mut positions = Vec::new();
    for n in 1..=5 {
        positions.push(appended(&store, append(n, Expected::NoStream, [n])).await.position);
        double.write_system_events(200);
        double.write_foreign_event("somebody_elses", "Noise", b"{}");
    }
    let first = store.read_all(Position::START, 2).await.unwrap();
    assert_eq!(
        first.events.iter().map(|e| e.position).collect::<Vec<_>>(),
        positions[..2]
    );
    assert_eq!((first.next, first.head), (positions[1], positions[4]));
    let second = store.read_all(first.next, 10).await.unwrap();
    assert_eq!(
        second.events.iter().map(|e| e.position).collect::<Vec<_>>(),
        positions[2..]
    );
    assert_eq!((second.next, second.head), (positions[4], positions[4]));
    let exact = store.read_all(first.next, 3).await.unwrap();
    assert_eq!(
        (exact.events.len(), exact.next, exact.head),
        (3, positions[4], positions[4])
    );
    let end = store.read_all(second.next, 10).await.unwrap();
    assert_eq!((end.events.len(), end.next, end.head), (0, positions[4], positions[4]));
    assert_eq!(store.head().await.unwrap(), positions[4]);
    assert_eq!(store.read_all(Position::START, 0).await.unwrap().next, Position::START);

    // one that starts now finds the same end
    let late = KurrentStore::connect(&double.url, KurrentSettings::default())
        .await
        .unwrap();
    assert_eq!(*late.wake().borrow(), positions[4]);
}

#[tokio::test]
async fn a_page_says_that_there_is_more_even_when_others_wrote_it() {
    let double = Double::start().unwrap();
    let (ours, theirs) = (store(&double).await, store(&double).await);
    for n in 1..=10 {
        appended(&theirs, append(n, Expected::NoStream, [n])).await;
    }
    let page = ours.read_all(Position::START, 4).await.unwrap();
    assert_eq!(page.events.len(), 4);
    assert!(page.head > page.next);
}

#[tokio::test]
async fn an_event_in_a_stream_of_ours_that_we_did_not_write_is_not_passed_over() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    double.write_foreign_event(&stream(1).to_string(), "CipherCreated", b"{\"by\":\"hand\"}");
    let read = store.read_all(Position::START, 10).await.unwrap().events;
    assert_eq!(
        (read.len(), read[0].schema, &*read[0].meta),
        (1, 0, &b"{\"by\":\"hand\"}"[..])
    );
}

#[tokio::test]
async fn others_appends_wake_a_sleeper() {
    let double = Double::start().unwrap();
    let (ours, theirs) = (store(&double).await, store(&double).await);
    let mut wake = ours.wake();
    wake.borrow_and_update();
    let done = appended(&theirs, append(1, Expected::NoStream, [1])).await;
    tokio::time::timeout(Duration::from_secs(30), wake.wait_for(|at| *at >= done.position))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn what_is_larger_than_the_server_takes_is_told_apart() {
    let double = Double::start().unwrap();
    let generous = KurrentSettings {
        max_append_bytes: usize::MAX,
        ..KurrentSettings::default()
    };
    let store = KurrentStore::connect(&double.url, generous).await.unwrap();
    let sized = |bytes: usize| {
        let mut big = event(1);
        // as the server counts: 20 bytes around the metadata, the type name twice
        let rest = 20 + big.meta.len() + 2 * big.type_name.len();
        big.data = Bytes::from(format!("\"{}\"", "x".repeat(bytes - rest - 2)));
        vec![StreamAppend {
            stream: stream(1),
            expected: Expected::NoStream,
            events: vec![big],
        }]
    };
    let limit = kurrentdb_double::MAX_APPEND_BYTES;
    assert_eq!(
        store.append(sized(limit + 1)).await,
        Err(AppendError::TooLarge),
        "said by the server"
    );
    let ours = KurrentStore::connect(&double.url, KurrentSettings::default())
        .await
        .unwrap();
    let asked = double.faults().appends();
    assert_eq!(
        ours.append(sized(limit + 1)).await,
        Err(AppendError::TooLarge),
        "known here"
    );
    assert_eq!(double.faults().appends(), asked);
    assert_eq!(appended(&ours, sized(limit)).await.revision, Revision(0));
}

#[tokio::test]
async fn more_than_the_queue_holds_is_busy_and_no_more_than_allowed_are_in_flight() {
    let double = Double::start().unwrap();
    let settings = KurrentSettings {
        in_flight: 4,
        queue: 4,
        ..KurrentSettings::default()
    };
    let store = Arc::new(KurrentStore::connect(&double.url, settings).await.unwrap());
    double.faults().delay(Duration::from_millis(100));
    let all = (1..=12).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.append(append(n, Expected::NoStream, [n])).await })
    });
    let mut busy = 0;
    for one in futures::future::join_all(all).await {
        match one.unwrap() {
            Ok(_) => {}
            Err(AppendError::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((busy, double.stored()), (4, 8));
    assert_eq!(double.faults().most_in_flight(), 4);
}

#[tokio::test]
async fn a_group_is_appended_stream_by_stream_up_to_the_one_that_is_refused() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    assert!(!store.caps().atomic_multi);
    appended(&store, append(2, Expected::NoStream, [1])).await;
    let group: Vec<_> = (1..=3).flat_map(|n| append(n, Expected::NoStream, [10 + n])).collect();
    let conflict = store.append(group).await.unwrap_err();
    assert_eq!(
        conflict,
        AppendError::Conflict {
            stream: stream(2),
            current: Some(Revision(0))
        }
    );
    assert_eq!(store.read_stream(&stream(1), 0, 1).await.unwrap().len(), 1);
    assert_eq!(store.read_stream(&stream(3), 0, 1).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_connection_string_that_cannot_be_read_is_said_so() {
    let bad = KurrentStore::connect("postgres://here", KurrentSettings::default()).await;
    assert!(matches!(bad, Err(ConnectError::BadUrl(_))));
}

#[tokio::test]
async fn where_nobody_answers_connecting_ends_at_the_deadline() {
    let settings = KurrentSettings {
        connect: Duration::from_millis(300),
        ..KurrentSettings::default()
    };
    let nobody = KurrentStore::connect("esdb://127.0.0.1:1?tls=false&discoveryInterval=20", settings).await;
    assert!(matches!(nobody, Err(ConnectError::Unreachable(_))));
}

#[tokio::test]
async fn small_requests_are_not_held_back_on_the_way() {
    let double = Double::start().unwrap();
    let store = store(&double).await;
    let mut times = Vec::new();
    for n in 1..=100 {
        let begun = tokio::time::Instant::now();
        appended(&store, append(n, Expected::NoStream, [n])).await;
        assert_eq!(store.read_stream(&stream(n), 0, 1).await.unwrap().len(), 1);
        times.push(begun.elapsed());
    }
    // held back for an acknowledgement, each of the two would take 40 ms; a busy machine holds back most of them. The first ones are
    // acknowledged at once whatever is set
    let mut times = times.split_off(20);
    times.sort_unstable();
    assert!(times[10] < Duration::from_millis(40), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_kurrentdb_hold_the_contract() {
    let double = Double::start().unwrap();
    tests::contract::holds(|| async { Arc::new(store(&double).await) as Arc<dyn EventStore> }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_a_cluster_hold_the_contract_whoever_leads() {
    let double = Arc::new(Double::start_cluster(3).unwrap());
    let elections = tokio::spawn({
        let double = Arc::clone(&double);
        async move {
            for leader in (0..3).cycle() {
                // not before something was stored with the one before
                let stored = double.stored();
                tokio::time::sleep(Duration::from_millis(150)).await;
                while double.stored() < stored + 5 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                double.lead(leader);
            }
        }
    });
    let store: Arc<dyn EventStore> = Arc::new(store(&double).await);
    tests::contract::holds(|| async { Arc::clone(&store) }).await;
    elections.abort();
}
