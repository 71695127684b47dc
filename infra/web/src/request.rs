//! What a request says about itself besides its body.

use crate::problem::Problem;
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, request::Parts},
};
use serde::de::DeserializeOwned;
use std::{fmt, net::IpAddr, str::FromStr};

/// Which client asks, as it says so itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// `Bitwarden-Client-Name`.
    pub name: Option<String>,
    /// `Bitwarden-Client-Version`.
    pub version: Option<String>,
    /// `Device-Type`.
    pub device_type: Option<u8>,
    /// `Device-Identifier`.
    pub device_identifier: Option<String>,
}

impl ClientInfo {
    /// Reads the headers. Several values of one header: the last counts, for one client sends its own and an official
    /// version.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            headers
                .get_all(name)
                .iter()
                .next_back()
                .and_then(|v| v.to_str().ok())
                .map(str::trim)
                .filter(|v| !v.is_empty())
        };
        Self {
            name: text("bitwarden-client-name").map(str::to_owned),
            version: text("bitwarden-client-version").map(str::to_owned),
            device_type: text("device-type").and_then(|v| v.parse().ok()),
            device_identifier: text("device-identifier").map(str::to_owned),
        }
    }

    /// The version as numbers: `2026.8.0` is (2026, 8, 0). `None` if it is not of that form.
    pub fn version_numbers(&self) -> Option<(u32, u32, u32)> {
        let version = self.version.as_deref()?;
        let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
        Some((
            numbers.next()??,
            numbers.next()??,
            numbers.next().flatten().unwrap_or(0),
        ))
    }
}

/// The network address a request came from: of the peer, or of whoever a trusted proxy says. Set by the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddress(pub IpAddr);

/// A name as it is written here: `Start` is `start`.
fn small(mut name: String) -> String {
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// `True` as it is written here.
fn plain(value: String) -> String {
    match ["true", "false"]
        .into_iter()
        .find(|truth| value.eq_ignore_ascii_case(truth))
    {
        Some(truth) => truth.to_owned(),
        None => value,
    }
}

/// What the query says.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    /// 400 for what is of another shape, or said twice. Names may begin with a capital, and `True` is `true`: the API this is one of does
    /// not tell these apart.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let wrong = |_| Problem::field("", "The query is not valid, or says something twice.");
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).map_err(wrong)?;
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (small(name), plain(value)))
            .collect();
        let text = serde_urlencoded::to_string(pairs).map_err(|_| Problem::internal())?;
        serde_urlencoded::from_str(&text).map(Self).map_err(wrong)
    }
}

/// The id in a path with one parameter. What is no id names nothing: 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        let id = params.iter().next().and_then(|(_, value)| value.parse().ok());
        id.map(Self).ok_or_else(Problem::not_found)
    }
}

/// Two ids in the path, in their order; 404 where one is none.
#[derive(Debug, Clone, Copy)]
pub struct PathIds<A, B>(pub A, pub B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        let mut values = params.iter().map(|(_, value)| value);
        let first = values.next().and_then(|value| value.parse().ok());
        let second = values.next().and_then(|value| value.parse().ok());
        match (first, second) {
            (Some(first), Some(second)) => Ok(Self(first, second)),
            _ => Err(Problem::not_found()),
        }
    }
}

impl<T: fmt::Display> fmt::Display for PathId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        start: Option<String>,
        include_groups: Option<bool>,
    }

    async fn read(query: &str) -> Result<Asked, Problem> {
        let uri = format!("/events?{query}");
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(said)| said)
    }

    #[tokio::test]
    async fn names_begin_in_either_case_and_so_does_what_is_true() {
        for (query, start, include_groups) in [
            ("start=a%26b%20c&includeGroups=true", Some("a&b c"), Some(true)),
            ("Start=a%26b+c&IncludeGroups=TRUE", Some("a&b c"), Some(true)),
            ("includeGroups=False&other=x", None, Some(false)),
            ("", None, None),
        ] {
            let start = start.map(str::to_owned);
            let expected = Asked { start, include_groups };
            assert_eq!(read(query).await.unwrap(), expected, "{query}");
        }
        for query in [
            "start=a&Start=b",
            "includeGroups=yes",
            "includeGroups=true&includeGroups=true",
        ] {
            assert_eq!(read(query).await.unwrap_err().status(), 400, "{query}");
        }
    }
}
