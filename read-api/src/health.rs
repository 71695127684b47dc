//! `/alive`, `/now`, `/version`: asked by clients and proxies, of every service.

use crate::{ReadApi, config::VERSION};
use axum::{Json, extract::State};
use serde_json::{Value, json};
use web::{Anyone, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/alive", now)
        .get("/now", now)
        .get("/version", version)
}

/// `GET /alive`, `GET /now`: server time as JSON text.
async fn now(_: Anyone, State(api): State<ReadApi>) -> Json<String> {
    Json((api.auth.now)().iso())
}

/// `GET /version`.
async fn version(_: Anyone) -> Json<Value> {
    Json(json!({ "version": VERSION }))
}
