//! Lifts retired event shapes to today's, when reading. Stored events are never edited.
//!
//! `upcast/fixtures/<Type>.<schema>.json` holds one stored example for each (type, schema) ever written; a test reads
//! every one and fails where one is missing.

use serde_json::Value;

/// One step: the JSON of a retired shape to the next one.
type Step = fn(Value) -> Value;

/// (stored name, shape it starts from, how the next one is made). No shape was retired so far.
const STEPS: &[(&str, u16, Step)] = &[];

/// Takes `data` from shape `from` to shape `to`, one step at a time; `None` if a step is missing.
pub fn lift(type_name: &str, from: u16, to: u16, data: Value) -> Option<Value> {
    lift_by(STEPS, type_name, from, to, data)
}

fn lift_by(steps: &[(&str, u16, Step)], type_name: &str, from: u16, to: u16, data: Value) -> Option<Value> {
    (from..to).try_fold(data, |data, at| {
        let (_, _, step) = steps
            .iter()
            .find(|(name, start, _)| *name == type_name && *start == at)?;
        Some(step(data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shapes_are_lifted_one_step_at_a_time() {
        let steps: &[(&str, u16, Step)] = &[
            ("Renamed", 1, |v| json!({ "title": v["name"] })),
            ("Renamed", 2, |v| json!({ "title": v["title"], "by": null })),
        ];
        assert_eq!(
            lift_by(steps, "Renamed", 1, 3, json!({"name": "a"})),
            Some(json!({"title": "a", "by": null}))
        );
        assert_eq!(
            lift_by(steps, "Renamed", 2, 3, json!({"title": "b"})),
            Some(json!({"title": "b", "by": null}))
        );
        assert_eq!(lift_by(steps, "Renamed", 3, 4, json!({})), None);
        assert_eq!(lift_by(steps, "Other", 1, 2, json!({})), None);
    }
}
