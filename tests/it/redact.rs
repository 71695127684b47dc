//! Answers with everything taken out that differs from run to run: what is left is their shape and their constants.

use serde_json::{Value, json};

/// Ids become `<id>`, times `<time>`, sealed texts `<sealed>`, long base64 `<base64>`, addresses `<email>`.
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(placeholder(text)),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), redacted(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn placeholder(text: &str) -> &str {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_' | '.');
    if uuid::Uuid::try_parse(text).is_ok() {
        "<id>"
    } else if chrono::DateTime::parse_from_rfc3339(text).is_ok() {
        "<time>"
    } else if text.starts_with("2.") && text.matches('|').count() == 2 {
        "<sealed>"
    } else if text.contains('@') && text.ends_with("example.com") {
        "<email>"
    } else if text.len() >= 20 && text.chars().all(base64) && text.chars().any(|c| c.is_ascii_digit()) {
        "<base64>"
    } else {
        text
    }
}
