//! `/sync`: everything a client keeps, in one answer; and the list of all items, which is a part of it.
//!
//! A body belongs to a revision of a vault. It is put together once, from one snapshot of the database, kept while there
//! is room, and sent to whoever asks for that revision. The first answer goes out as it is; when a second one is asked
//! for, compressed copies are made in the background. Memory is bounded: what has no room flows to the client while it
//! is made, as fast as that client reads.

mod assemble;
mod bodies;
mod body;
mod compress;
mod pour;
mod room;
mod sending;
mod shared;
mod watched;

pub use bodies::Bodies;

use crate::ReadApi;
use assemble::Variant;
use axum::{
    extract::State,
    http::{HeaderMap, Version},
    response::Response,
};
use compress::Encoding;
use serde::Deserialize;
use web::{Answer, Caller, Problem, Query, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new().get("/sync", sync).get("/ciphers", ciphers)
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
    version: Version,
    headers: HeaderMap,
) -> Answer<Response> {
    let variant = Variant::of(&caller.client, query.exclude_domains.unwrap_or(false));
    answer(&api, &caller, variant, version, &headers).await
}

/// `GET /ciphers`: all items, those in the trash and in the archive too.
async fn ciphers(caller: Caller, State(api): State<ReadApi>, version: Version, headers: HeaderMap) -> Answer<Response> {
    answer(&api, &caller, Variant::ITEMS, version, &headers).await
}

async fn answer(
    api: &ReadApi,
    caller: &Caller,
    variant: Variant,
    version: Version,
    headers: &HeaderMap,
) -> Answer<Response> {
    api.fresh(caller.id).await?;
    let state = api.user_state(caller.id).await?.ok_or_else(Problem::unauthorized)?;
    // HTTP/1.0 ends a body of unknown length by closing, whether it is whole or not
    let may_flow = version >= Version::HTTP_11;
    let found = api
        .bodies
        .get(api, (caller.id, variant), state.revision, may_flow)
        .await?;
    Ok(sending::respond(found, Encoding::accepted(headers)))
}
