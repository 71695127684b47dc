//! Signing in with the master password.

use super::{Login, check_version, client_of, refused, scopes_of, signed_in};
use crate::{
    WriteApi,
    account::{check::MAX_HASH, limit},
    identity::{oauth::TokenError, session::device_of},
};
use commands::account::{
    Found, find,
    secret::{self, ProveError},
};
use domain::{
    account::address::normalise,
    activity::{Grant, Refusal},
};
use serde_json::{Map, Value};
use web::{Anyone, Form};

/// The longest address looked at: bytes.
const MAX_USERNAME: usize = 1_024;

/// Grant `password`.
pub(super) async fn sign_in(app: &WriteApi, anyone: &Anyone, form: &Form) -> Result<Map<String, Value>, TokenError> {
    let client_id = client_of(form)?;
    let scopes = scopes_of(form, &["api", "offline_access"])?;
    let (Some(username), Some(password)) = (form.get("username"), form.get("password")) else {
        return Err(TokenError::WRONG_PASSWORD);
    };
    let found = prove(app, anyone, username, password).await?;
    if anyone.client.version.is_none() {
        refused(app, anyone, found.id, Refusal::ClientVersion);
        return Err(TokenError::VERSION_MISSING);
    }
    check_version(app, anyone, &found).await?;
    let login = Login {
        found: &found,
        device: device_of(form)?,
        grant: Grant::Password,
        client_id,
        scopes,
    };
    signed_in(app, anyone, login).await
}

/// The account, if the password is that of it. Takes as long, and is refused as often, where there is none.
async fn prove(app: &WriteApi, anyone: &Anyone, username: &str, password: &str) -> Result<Found, TokenError> {
    if username.len() > MAX_USERNAME || password.len() > MAX_HASH {
        return Err(TokenError::WRONG_PASSWORD);
    }
    let ports = &app.account;
    let from = limit::from(anyone.ip);
    let name = normalise(username).unwrap_or_else(|| username.trim().to_lowercase());
    let pair = format!("{from} {name}");
    ports.count(limit::LOGIN_FROM, from).await.map_err(TokenError::Other)?;
    ports
        .count(limit::LOGIN_PAIR, pair.as_str())
        .await
        .map_err(TokenError::Other)?;
    ports
        .count(limit::LOGIN_INTO, name.as_str())
        .await
        .map_err(TokenError::Other)?;
    let found = find(&app.executor, ports.addresses.as_ref(), username).await?;
    let user = found.as_ref().map(|found| &found.user);
    match (
        secret::by_password(ports.passwords.as_ref(), user, password).await,
        found,
    ) {
        (Ok(_), Some(found)) => {
            ports.forget(limit::LOGIN_PAIR, pair.as_str()).await;
            ports.forget(limit::LOGIN_INTO, name.as_str()).await;
            Ok(found)
        }
        (Err(ProveError::Hash(error)), _) => Err(error.into()),
        (_, found) => {
            if let Some(found) = found {
                refused(app, anyone, found.id, Refusal::Secret);
            }
            Err(TokenError::WRONG_PASSWORD)
        }
    }
}
