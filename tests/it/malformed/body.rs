//! Bodies that no client sends.

use serde_json::{Value, json};

pub fn unreadable_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/json";
    vec![
        (json, b"".to_vec()),
        (json, b"null".to_vec()),
        (json, b"{".to_vec()),
        (json, b"[]".to_vec()),
        (json, b"[{}]".to_vec()),
        (json, b"12".to_vec()),
        (json, b"\"text\"".to_vec()),
        (json, b"{\"name\":\x00}".to_vec()),
        (json, b"{\"name\":\"\xff\xfe\"}".to_vec()),
        (json, b"{\"name\":\"\\ud800\"}".to_vec()),
        (json, b"\xef\xbb\xbf{}x".to_vec()),
        (json, b"{\"a\":1e999}".to_vec()),
        (json, "[".repeat(100_000).into_bytes()),
        (json, "{\"a\":".repeat(100_000).into_bytes()),
        ("application/xml", b"<a/>".to_vec()),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n".to_vec()),
        ("application/x-www-form-urlencoded", b"name=%00&=&&%zz".to_vec()),
    ]
}

/// Values that no field of a request may have without harm; `null` is left out, for it may mean "none".
pub fn odd_values() -> Vec<Value> {
    vec![
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!({}),
        json!({"object": {"object": []}}),
        json!([[]]),
        json!(["x"]),
        json!("\u{0}"),
        json!("2.\u{0}|a|b"),
        json!("2.%%%|###|!!!"),
        json!("2.AAAA|AAAA|AAAA|AAAA"),
        json!("99.AAAA|AAAA|AAAA"),
        json!("\u{202e}\u{feff}😀".repeat(50)),
        json!("x".repeat(100_000)),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("0001-01-01T00:00:00Z"),
    ]
}

/// The places of all values inside `value`, as JSON pointers.
pub fn places(value: &Value, place: &str, found: &mut Vec<String>) {
    let mut visit = |name: &str, value: &Value| {
        let place = format!("{place}/{name}");
        found.push(place.clone());
        places(value, &place, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| visit(name, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| visit(&index.to_string(), value)),
        _ => {}
    }
}
