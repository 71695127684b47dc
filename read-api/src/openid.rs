//! OpenID discovery: where tokens come from and which keys sign them.

use crate::ReadApi;
use axum::{Json, extract::State};
use serde_json::{Value, json};
use web::{Anyone, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/.well-known/openid-configuration", discovery)
        .get("/.well-known/openid-configuration/jwks", jwks)
}

/// `GET /.well-known/openid-configuration`. Source: OpenID Connect Discovery 1.0, section 3.
async fn discovery(_: Anyone, State(api): State<ReadApi>) -> Json<Value> {
    let base = format!("{}/identity", api.about.public_url);
    Json(json!({
        "issuer": api.auth.tokens.issuer(),
        "jwks_uri": format!("{base}/.well-known/openid-configuration/jwks"),
        "token_endpoint": format!("{base}/connect/token"),
        "scopes_supported": ["api", "offline_access"],
        "grant_types_supported": ["password", "refresh_token", "client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }))
}

/// `GET /.well-known/openid-configuration/jwks`. Source: RFC 7517.
async fn jwks(_: Anyone, State(api): State<ReadApi>) -> Json<Value> {
    Json(api.auth.tokens.jwks())
}
