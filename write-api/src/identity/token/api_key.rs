//! Signing in with the API key of an account. It does not unlock: the master password is still needed for that.

use super::{Login, check_version, refused, scopes_of, signed_in};
use crate::{
    WriteApi,
    account::limit,
    identity::{oauth::TokenError, session::device_of},
};
use commands::account::{Found, proof};
use domain::{
    account::user::User,
    activity::{Grant, Refusal},
    id::UserId,
};
use serde_json::{Map, Value};
use web::{Anyone, Form};

/// Grant `client_credentials` of `user.<id>`.
pub(super) async fn sign_in(app: &WriteApi, anyone: &Anyone, form: &Form) -> Result<Map<String, Value>, TokenError> {
    let client_id = form.get("client_id").unwrap_or_default();
    let user = client_id.strip_prefix("user.").and_then(|id| id.parse::<UserId>().ok());
    let (Some(id), Some(secret)) = (user, form.get("client_secret")) else {
        return Err(TokenError::INVALID_CLIENT);
    };
    let scopes = scopes_of(form, &["api"])?;
    let found = prove(app, anyone, id, secret).await?;
    check_version(app, anyone, &found).await?;
    let login = Login {
        found: &found,
        device: device_of(form)?,
        grant: Grant::ApiKey,
        client_id,
        scopes,
    };
    signed_in(app, anyone, login).await
}

/// The account, if the key is that of it.
async fn prove(app: &WriteApi, anyone: &Anyone, id: UserId, secret: &str) -> Result<Found, TokenError> {
    let ports = &app.account;
    let from = limit::from(anyone.ip);
    let pair = format!("{from} {id}");
    ports.count(limit::LOGIN_FROM, from).await.map_err(TokenError::Other)?;
    ports
        .count(limit::LOGIN_PAIR, pair.as_str())
        .await
        .map_err(TokenError::Other)?;
    let User::Live(user) = app.executor.state::<User>(id).await? else {
        return Err(TokenError::INVALID_CLIENT);
    };
    // somebody who never asked for a key has none, and no text equals none
    let right = user.api_key.as_ref().is_some_and(|key| proof::same(&key.0, secret));
    if !right {
        refused(app, anyone, id, Refusal::Secret);
        return Err(TokenError::INVALID_CLIENT);
    }
    ports.forget(limit::LOGIN_PAIR, pair.as_str()).await;
    Ok(Found { id, user: *user })
}
