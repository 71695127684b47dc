//! Vault items: what is inside in clear text, sealed for a request, opened from an answer.
//!
//! An item in clear text is the JSON of a request whose texts are not sealed yet. [`seal`] and [`open`] leave names that
//! are never sealed (ids, dates, types) alone, so both work on any part of an item.

mod plain;

use serde_json::{Value, json};

use crate::crypto::SymmetricKey;
pub use plain::{Kind, full, minimal};

/// Fields whose texts are not sealed.
const CLEAR: [&str; 16] = [
    "archivedDate",
    "collectionIds",
    "creationDate",
    "data",
    "deletedDate",
    "encryptedByKeyId",
    "encryptedFor",
    "folderId",
    "id",
    "key",
    "lastKnownRevisionDate",
    "lastUsedDate",
    "object",
    "organizationId",
    "passwordRevisionDate",
    "revisionDate",
];

/// Seals every text of `plain` except ids, dates and the like.
pub fn seal(key: &SymmetricKey, plain: &Value) -> Value {
    map_texts(plain, &|text| key.seal(text))
}

/// Opens every sealed text of `sealed`; panics if one was sealed by another key.
pub fn open(key: &SymmetricKey, sealed: &Value) -> Value {
    map_texts(sealed, &|text| {
        key.open(text)
            .unwrap_or_else(|e| panic!("{text} is not sealed by this key: {e:?}"))
    })
}

fn map_texts(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => json!(change(text)),
        Value::Array(items) => items.iter().map(|item| map_texts(item, change)).collect(),
        Value::Object(fields) => {
            let changed = fields.iter().map(|(name, value)| {
                let keep = CLEAR.contains(&name.as_str());
                (
                    name.clone(),
                    if keep { value.clone() } else { map_texts(value, change) },
                )
            });
            Value::Object(changed.collect())
        }
        other => other.clone(),
    }
}

/// A sealed request for a small item of this kind.
pub fn request(key: &SymmetricKey, kind: Kind, name: &str) -> Value {
    seal(key, &minimal(kind, name))
}

/// A sealed request for a folder.
pub fn folder(key: &SymmetricKey, name: &str) -> Value {
    json!({"name": key.seal(name)})
}

/// Panics with the fields that differ if the server does not keep what `sent` asked it to keep.
///
/// Sealed texts are compared as they are: the server has no business with what is inside.
#[track_caller]
pub fn assert_kept(sent: &Value, answer: &Value) {
    const KEPT: [&str; 17] = [
        "type",
        "name",
        "notes",
        "favorite",
        "reprompt",
        "key",
        "folderId",
        "organizationId",
        "fields",
        "passwordHistory",
        "login",
        "secureNote",
        "card",
        "identity",
        "sshKey",
        "bankAccount",
        "driversLicense",
    ];
    let mut differing = Vec::new();
    for field in KEPT.into_iter().chain(["passport", "archivedDate"]) {
        if let Some(expected) = sent.get(field) {
            compare(expected, &answer[field], field, &mut differing);
        }
    }
    assert!(
        differing.is_empty(),
        "the server did not keep what was sent:\n  {}",
        differing.join("\n  ")
    );
}

/// Every field of `expected` must be in `found` with the same value; `found` may have more fields, if they are null.
fn compare(expected: &Value, found: &Value, path: &str, differing: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                compare(
                    value,
                    found.get(name).unwrap_or(&Value::Null),
                    &format!("{path}.{name}"),
                    differing,
                );
            }
            let extra = |name: &str| !(expected.contains_key(name) || path == "login" && name == "uri");
            for (name, value) in found.iter().filter(|(name, value)| extra(name) && !value.is_null()) {
                differing.push(format!("{path}.{name}: nothing was sent, the answer has {value}"));
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, pair) in expected.iter().zip(found).enumerate() {
                compare(pair.0, pair.1, &format!("{path}[{index}]"), differing);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differing.push(format!("{path}: sent {expected}, the answer has {found}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_item_survives_sealing_and_opening() {
        let key = SymmetricKey::random();
        for kind in Kind::ALL {
            for plain in [full(kind, "everything"), minimal(kind, "little")] {
                let sealed = seal(&key, &plain);
                assert_ne!(sealed, plain);
                assert_eq!(open(&key, &sealed), plain);
                assert_kept(&sealed, &sealed);
            }
        }
    }

    #[test]
    fn a_changed_text_inside_an_item_is_found() {
        let sent = full(Kind::Card, "card");
        let mut answer = sent.clone();
        answer["card"]["code"] = json!("999");
        let mut differing = Vec::new();
        compare(&sent["card"], &answer["card"], "card", &mut differing);
        assert_eq!(differing.len(), 1, "{differing:?}");
        assert!(differing[0].starts_with("card.code: sent"));
    }
}
