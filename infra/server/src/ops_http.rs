//! The listener for operators: `/livez`, `/readyz`, `/metrics`. Never part of the public one.

use crate::readiness::Readiness;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::{Router, routing::get};
use serde_json::json;
use std::time::Duration;
use telemetry::PrometheusHandle;
use tokio_util::sync::CancellationToken;

/// How often histograms are folded.
const UPKEEP: Duration = Duration::from_secs(5);

/// The routes.
pub fn router(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(render).with_state(metrics))
}

/// Folds histograms until `stop`.
pub async fn upkeep(metrics: PrometheusHandle, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(UPKEEP)).await.is_some() {
        metrics.run_upkeep();
    }
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let ready = readiness.is_ready();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": ready, "checks": readiness.checks() }))).into_response()
}

async fn render(State(metrics): State<PrometheusHandle>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        metrics.render(),
    )
        .into_response()
}
