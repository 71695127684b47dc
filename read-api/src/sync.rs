//! `/sync`: everything a client keeps, in one answer.
//!
//! A body belongs to a revision of a vault. It is put together once, from one snapshot of the database, kept while there
//! is room, and sent to whoever asks for that revision. The first answer goes out as it is; when a second one is asked
//! for, compressed copies are made in the background.

mod assemble;
mod bodies;
mod compress;

pub use bodies::Bodies;

use crate::ReadApi;
use assemble::Variant;
use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use compress::Encoding;
use serde::Deserialize;
use web::{Answer, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new().get("/sync", sync)
}

/// What `GET /sync` may ask for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncQuery {
    /// Clients that keep the equivalent domains otherwise say true.
    exclude_domains: Option<bool>,
}

/// `GET /sync`. Shape: `SyncResponseModel`.
async fn sync(
    caller: Caller,
    State(api): State<ReadApi>,
    Query(query): Query<SyncQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    api.fresh(caller.id).await?;
    let state = api.user_state(caller.id).await?.ok_or_else(Problem::unauthorized)?;
    let variant = Variant::of(&caller.client, query.exclude_domains.unwrap_or(false));
    let body = api.bodies.get(&api, caller.id, state.revision, variant).await?;
    let encoding = Encoding::accepted(&headers);
    let (bytes, encoding) = body.in_encoding(encoding);
    Ok(respond(bytes, encoding))
}

fn respond(bytes: Bytes, encoding: Option<Encoding>) -> Response {
    let mut response = Body::from(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}
