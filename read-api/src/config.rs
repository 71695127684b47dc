//! `/config`: how clients find their way about.

use crate::ReadApi;
use axum::{Json, extract::State};
use serde_json::{Value, json};
use web::{Anyone, Routes};

/// The version of the API that is spoken; clients switch features by it.
pub const VERSION: &str = "2026.8.0";

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new().get("/config", config)
}

/// `GET /config`. Shape: `ConfigResponseModel`.
async fn config(_: Anyone, State(api): State<ReadApi>) -> Json<Value> {
    let url = &api.about.public_url;
    Json(json!({
        "object": "config",
        "version": VERSION,
        "gitHash": "",
        "server": { "name": "Annalock", "url": url },
        "environment": {
            "cloudRegion": "Self-hosted",
            "vault": url,
            "api": format!("{url}/api"),
            "identity": format!("{url}/identity"),
            "notifications": format!("{url}/notifications"),
            "sso": format!("{url}/sso"),
        },
        "featureStates": { "pm-32009-new-item-types": true },
        "push": { "pushTechnology": 0, "vapidPublicKey": null },
        "communication": null,
        "settings": {
            "disableUserRegistration": !api.about.registration,
            "suppressOnboardingInterstitials": false,
        },
    }))
}
