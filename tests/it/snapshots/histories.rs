//! Random histories of every aggregate: what is known is the same from a snapshot and from all events.

use super::world::World;
use bytes::Bytes;
use domain::account::{address::EmailAddress, fence::Fence, user::User};
use domain::activity::Activity;
use domain::device::Device;
use domain::event::{Aggregate, DomainEvent};
use domain::organization::{
    claim::HeldName,
    collection::Collection,
    grant::Grant,
    group::{Group, GroupPlace},
    membership::Membership,
    place::Place,
    policy::Policy,
    profile::Organization,
    task::Task,
};
use domain::registry::CATEGORIES;
use domain::vault::{cipher::Cipher, filing::Filing, folder::Folder};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::Path;
use uuid::Uuid;

/// The stored examples of a category, by name.
fn examples<A: Aggregate>() -> Vec<(String, serde_json::Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/src/upcast/fixtures");
    let types = A::Event::TYPES.iter();
    types
        .map(|(name, schema)| {
            let stored = std::fs::read(folder.join(format!("{name}.{schema}.json"))).unwrap();
            ((*name).to_owned(), serde_json::from_slice(&stored).unwrap())
        })
        .collect()
}

/// A history of the examples that `picks` names, the first event of a category first.
fn history<A: Aggregate>(picks: &[prop::sample::Index]) -> Vec<(String, Bytes)> {
    let examples = examples::<A>();
    let event = |(place, index): (usize, usize)| {
        let (name, mut data) = examples[index].clone();
        data["at"] = (1_000 + place).into();
        (name, Bytes::from(data.to_string()))
    };
    let picked = picks.iter().map(|pick| pick.index(examples.len()));
    std::iter::once(0).chain(picked).enumerate().map(event).collect()
}

/// Snapshots at `cut`, then the rest, then a process that starts.
async fn agrees<A: Aggregate + PartialEq>(events: Vec<(String, Bytes)>, cut: usize) {
    let world = World::in_memory();
    let id = A::Id::from(Uuid::from_u128(7));
    let stream = A::stream(id);
    let folded = events.iter().fold(A::default(), |state, (name, data)| {
        state.evolve(&A::Event::decode(name, 1, data).unwrap())
    });
    let rest = events[cut..].to_vec();
    world.add(&stream, 0, events[..cut].to_vec()).await;
    world.started().state::<A>(id).await.unwrap();
    world.snapshot_at(&stream, cut as u64 - 1).await;
    if !rest.is_empty() {
        world.add(&stream, cut as u64, rest).await;
    }
    world.store.take();
    assert_eq!(world.started().state::<A>(id).await.unwrap(), folded);
    assert_eq!(
        world.store.take()[0].0,
        cut as u64 - 1,
        "it was read from the snapshot on"
    );
    assert_eq!(
        world.started().states::<A>(&[id, id]).await.unwrap(),
        [folded.clone(), folded]
    );
    let [one, other] = world.store.take().try_into().unwrap();
    assert_eq!(one, other, "a stream asked for twice");
    assert!(
        one.0 + 1 >= cut as u64 && one.0 as usize + one.1 == events.len(),
        "{one:?}"
    );
}

fn always_agrees<A: Aggregate + PartialEq>() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    };
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 200..420);
    let given = (picks, any::<prop::sample::Index>());
    TestRunner::new(config)
        .run(&given, |(picks, cut)| {
            let events = history::<A>(&picks);
            let cut = 200 + cut.index(events.len() - 200 + 1);
            runtime.block_on(agrees::<A>(events, cut));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_snapshot_and_the_rest_fold_to_what_all_events_do() {
    always_agrees::<User>();
    always_agrees::<EmailAddress>();
    always_agrees::<Fence>();
    always_agrees::<Device>();
    always_agrees::<Activity>();
    always_agrees::<Folder>();
    always_agrees::<Cipher>();
    always_agrees::<Filing>();
    always_agrees::<Organization>();
    always_agrees::<Membership>();
    always_agrees::<Place>();
    always_agrees::<Collection>();
    always_agrees::<Grant>();
    always_agrees::<Group>();
    always_agrees::<GroupPlace>();
    always_agrees::<Policy>();
    always_agrees::<HeldName>();
    always_agrees::<Task>();
    assert_eq!(CATEGORIES.len(), 18, "a category is missing above");
}
