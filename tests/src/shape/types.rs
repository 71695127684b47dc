//! The types of the catalogue: `string guid datetime int long number bool any array<T> map<K,V> enum:N model:N constant:V`.

use serde_json::Value;

use super::{brief, catalogue, check_model};

/// Adds what makes `value` (not null) differ from `kind`. Panics on a type the catalogue does not describe.
pub(super) fn check(kind: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(element) = inside(kind, "array<") {
        return check_array(element, value, path, found);
    }
    if let Some(pair) = inside(kind, "map<") {
        let (_, element) = pair
            .split_once(',')
            .unwrap_or_else(|| panic!("a map without a value type: {kind}"));
        return check_map(element, value, path, found);
    }
    match kind.split_once(':') {
        Some(("model", name)) => check_model(name, value, path, found),
        Some(("enum", name)) => check_enum(name, value, path, found),
        Some(("constant", constant)) => expect(value == constant, &format!("\"{constant}\""), value, path, found),
        Some(("external", _)) => {}
        Some(_) => panic!("unknown type {kind}"),
        None => check_plain(kind, value, path, found),
    }
}

fn inside<'a>(kind: &'a str, opening: &str) -> Option<&'a str> {
    kind.strip_prefix(opening)?.strip_suffix('>')
}

fn expect(fits: bool, expected: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    if !fits {
        found.push(format!("{path}: expected {expected}, found {}", brief(value)));
    }
}

fn check_plain(kind: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let text = value.as_str();
    match kind {
        "string" => expect(text.is_some(), "a string", value, path, found),
        "guid" => expect(text.is_some_and(is_guid), "a guid", value, path, found),
        "datetime" => expect(
            text.is_some_and(is_time),
            "a time like 2026-11-22T10:11:12.345Z",
            value,
            path,
            found,
        ),
        "int" | "long" => expect(value.is_i64() || value.is_u64(), "a whole number", value, path, found),
        "number" => expect(value.is_number(), "a number", value, path, found),
        "bool" => expect(value.is_boolean(), "true or false", value, path, found),
        "any" => {}
        other => panic!("unknown type {other}"),
    }
}

fn check_array(element: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let Some(items) = value.as_array() else {
        return expect(false, &format!("an array of {element}"), value, path, found);
    };
    for (index, item) in items.iter().enumerate() {
        check(element, item, &format!("{path}[{index}]"), found);
    }
}

fn check_map(element: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let Some(entries) = value.as_object() else {
        return expect(false, &format!("a map of {element}"), value, path, found);
    };
    for (key, item) in entries {
        check(element, item, &format!("{path}[{key:?}]"), found);
    }
}

fn check_enum(name: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let known = catalogue()
        .enums
        .get(name)
        .unwrap_or_else(|| panic!("the catalogue has no enum {name}"));
    let fits = value.as_i64().is_some_and(|number| known.contains(&number));
    expect(fits, &format!("a number of {name} ({known:?})"), value, path, found);
}

/// Lower-case hyphenated form, as all official clients send and expect it.
fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)
}

/// RFC 3339 in UTC with `Z`, at most seven digits after the second.
fn is_time(text: &str) -> bool {
    let fraction = text
        .strip_suffix('Z')
        .and_then(|t| t.split_once('.'))
        .map_or(0, |(_, f)| f.len());
    text.ends_with('Z') && fraction <= 7 && text.contains('T') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}
