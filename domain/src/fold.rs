//! Holds [`Aggregate::FOLD`] to what is really folded, so that nobody can change a fold and forget the snapshots that
//! the one before made.
//!
//! The stored examples of every event (`upcast/fixtures`), also with each optional value left out and with the person
//! erased, are folded in many orders: all pairs, all pairs behind the first event of a category, and long walks. The name
//! of a fold is the hash of every state met on the way, as JSON. A change of `evolve`, of an upcaster, of a state's fields
//! or of how they are written changes it; then this test says the new name.

use crate::{
    account::{address::EmailAddress, fence::Fence, user::User},
    activity::Activity,
    device::Device,
    event::{Aggregate, DomainEvent},
    organization::{
        claim::HeldName,
        collection::Collection,
        grant::Grant,
        group::{Group, GroupPlace},
        membership::Membership,
        place::Place,
        policy::Policy,
        profile::Organization,
        task::Task,
    },
    registry::CATEGORIES,
    vault::{cipher::Cipher, filing::Filing, folder::Folder},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, path::Path};
use uuid::Uuid;

/// How many walks, and how long each is.
const WALKS: usize = 400;
const STEPS: usize = 16;

/// A stored example or a variant of one.
struct Probe {
    type_name: &'static str,
    schema: u16,
    data: Value,
}

impl Probe {
    /// The event as the one at `place` of a history.
    fn event<A: Aggregate>(&self, place: usize) -> Option<A::Event> {
        let mut data = self.data.clone();
        data["at"] = (1_000 + place).into();
        A::Event::decode(self.type_name, self.schema, data.to_string().as_bytes()).ok()
    }
}

fn probes<A: Aggregate>() -> Vec<Probe> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/upcast/fixtures");
    let mut all = Vec::new();
    for (type_name, current) in A::Event::TYPES {
        for schema in 1..=*current {
            let text = std::fs::read(folder.join(format!("{type_name}.{schema}.json"))).unwrap();
            let mut whole: Value = serde_json::from_slice(&text).unwrap();
            if let Some(content) = whole.get_mut("content") {
                *content = serde_json::json!({"name": "2.AAAA|AAAA|AAAA"}); // opaque text: one key has one order
            }
            let mut variants = vec![whole.clone(), erased(&whole)];
            for key in whole.as_object().unwrap().keys().collect::<BTreeSet<_>>() {
                let mut without = whole.clone();
                without.as_object_mut().unwrap().remove(key);
                variants.push(without);
            }
            let probe = |data| Probe {
                type_name,
                schema,
                data,
            };
            all.extend(variants.into_iter().map(probe));
        }
    }
    all.retain(|probe| probe.event::<A>(0).is_some()); // without a value that must be there it is no event
    all
}

/// The same with no personal value known.
fn erased(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match fields.get("$personal") {
            Some(open) => serde_json::json!({"$personal": {"s": open["s"], "v": null}}),
            None => fields.iter().map(|(key, value)| (key.clone(), erased(value))).collect(),
        },
        Value::Array(items) => items.iter().map(erased).collect(),
        other => other.clone(),
    }
}

/// Every text inside a personal value.
fn personal(value: &Value, inside: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                personal(value, inside || key == "v" && fields.contains_key("s"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| personal(item, inside, found)),
        Value::String(text) if inside => {
            found.insert(text.clone());
        }
        _ => {}
    }
}

/// Folds every history and gives the category with the name of its fold. On the way: a state is read as it was written,
/// and what is read goes on as what was written would; what tells of a person has somebody to seal it for.
fn named<A: Aggregate + PartialEq>() -> (&'static str, String) {
    let probes = probes::<A>();
    let count = probes.len();
    let mut histories: Vec<Vec<usize>> = Vec::new();
    for a in 0..count {
        for b in 0..count {
            histories.push(vec![a, b]);
            histories.push(vec![0, a, b]);
        }
    }
    let mut dice = 1_u64;
    for _ in 0..WALKS {
        let step = |_| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) as usize % count
        };
        histories.push((0..STEPS).map(step).collect());
    }
    let mut texts = BTreeSet::new();
    probes.iter().for_each(|probe| personal(&probe.data, false, &mut texts));
    let mut hash = Sha256::new();
    for history in histories {
        let mut state = A::default();
        for (place, index) in history.into_iter().enumerate() {
            let event = probes[index].event::<A>(place).unwrap();
            state = state.evolve(&event);
            let written = serde_json::to_string(&state).unwrap();
            let read: A = serde_json::from_str(&written).unwrap();
            assert_eq!(read, state, "{}: what is read is what was written", A::CATEGORY);
            if state.subject(A::Id::from(Uuid::from_u128(1))).is_none() {
                let told = texts.iter().find(|text| written.contains(&format!("\"{text}\"")));
                assert_eq!(told, None, "{}: {written} is sealed for nobody", A::CATEGORY);
            }
            hash.update(written.as_bytes());
            hash.update(b"\n");
            state = read;
        }
    }
    let name: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    (A::CATEGORY, name)
}

#[test]
fn a_fold_that_changed_has_another_name() {
    let named = [
        named::<User>(),
        named::<EmailAddress>(),
        named::<Fence>(),
        named::<Device>(),
        named::<Activity>(),
        named::<Folder>(),
        named::<Cipher>(),
        named::<Filing>(),
        named::<Organization>(),
        named::<Membership>(),
        named::<Place>(),
        named::<HeldName>(),
        named::<Collection>(),
        named::<Grant>(),
        named::<Group>(),
        named::<GroupPlace>(),
        named::<Policy>(),
        named::<Task>(),
    ];
    let stated: Vec<_> = CATEGORIES.iter().map(|c| (c.name, c.fold.to_owned())).collect();
    assert_eq!(
        named.to_vec(),
        stated,
        "left: what is folded now; right: the FOLD of each aggregate, to be corrected"
    );
}
