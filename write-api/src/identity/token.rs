//! `POST /connect/token`: signing in by password or API key, and staying signed in.

mod api_key;
mod organization;
mod password;
mod refresh;

use super::{
    oauth::{TokenError, not_stored},
    session::{SessionClaims, oauth_members, unlock_members},
};
use crate::{WriteApi, organization::member::rules::PasswordPolicy};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use commands::{
    account::{Found, device::DeviceInfo, keys::AbandonKeyRotation, login::RecordLogin},
    context::Context,
    ports::refresh_tokens::NewSession,
};
use domain::{
    activity::{Grant, Refusal},
    id::{DeviceId, UserId},
};
use serde_json::{Map, Value};
use web::{Anyone, Form, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().post("/connect/token", token)
}

/// The kinds of clients that sign in for a person.
const CLIENTS: [&str; 6] = ["web", "browser", "desktop", "mobile", "cli", "connector"];

/// `POST /connect/token`.
async fn token(
    anyone: Anyone,
    State(app): State<WriteApi>,
    form: Result<Form, Problem>,
) -> Result<Response, TokenError> {
    let form = form.map_err(|problem| match problem.status().as_u16() {
        400 => TokenError::INVALID_REQUEST,
        _ => TokenError::Other(problem),
    })?;
    let members = match form.get("grant_type") {
        None => Err(TokenError::INVALID_REQUEST),
        Some("password") => password::sign_in(&app, &anyone, &form).await,
        Some("client_credentials") if organization::is_meant(&form) => {
            organization::sign_in(&app, &anyone, &form).await
        }
        Some("client_credentials") => api_key::sign_in(&app, &anyone, &form).await,
        Some("refresh_token") => refresh::go_on(&app, &form).await,
        Some(_) => Err(TokenError::UNSUPPORTED_GRANT),
    }?;
    Ok(not_stored(Json(Value::Object(members)).into_response()))
}

/// The kind of client, if it is one of those that sign in for a person.
fn client_of(form: &Form) -> Result<&'static str, TokenError> {
    let said = form.get("client_id").ok_or(TokenError::INVALID_CLIENT)?;
    let known = CLIENTS.into_iter().find(|known| *known == said);
    known.ok_or(TokenError::INVALID_CLIENT)
}

/// The scopes asked for, which must be among `allowed`, the API one of them.
fn scopes_of(form: &Form, allowed: &[&'static str]) -> Result<Vec<&'static str>, TokenError> {
    let asked: Vec<&str> = form.get("scope").unwrap_or_default().split_ascii_whitespace().collect();
    let granted: Vec<&'static str> = allowed.iter().copied().filter(|scope| asked.contains(scope)).collect();
    if granted.first() == Some(&"api") && asked.iter().all(|scope| allowed.contains(scope)) {
        Ok(granted)
    } else {
        Err(TokenError::INVALID_SCOPE)
    }
}

/// A login that succeeded: who, with what, how.
struct Login<'a> {
    found: &'a Found,
    device: DeviceInfo,
    grant: Grant,
    client_id: &'a str,
    scopes: Vec<&'static str>,
}

/// The first version of clients that know accounts with signing keys.
const KNOWS_SIGNING: (u32, u32, u32) = (2025, 11, 0);

/// Keeps clients from accounts whose encryption came after them.
async fn check_version(app: &WriteApi, anyone: &Anyone, found: &Found) -> Result<(), TokenError> {
    let old = anyone
        .client
        .version_numbers()
        .is_none_or(|version| version < KNOWS_SIGNING);
    if old && found.user.signing.is_some() {
        refused(app, anyone, found.id, Refusal::ClientVersion);
        return Err(TokenError::CLIENT_TOO_OLD);
    }
    Ok(())
}

/// Writes a login down and answers what the client needs to go on.
async fn signed_in(app: &WriteApi, anyone: &Anyone, login: Login<'_>) -> Result<Map<String, Value>, TokenError> {
    let Found { id, user } = login.found;
    if user.rotating {
        give_up_rotation(app, anyone, login.found).await?;
    }
    let now = app.executor.now();
    let device = DeviceId::of(*id, &login.device.identifier);
    let access_token = SessionClaims {
        id: *id,
        user,
        client_id: login.client_id,
        scopes: login.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        device: &login.device.identifier,
        device_type: login.device.kind,
        since: now,
    }
    .access_token(app, now)?;
    let context = context_of(app, anyone, *id, device, login.device.kind);
    let context = app.everywhere(context, *id).await.map_err(TokenError::Other)?;
    let policy = PasswordPolicy::of(app, *id, &context.organizations)
        .await
        .map_err(TokenError::Other)?;
    let record = RecordLogin {
        user: *id,
        device: login.device,
        grant: login.grant,
    };
    let done = app.executor.transact(&context, &record).await?;
    app.settle(done.position).await.map_err(TokenError::Other)?;
    let refresh_token = if login.scopes.contains(&"offline_access") {
        let session = NewSession {
            user: *id,
            device,
            client_id: login.client_id.to_owned(),
            stamp: user.stamp.to_string(),
            scopes: login.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        Some(app.account.sessions.issue(session, now).await?)
    } else {
        None
    };
    let mut members = oauth_members(access_token, &login.scopes.join(" "), refresh_token);
    members.extend(unlock_members(user, &policy));
    Ok(members)
}

/// Whoever signs in while the user key is being rotated ends that, so that their session is not one of those it knows nothing
/// of. If it was done a moment before, the password that was just proved may be the old one: they try again.
async fn give_up_rotation(app: &WriteApi, anyone: &Anyone, found: &Found) -> Result<(), TokenError> {
    let context = app.context_of(anyone).by(found.id);
    let abandon = AbandonKeyRotation { user: found.id };
    let done = app.executor.execute(&context, &abandon).await?;
    match done.value.live() {
        Some(user) if user.stamp == found.user.stamp => Ok(()),
        _ => Err(TokenError::Other(Problem::unavailable())),
    }
}

/// Who signs in, for the metadata of events. The kind of device is the one of the form: some clients send no header.
fn context_of(app: &WriteApi, anyone: &Anyone, user: UserId, device: DeviceId, kind: u8) -> Context {
    let mut context = app.context_of(anyone).by(user);
    context.device = Some(device);
    context.device_type = Some(kind);
    context
}

/// Takes note that somebody was refused. Not before the answer: an account that is there would answer later than one that
/// is not.
fn refused(app: &WriteApi, anyone: &Anyone, user: UserId, reason: Refusal) {
    note_refusal(app, app.context_of(anyone), user, Some(reason));
}

/// The same of a login, or, without a `reason`, of a secret of somebody who is signed in.
pub(crate) fn note_refusal(app: &WriteApi, context: Context, user: UserId, reason: Option<Refusal>) {
    let app = app.clone();
    let at = app.executor.now();
    app.account.background.clone().spawn(async move {
        let context = match reason {
            // the refusal counts in the person's log whether their organizations can be told or not
            Some(_) => app.everywhere(context.clone(), user).await.unwrap_or(context),
            None => context,
        };
        if let Some(refused) = app.account.refusals.refused(&context, user, reason, at) {
            let (user, count) = (refused.command.user, refused.command.count);
            if let Err(error) = app.executor.transact(&refused.context, &refused.command).await {
                tracing::warn!(user.id = %user, count, %error, "refused logins are not in the log");
            }
        }
    });
}
