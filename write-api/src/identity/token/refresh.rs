//! Staying signed in.

use crate::{
    WriteApi,
    identity::{
        oauth::TokenError,
        session::{SessionClaims, oauth_members},
    },
};
use commands::ports::refresh_tokens::RefreshError;
use domain::{account::user::User, device::Device};
use serde_json::{Map, Value};
use web::Form;

/// Grant `refresh_token`. Clients end the session at the answer `invalid_grant` and at no other, so that is kept for
/// sessions that are over.
pub(super) async fn go_on(app: &WriteApi, form: &Form) -> Result<Map<String, Value>, TokenError> {
    let client_id = form.get("client_id").ok_or(TokenError::INVALID_CLIENT)?;
    let token = form.get("refresh_token").ok_or(TokenError::INVALID_REQUEST)?;
    let now = app.executor.now();
    let presented = match app.account.sessions.present(token, now).await {
        Ok(presented) => presented,
        Err(error @ RefreshError::Unavailable(_)) => return Err(error.into()),
        Err(_) => return Err(TokenError::INVALID_GRANT),
    };
    let granted = &presented.session.granted;
    if granted.client_id != client_id {
        return Err(TokenError::INVALID_GRANT);
    }
    let user = app.executor.state::<User>(granted.user).await?;
    let device = app.executor.state::<Device>(granted.device).await?;
    let user = user
        .live()
        .filter(|user| user.stamp.to_string() == granted.stamp && device.user == Some(granted.user))
        .ok_or(TokenError::INVALID_GRANT)?;
    let access_token = SessionClaims {
        id: granted.user,
        user,
        client_id: &granted.client_id,
        scopes: granted.scopes.clone(),
        device: &device.identifier,
        device_type: device.kind,
        since: presented.session.created,
    }
    .access_token(app, now)?;
    Ok(oauth_members(
        access_token,
        &granted.scopes.join(" "),
        Some(presented.token),
    ))
}
