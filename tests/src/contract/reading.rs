//! What was stored is what is read, in order and in pages.

use crate::sample::{Sample, all_after, append};
use bytes::Bytes;
use commands::ports::{EventStore, Expected, READ_PAGE, StreamAppend};
use domain::event::{NewEvent, StoredEvent, StreamName};
use std::borrow::Cow;
use std::time::Duration;

pub(super) async fn what_is_stored_is_read_back_byte_for_byte(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let (stream, start) = (sample.stream(), store.head().await.unwrap());
    let every_byte: Vec<u8> = (0..=255).collect();
    let datas: [&[u8]; 6] = [
        b"{}",
        r#"{"name":"Zoë \u0000 漢字 🔐  ́"}"#.as_bytes(),
        b"{ \"b\" : 1,\t\"a\":1.0e2 }\r\n",
        &every_byte,
        b"",
        b"\0",
    ];
    let events: Vec<_> = datas
        .iter()
        .enumerate()
        .map(|(n, data)| NewEvent {
            id: sample.id(),
            type_name: Cow::Owned(format!("Type{n}")),
            schema: [1, 2, 255, 256, 32_768, u16::MAX][n],
            data: Bytes::copy_from_slice(data),
            meta: Bytes::from(format!("{{ \"client\" : \"Zoë {n} 🔐\", \"a\":1.0e2 }}")),
        })
        .collect();
    append(
        store,
        StreamAppend {
            stream: stream.clone(),
            expected: Expected::NoStream,
            events: events.clone(),
        },
    )
    .await
    .unwrap();
    let stored = store.read_stream(&stream, 0, 10).await.unwrap();
    assert_eq!(stored.iter().map(as_new).collect::<Vec<_>>(), events);
    let all = all_after(store, start, 100).await;
    let all: Vec<_> = all.into_iter().filter(|e| e.stream == stream).collect();
    assert_eq!(all, stored);
    assert_eq!(store.read_streams(&[(stream, 0)]).await.unwrap(), [stored]);
}

pub(super) async fn a_large_event_is_stored(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let len = (store.caps().max_append_bytes - 1_000).min(8 << 20);
    let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
    let event = sample.event_of(data);
    append(
        store,
        StreamAppend {
            stream: stream.clone(),
            expected: Expected::NoStream,
            events: vec![event.clone()],
        },
    )
    .await
    .unwrap();
    assert!(store.read_stream(&stream, 0, 1).await.unwrap()[0].data == event.data);
}

pub(super) async fn a_stream_is_read_in_pages(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    append(store, sample.append(&stream, Expected::NoStream, 10))
        .await
        .unwrap();
    for (from, max, revisions) in [
        (0, 4, 0..4),
        (4, 4, 4..8),
        (8, 4, 8..10),
        (9, 1, 9..10),
        (0, 0, 0..0),
        (0, 99, 0..10),
    ] {
        let read = store.read_stream(&stream, from, max).await.unwrap();
        assert!(read.iter().map(|e| e.revision.0).eq(revisions), "{from} {max}");
    }
}

pub(super) async fn a_stream_without_events_reads_as_empty(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let (none, one) = (sample.stream(), sample.stream());
    append(store, sample.append(&one, Expected::NoStream, 1)).await.unwrap();
    assert_eq!(store.read_stream(&none, 0, 10).await.unwrap(), []);
    for beyond in [1, 1_000, u64::MAX >> 1, u64::MAX] {
        assert_eq!(store.read_stream(&one, beyond, 10).await.unwrap(), []);
        assert_eq!(store.read_streams(&[(one.clone(), beyond)]).await.unwrap(), [[]]);
    }
    assert_eq!(store.read_streams(&[(none, 0), (one, 1)]).await.unwrap(), [[], []]);
    assert_eq!(store.read_streams(&[]).await.unwrap(), Vec::<Vec<StoredEvent>>::new());
}

pub(super) async fn two_categories_may_share_an_id(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let id = sample.id();
    let [user, account] = ["user", "emergency_access"].map(|category| StreamName::new(category, id));
    append(store, sample.append(&user, Expected::NoStream, 1))
        .await
        .unwrap();
    append(store, sample.append(&account, Expected::NoStream, 2))
        .await
        .unwrap();
    assert_eq!(store.read_stream(&user, 0, 10).await.unwrap().len(), 1);
    let stored = store.read_stream(&account, 0, 10).await.unwrap();
    assert!(stored.len() == 2 && stored.iter().all(|e| e.stream == account));
}

pub(super) async fn many_streams_are_read_at_once_in_the_order_asked_for(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let long = sample.stream();
    let streams: Vec<_> = (0..6).map(|_| sample.stream()).collect();
    for (n, stream) in streams.iter().enumerate().skip(1) {
        append(store, sample.append(stream, Expected::NoStream, n))
            .await
            .unwrap();
    }
    append(store, sample.append(&long, Expected::NoStream, READ_PAGE + 3))
        .await
        .unwrap();
    // backwards, one of them twice, one without events
    let mut asked: Vec<_> = streams.iter().rev().map(|s| (s.clone(), 1)).collect();
    asked.push((streams[3].clone(), 0));
    asked.push((long, 2));
    let read = store.read_streams(&asked).await.unwrap();
    assert_eq!(
        read.iter().map(Vec::len).collect::<Vec<_>>(),
        [4, 3, 2, 1, 0, 0, 3, READ_PAGE + 1]
    );
    for ((stream, from), events) in asked.iter().zip(read) {
        let revisions = *from..*from + events.len() as u64;
        assert!(events.iter().all(|e| e.stream == *stream) && events.iter().map(|e| e.revision.0).eq(revisions));
    }
}

pub(super) async fn everything_is_read_in_pages_in_position_order(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let start = store.head().await.unwrap();
    let mut appended = Vec::new();
    for n in 1..=6 {
        let stream = sample.stream();
        let ask = sample.append(&stream, Expected::NoStream, n);
        appended.extend(ask.events.iter().map(|e| e.id));
        append(store, ask).await.unwrap();
    }
    for max in [1, 2, 5, 21, 1_000] {
        let (mut read, mut after) = (Vec::new(), start);
        loop {
            let page = store.read_all(after, max).await.unwrap();
            assert!(page.events.len() <= max && page.head >= page.next);
            assert!(page.events.iter().all(|e| e.position > after));
            assert_eq!(page.next, page.events.last().map_or(after, |e| e.position));
            after = page.next;
            read.extend(page.events);
            if page.next == page.head {
                break;
            }
        }
        assert!(read.is_sorted_by(|a, b| a.position < b.position));
        assert_eq!(
            read.iter()
                .map(|e| e.id)
                .filter(|id| appended.contains(id))
                .collect::<Vec<_>>(),
            appended
        );
    }
}

pub(super) async fn behind_the_end_there_is_nothing(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let done = append(store, sample.append(&stream, Expected::NoStream, 1))
        .await
        .unwrap();
    let page = store.read_all(done.position, 10).await.unwrap();
    assert_eq!((page.events, page.next), (vec![], done.position));
    assert!(page.head >= done.position && store.head().await.unwrap() >= done.position);
}

pub(super) async fn time_never_goes_backwards(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let start = store.head().await.unwrap();
    for _ in 0..20 {
        let stream = sample.stream();
        append(store, sample.append(&stream, Expected::NoStream, 2))
            .await
            .unwrap();
    }
    let times: Vec<i64> = all_after(store, start, 7)
        .await
        .iter()
        .map(|e| e.recorded_at_micros)
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let in_2001 = 1_000_000_000_000_000;
    assert!(times.iter().all(|t| *t > in_2001), "microseconds since 1970: {times:?}");
}

pub(super) async fn appends_wake_those_who_wait(store: &dyn EventStore) {
    let mut sample = Sample::default();
    let stream = sample.stream();
    let mut wake = store.wake();
    wake.mark_unchanged();
    let done = append(store, sample.append(&stream, Expected::NoStream, 1))
        .await
        .unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(30), wake.wait_for(|head| *head >= done.position)).await;
    assert!(
        woken.is_ok_and(|head| head.is_ok()),
        "nobody said that there is something new"
    );
}

fn as_new(e: &StoredEvent) -> NewEvent {
    NewEvent {
        id: e.id,
        type_name: e.type_name.clone(),
        schema: e.schema,
        data: e.data.clone(),
        meta: e.meta.clone(),
    }
}
