use super::*;

fn group(streams: u128, events: u128, bytes: usize) -> Vec<StreamAppend> {
    let event = |n: u128| NewEvent {
        id: Uuid::from_u128(n),
        type_name: "Created".into(),
        schema: 2,
        data: vec![n as u8; bytes].into(),
        meta: Bytes::from_static(b"{}"),
    };
    let append = |s: u128| StreamAppend {
        stream: StreamName::new("cipher", Uuid::from_u128(s)),
        expected: Expected::NoStream,
        events: (0..events).map(|e| event(s * 1000 + e)).collect(),
    };
    (1..=streams).map(append).collect()
}

/// The batch as a store would give it back after `staging` was committed.
fn stored(staging: &Staging) -> Batch {
    let mut batch = Batch {
        id: staging.id,
        last: None,
        parts: HashMap::new(),
        committed: None,
        closed: false,
    };
    for (revision, event) in staging.appends(&batch).into_iter().flatten().enumerate() {
        batch.take(StoredEvent {
            position: Default::default(),
            stream: stream(staging.id),
            revision: Revision(revision as u64),
            id: event.id,
            type_name: event.type_name,
            schema: event.schema,
            recorded_at_micros: 0,
            data: event.data,
            meta: event.meta,
        });
    }
    batch
}

#[test]
fn a_group_comes_back_from_its_batch_however_it_was_cut() {
    for (streams, events, bytes) in [(2, 1, 10), (300, 1, 5_000), (3, 40, 30_000), (2, 2, 400_000)] {
        let group = group(streams, events, bytes);
        let staging = stage(&group, 1024 * 1024).unwrap();
        assert!(staging.parts.iter().all(|part| part.data.len() <= PART_BYTES));
        let batch = stored(&staging);
        let last = batch.committed().unwrap();
        assert!(batch.content().unwrap() == (last, group));
    }
}

#[test]
fn a_small_group_is_staged_and_committed_by_one_append() {
    let staging = stage(&group(5, 1, 1_000), 1024 * 1024).unwrap();
    let batch = Batch {
        id: staging.id,
        last: None,
        parts: HashMap::new(),
        committed: None,
        closed: false,
    };
    let types: Vec<Vec<_>> = staging
        .appends(&batch)
        .iter()
        .map(|a| a.iter().map(|e| e.type_name.to_string()).collect())
        .collect();
    assert_eq!(types, [[STAGED, COMMITTED]]);
    assert_eq!(
        staging.appends(&stored(&staging)).concat().len(),
        1,
        "what is there is not staged again"
    );
}

#[test]
fn a_part_that_is_not_as_committed_is_not_used() {
    let staging = stage(&group(2, 1, 10), 1024 * 1024).unwrap();
    let mut batch = stored(&staging);
    for data in batch.parts.values_mut() {
        *data = json(&Part::default());
    }
    assert!(matches!(batch.content(), Err(AppendError::Unavailable(_))));
}

#[test]
fn an_event_that_fits_into_no_part_is_too_large() {
    assert!(matches!(
        stage(&group(2, 1, 800_000), 1024 * 1024),
        Err(AppendError::TooLarge)
    ));
}
