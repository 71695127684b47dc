//! What must hold for any JSON.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use commands::ports::SealError;
use common::{fleeting, open, seal, subject};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

/// Text made to look like what it is not.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "{\"$",
        "$personal",
        "$sealed",
        "\"",
        "\\",
        "\"}}",
        ":{\"s\":\"",
        "{",
        "}",
        "[",
        ",",
        ":",
        "é",
        "\u{0}",
        "v",
    ];
    prop_oneof![
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8).prop_map(|p| p.concat()),
        prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
    ]
}

/// Any JSON; object keys do not begin with `$`, as no field of an event does.
fn plain() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let key = text().prop_map(|k| if k.starts_with('$') { format!("_{k}") } else { k });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// JSON with personal values of some subjects here and there.
fn event() -> impl Strategy<Value = Value> {
    let personal = (1_u128..4, plain()).prop_map(|(n, v)| json!({ "$personal": { "s": subject(n), "v": v } }));
    prop_oneof![plain(), personal].prop_recursive(4, 24, 5, |inner| {
        let key = text().prop_map(|k| if k.starts_with('$') { format!("_{k}") } else { k });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..5).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// The envelopes and open values of a document, each with its place, found by parsing.
fn tagged(value: &Value, tag: &str, at: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key(tag) => found.push((at, fields[tag].clone())),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(k, v)| tagged(v, tag, format!("{at}/{k:?}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(i, v)| tagged(v, tag, format!("{at}/{i}"), found)),
        _ => {}
    }
}

fn find(json: &str, tag: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    tagged(&serde_json::from_str(json).unwrap(), tag, String::new(), &mut found);
    found
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_is_sealed_where_it_is_personal_and_comes_back_byte_for_byte(event in event()) {
        let plain = event.to_string();
        let keyring = fleeting();
        let runtime = runtime();
        let sealed = runtime.block_on(seal(&keyring, &plain)).unwrap();
        let mut wanted = find(&plain, "$personal");
        wanted.retain(|(_, open)| !open["v"].is_null());
        let envelopes = find(&sealed, "$sealed");
        prop_assert_eq!(envelopes.len(), wanted.len());
        for ((at, envelope), (place, open)) in envelopes.iter().zip(&wanted) {
            prop_assert_eq!((at, &envelope["s"]), (place, &open["s"]));
        }
        prop_assert_eq!(runtime.block_on(open(&keyring, &sealed)).unwrap(), plain);
    }

    #[test]
    fn a_flipped_bit_in_an_envelope_never_gives_another_value(value in plain(), bit in any::<prop::sample::Index>()) {
        prop_assume!(!value.is_null());
        let plain = json!({ "a": 1, "e": { "$personal": { "s": subject(1), "v": value } } }).to_string();
        let keyring = fleeting();
        let runtime = runtime();
        let sealed = runtime.block_on(seal(&keyring, &plain)).unwrap();
        let mut bytes = sealed.clone().into_bytes();
        let from = sealed.find("$sealed").unwrap() - 2;
        let bit = bit.index((bytes.len() - 1 - from) * 8); // the last byte ends the document, not the envelope
        bytes[from + bit / 8] ^= 1 << (bit % 8);
        let Ok(flipped) = String::from_utf8(bytes) else { return Ok(()) };
        match runtime.block_on(open(&keyring, &flipped)) {
            Err(SealError::Damaged(_)) => {}
            Err(other) => prop_assert!(false, "{}", other),
            // another subject, who has no key: erased. Or no tag of ours any more: nothing was opened.
            Ok(opened) => prop_assert!(opened.contains("\"v\":null}}") || opened == flipped, "{}", opened),
        }
    }

    #[test]
    fn swapped_envelopes_refuse(a in plain(), b in plain()) {
        prop_assume!(!a.is_null() && !b.is_null());
        let personal = |v| json!({ "$personal": { "s": subject(1), "v": v } });
        let plain = json!({ "a": personal(a), "b": [personal(b)] }).to_string();
        let keyring = fleeting();
        let runtime = runtime();
        let sealed = runtime.block_on(seal(&keyring, &plain)).unwrap();
        let envelopes = find(&sealed, "$sealed");
        let wrap = |i: usize| json!({ "$sealed": envelopes[i].1 });
        // the order of fields inside an envelope is part of its shape: put back as text
        let texts: Vec<String> = (0..2).map(|i| {
            let e = &wrap(i)["$sealed"];
            format!(r#"{{"$sealed":{{"s":{},"k":{},"n":{},"c":{}}}}}"#, e["s"], e["k"], e["n"], e["c"])
        }).collect();
        let put = |x: &str, y: &str| format!(r#"{{"a":{x},"b":[{y}]}}"#);
        prop_assert_eq!(&put(&texts[0], &texts[1]), &sealed);
        let swapped = put(&texts[1], &texts[0]);
        prop_assert!(matches!(runtime.block_on(open(&keyring, &swapped)), Err(SealError::Damaged(_))));
    }

    #[test]
    fn no_bytes_make_it_panic(text in "[{}\\[\\]:,\"$\\\\a0]{0,40}|\\{\"\\$(personal|sealed)\":[{\"sv:,}0-9a\\[\\]]{0,40}") {
        let keyring = fleeting();
        let runtime = runtime();
        let _either = runtime.block_on(seal(&keyring, &text));
        let _or = runtime.block_on(open(&keyring, &text));
    }
}
