//! Request bodies: JSON as lenient about case as clients need, forms, and clear errors for everything else.

use crate::problem::Problem;
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A JSON body. Member names may begin with a capital: some clients write them so.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse(&read(request, state).await?).map(Self)
    }
}

/// A JSON body that is a list; none if it is empty or `null`.
#[derive(Debug, Clone)]
pub struct ListBody<T>(pub Vec<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ListBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Vec::new()));
        }
        let list: Option<Vec<T>> = if has_capital_member(&bytes) {
            serde_json::from_slice::<Value>(&bytes).and_then(|value| serde_json::from_value(camel(value)))
        } else {
            serde_json::from_slice(&bytes)
        }
        .map_err(|e| describe(&e))?;
        Ok(Self(list.unwrap_or_default()))
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 400 that says where the text is not JSON or not of the shape wanted; it never quotes what was sent.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::field("", "A non-empty request body is required."));
    }
    // every body clients send is an object; the parser would take a list for one, member by member
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::field("$", "The request body is not a JSON object."));
    }
    let result = if has_capital_member(bytes) {
        serde_json::from_slice::<Value>(bytes).and_then(|value| serde_json::from_value(camel(value)))
    } else {
        serde_json::from_slice(bytes)
    };
    result.map_err(|e| describe(&e))
}

fn describe(e: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let (line, column) = (e.line(), e.column());
    if e.classify() != Category::Data {
        return Problem::field(
            "$",
            format!("The request body is not valid JSON (line {line}, column {column})."),
        );
    }
    let text = e.to_string();
    match text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        Some(field) => {
            let field = capital(field);
            Problem::field(field.clone(), format!("The {field} field is required."))
        }
        None => Problem::field(
            "$",
            format!("The JSON value could not be converted (line {line}, column {column})."),
        ),
    }
}

/// `ids` to `Ids`, as fields are named in answers about what is wrong.
fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

/// Whether a member name begins with a capital: a cheap look at the bytes that may be wrong only towards yes.
fn has_capital_member(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(quote) = memchr(rest) {
        rest = &rest[quote + 1..];
        let Some(end) = rest.iter().position(|b| *b == b'"') else {
            return false;
        };
        let capital = rest.first().is_some_and(u8::is_ascii_uppercase);
        let after = rest.get(end + 1..).unwrap_or_default();
        if capital && after.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':') {
            return true;
        }
        rest = after;
    }
    false
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == b'"')
}

/// The same value with every member name beginning with a small letter. Where both spellings occur the last one wins, as
/// it does for two equal names.
fn camel(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(mut name, value)| {
                    if let Some(first) = name.get_mut(..1) {
                        first.make_ascii_lowercase();
                    }
                    (name, camel(value))
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(camel).collect()),
        other => other,
    }
}

/// The bytes of a body, or why they cannot be had.
async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("The request body is too large."),
            _ => Problem::bad_request("The request body could not be read."),
        })
}

/// A form body (`application/x-www-form-urlencoded`): names are found whatever their case.
#[derive(Debug, Clone)]
pub struct Form(HashMap<String, String>);

impl Form {
    /// The value of a field; empty counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(&name.to_ascii_lowercase())
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !kind
            .to_ascii_lowercase()
            .starts_with("application/x-www-form-urlencoded")
        {
            return Err(Problem::bad_request("The request body must be a form."));
        }
        let bytes = read(request, state).await?;
        Ok(Self(
            form_urlencoded::parse(&bytes)
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_whether_they_begin_with_a_capital_or_not() {
        #[derive(serde::Deserialize, PartialEq, Debug)]
        #[serde(rename_all = "camelCase")]
        struct Login {
            user_name: String,
        }
        let small: Login = parse(br#"{"userName":"Ann: \"A\""}"#).unwrap();
        assert_eq!(parse::<Login>(br#"{ "UserName" : "Ann: \"A\"" }"#).unwrap(), small);
    }

    #[test]
    fn what_is_wrong_is_said_without_quoting_what_was_sent() {
        let problem = parse::<HashMap<String, u8>>(br#"{"a":"secret"}"#).unwrap_err();
        assert!(!format!("{problem:?}").contains("secret"));
        assert_eq!(parse::<Value>(b"{").unwrap_err().status(), 400);
        assert_eq!(parse::<Value>(b"  ").unwrap_err().status(), 400);
    }
}
