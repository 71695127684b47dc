//! Random appends and reads, against the plainest thing that could be right.

use crate::sample::{Sample, after, seed};
use commands::ports::{AppendError, Appended, EventStore, Expected, StreamAppend};
use domain::event::{Position, Revision, StreamName};
use rand::{Rng, seq::IndexedRandom};
use std::collections::HashMap;
use uuid::Uuid;

const STEPS: usize = 250;
const STREAMS: usize = 7;

/// Ids by stream, ids in order, and what each recognisable append was told.
#[derive(Default)]
struct Model {
    streams: HashMap<StreamName, Vec<Uuid>>,
    all: Vec<Uuid>,
    told: Vec<(Vec<StreamAppend>, Vec<Appended>)>,
}

impl Model {
    fn len(&self, stream: &StreamName) -> u64 {
        self.streams.get(stream).map_or(0, |ids| ids.len() as u64)
    }

    /// The revisions after `group`, or the first stream that is not as expected and where it is.
    fn append(&mut self, group: &[StreamAppend]) -> Result<Vec<Revision>, (StreamName, Option<Revision>)> {
        for ask in group {
            let len = self.len(&ask.stream);
            let as_expected = match ask.expected {
                Expected::Any => true,
                Expected::Exists => len > 0,
                expected => expected == after(len),
            };
            if !as_expected {
                return Err((ask.stream.clone(), len.checked_sub(1).map(Revision)));
            }
        }
        let mut revisions = Vec::new();
        for ask in group {
            let ids = self.streams.entry(ask.stream.clone()).or_default();
            ids.extend(ask.events.iter().map(|e| e.id));
            self.all.extend(ask.events.iter().map(|e| e.id));
            revisions.push(Revision(ids.len() as u64 - 1));
        }
        Ok(revisions)
    }
}

pub(super) async fn any_sequence_of_appends_and_reads_is_as_in_the_model(store: &dyn EventStore) {
    let mut sample = Sample::new(seed("model"));
    let streams: Vec<_> = (0..STREAMS).map(|_| sample.stream()).collect();
    let (start, mut model) = (store.head().await.unwrap(), Model::default());
    for _ in 0..STEPS {
        match sample.dice.random_range(0..10) {
            0..=5 => try_new(store, &mut model, &mut sample, &streams).await,
            6 => try_again(store, &model, &mut sample).await,
            7 => read_one(store, &model, &mut sample, &streams).await,
            8 => read_some(store, &model, &mut sample, &streams).await,
            _ => read_everything(store, &model, &mut sample, start).await,
        }
    }
    read_everything(store, &model, &mut sample, start).await;
}

async fn try_new(store: &dyn EventStore, model: &mut Model, sample: &mut Sample, streams: &[StreamName]) {
    let size = if store.caps().atomic_multi {
        sample.dice.random_range(1..=3)
    } else {
        1
    };
    let chosen: Vec<_> = streams.choose_multiple(&mut sample.dice, size).cloned().collect();
    let group: Vec<_> = chosen
        .iter()
        .map(|stream| {
            let len = model.len(stream);
            let expected = match sample.dice.random_range(0..10) {
                0..=5 => after(len),
                6 => Expected::Any,
                7 => Expected::Exists,
                8 => Expected::NoStream,
                _ => Expected::Exact(Revision(sample.dice.random_range(0..len + 3))),
            };
            let n = sample.dice.random_range(1..=4);
            sample.append(stream, expected, n)
        })
        .collect();
    let answer = store.append(group.clone()).await;
    match model.append(&group) {
        Err((stream, current)) => assert_eq!(answer, Err(AppendError::Conflict { stream, current })),
        Ok(revisions) => {
            let done = answer.expect("as expected, so it is stored");
            assert_eq!(done.iter().map(|d| d.revision).collect::<Vec<_>>(), revisions);
            assert!(done.iter().all(|d| !d.repeated));
            let recognisable = |ask: &StreamAppend| matches!(ask.expected, Expected::NoStream | Expected::Exact(_));
            if group.iter().any(recognisable) {
                model.told.push((group, done));
            }
        }
    }
}

async fn try_again(store: &dyn EventStore, model: &Model, sample: &mut Sample) {
    let Some((group, done)) = model.told.choose(&mut sample.dice) else {
        return;
    };
    let repeated: Vec<_> = done.iter().map(|d| Appended { repeated: true, ..*d }).collect();
    assert_eq!(store.append(group.clone()).await, Ok(repeated));
}

async fn read_one(store: &dyn EventStore, model: &Model, sample: &mut Sample, streams: &[StreamName]) {
    let stream = streams.choose(&mut sample.dice).expect("there are streams");
    let (from, max) = (sample.dice.random_range(0..20), sample.dice.random_range(1..20));
    let read = store.read_stream(stream, from, max).await.unwrap();
    let ids = model.streams.get(stream).map_or(&[][..], Vec::as_slice);
    assert!(
        read.iter()
            .map(|e| e.id)
            .eq(ids.iter().skip(from as usize).take(max).copied())
    );
    assert!(read.iter().map(|e| e.revision.0).eq(from..from + read.len() as u64));
}

async fn read_some(store: &dyn EventStore, model: &Model, sample: &mut Sample, streams: &[StreamName]) {
    let some = sample.dice.random_range(0..STREAMS);
    let chosen = streams
        .choose_multiple(&mut sample.dice, some)
        .cloned()
        .collect::<Vec<_>>();
    let asked: Vec<_> = chosen
        .into_iter()
        .map(|s| (s, sample.dice.random_range(0..9)))
        .collect();
    let read = store.read_streams(&asked).await.unwrap();
    assert_eq!(read.len(), asked.len());
    for ((stream, from), events) in asked.iter().zip(read) {
        let ids = model.streams.get(stream).map_or(&[][..], Vec::as_slice);
        assert!(events.iter().map(|e| e.id).eq(ids.iter().skip(*from as usize).copied()));
    }
}

async fn read_everything(store: &dyn EventStore, model: &Model, sample: &mut Sample, start: Position) {
    let max = sample.dice.random_range(1..200);
    let all = crate::sample::all_after(store, start, max).await;
    let ours = all.iter().filter(|e| model.streams.contains_key(&e.stream));
    assert!(ours.map(|e| e.id).eq(model.all.iter().copied()));
}
