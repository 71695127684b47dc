//! Is an answer of the shape the API catalogue gives? Both ways: nothing missing, nothing extra.
//!
//! `fixtures/models.json` holds the models reachable from the answers official clients need, as facts: field, type, whether
//! it may be null, whether it may be absent. In 2026 clients of a peer showed empty vaults because of one extra field.

mod types;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

/// The models and enums of the fixture.
#[derive(Debug, Deserialize)]
struct Catalogue {
    enums: BTreeMap<String, Vec<i64>>,
    models: BTreeMap<String, Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    /// The constant the field `object` must have; without one there is no such field.
    object: Option<String>,
    fields: BTreeMap<String, Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default = "yes")]
    nullable: bool,
    #[serde(default = "yes")]
    always_present: bool,
}

fn yes() -> bool {
    true
}

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE
        .get_or_init(|| serde_json::from_str(include_str!("../fixtures/models.json")).expect("the fixture is valid"))
}

/// What differs between `value` and `model`, one line each with the path; empty when nothing does.
///
/// Panics if the catalogue has no such model: a typing mistake in a test.
pub fn differences(model: &str, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check_model(model, value, "$", &mut found);
    found
}

/// Panics with every difference if `value` is not of the shape `model`.
#[track_caller]
pub fn assert_shape(model: &str, value: &Value) {
    let found = differences(model, value);
    if found.is_empty() {
        return;
    }
    let mut message = format!("the answer is not of the shape {model}:\n");
    for line in found.iter().take(40) {
        let _ = writeln!(message, "  {line}");
    }
    let text = value.to_string();
    let shown: String = text.chars().take(2_000).collect();
    panic!("{message}answer: {shown}");
}

fn check_model(name: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let model = catalogue()
        .models
        .get(name)
        .unwrap_or_else(|| panic!("the catalogue has no model {name}"));
    let Some(object) = value.as_object() else {
        found.push(format!("{path}: expected an object ({name}), found {}", brief(value)));
        return;
    };
    check_constant(model, object.get("object"), path, found);
    for (field, rule) in &model.fields {
        let path = format!("{path}.{field}");
        match object.get(field) {
            None if rule.always_present => found.push(format!("{path}: missing ({}, {name})", rule.kind)),
            None => {}
            Some(Value::Null) if !rule.nullable => {
                found.push(format!("{path}: null, but {} of {name} is never null", rule.kind))
            }
            Some(Value::Null) => {}
            Some(value) => types::check(&rule.kind, value, &path, found),
        }
    }
    for (field, value) in object {
        if !(model.fields.contains_key(field) || field == "object" && model.object.is_some()) {
            found.push(format!(
                "{path}.{field}: extra, {name} has no such field (value {})",
                brief(value)
            ));
        }
    }
}

fn check_constant(model: &Model, value: Option<&Value>, path: &str, found: &mut Vec<String>) {
    let Some(expected) = &model.object else { return };
    match value {
        None => found.push(format!("{path}.object: missing (\"{expected}\")")),
        Some(value) if value == expected.as_str() => {}
        Some(value) => found.push(format!(
            "{path}.object: expected \"{expected}\", found {}",
            brief(value)
        )),
    }
}

/// A value in few characters, for messages.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 {
        text.chars().take(60).chain("…".chars()).collect()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn folder() -> Value {
        json!({"object": "folder", "id": "b2d6c0f2-4b1c-4a55-9b55-0b0f1d9d1a11", "name": "2.a|b|c", "revisionDate": "2026-11-22T10:11:12.345Z"})
    }

    fn only_difference(model: &str, value: &Value) -> String {
        let mut found = differences(model, value);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn a_folder_as_clients_expect_it_has_no_differences() {
        assert_shape("FolderResponseModel", &folder());
        assert_shape(
            "ListResponseModel<FolderResponseModel>",
            &json!({"object": "list", "data": [folder()], "continuationToken": null}),
        );
    }

    #[test]
    fn missing_extra_null_and_mistyped_fields_are_told_apart_with_their_path() {
        let mut value = folder();
        value.as_object_mut().unwrap().remove("revisionDate");
        assert!(only_difference("FolderResponseModel", &value).starts_with("$.revisionDate: missing"));

        let mut value = folder();
        value["colour"] = json!("red");
        assert!(only_difference("FolderResponseModel", &value).starts_with("$.colour: extra"));

        let mut value = folder();
        value["id"] = Value::Null;
        assert!(only_difference("FolderResponseModel", &value).starts_with("$.id: null"));

        let mut value = folder();
        value["revisionDate"] = json!("2026-11-22 10:11:12");
        let list = json!({"object": "list", "data": [folder(), value], "continuationToken": null});
        assert!(
            only_difference("ListResponseModel<FolderResponseModel>", &list)
                .starts_with("$.data[1].revisionDate: expected a time")
        );

        let mut value = folder();
        value["object"] = json!("Folder");
        assert!(only_difference("FolderResponseModel", &value).starts_with("$.object: expected \"folder\""));
    }

    #[test]
    fn every_type_the_fixture_uses_is_understood() {
        for model in catalogue().models.values() {
            for field in model.fields.values() {
                types::check(&field.kind, &json!({"nothing": 1}), "$", &mut Vec::new());
            }
        }
    }
}
