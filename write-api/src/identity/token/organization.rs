//! Signing in as an organization, with its API key: for its public API.

use crate::{
    WriteApi,
    account::limit,
    identity::{oauth::TokenError, session::oauth_members},
};
use commands::account::proof;
use domain::{crypto::fingerprint, id::OrganizationId, organization::profile::Organization};
use serde_json::{Map, Value};
use web::{
    Anyone, Form, Problem,
    token::{LIFETIME_SECONDS, OrganizationClaims},
};

/// The one scope of an organization.
const SCOPE: &str = "api.organization";

fn named(form: &Form) -> Option<&str> {
    form.get("client_id")?.strip_prefix("organization.")
}

/// Whether an organization is meant, not a person.
pub(super) fn is_meant(form: &Form) -> bool {
    named(form).is_some()
}

/// Grant `client_credentials` of `organization.<id>`.
pub(super) async fn sign_in(app: &WriteApi, anyone: &Anyone, form: &Form) -> Result<Map<String, Value>, TokenError> {
    let id = named(form).and_then(|id| id.parse::<OrganizationId>().ok());
    let (Some(id), Some(secret)) = (id, form.get("client_secret")) else {
        return Err(TokenError::INVALID_CLIENT);
    };
    if form
        .get("scope")
        .unwrap_or_default()
        .split_ascii_whitespace()
        .ne([SCOPE])
    {
        return Err(TokenError::INVALID_SCOPE);
    }
    let ports = &app.account;
    let from = limit::from(anyone.ip);
    let pair = format!("{from} {id}");
    ports.count(limit::LOGIN_FROM, from).await.map_err(TokenError::Other)?;
    ports
        .count(limit::LOGIN_PAIR, pair.as_str())
        .await
        .map_err(TokenError::Other)?;
    let state = app.executor.state::<Organization>(id).await?;
    // one that never made a key has none, and no text equals none
    let key = state.live().and_then(|live| live.api_key.as_ref());
    let Some(key) = key.filter(|key| proof::same(&key.0, secret)) else {
        if state.live().is_some() {
            let (app, anyone) = (app.clone(), anyone.clone());
            let account = std::sync::Arc::clone(&app.account);
            // behind the answer, which takes as long as where there is no such organization
            account.note_later(async move { app.note_wrong_key(&anyone, id).await });
        }
        return Err(TokenError::INVALID_CLIENT);
    };
    ports.forget(limit::LOGIN_PAIR, pair.as_str()).await;
    let tokens = &app.read.auth.tokens;
    let seconds = app.executor.now().0.div_euclid(1000);
    let claims = OrganizationClaims {
        iss: tokens.issuer().to_owned(),
        nbf: seconds,
        exp: seconds + LIFETIME_SECONDS,
        iat: seconds,
        client_id: format!("organization.{id}"),
        client_sub: id,
        scope: vec![SCOPE.to_owned()],
        kind: "Organization".to_owned(),
        key: fingerprint(&key.0),
    };
    let token = tokens.sign(&claims).map_err(|error| {
        tracing::error!(%error, "no access token can be signed");
        TokenError::Other(Problem::internal())
    })?;
    Ok(oauth_members(token, SCOPE, None))
}
