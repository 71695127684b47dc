//! Account recovery: a member who cannot sign in gets another master password from the organization.

use crate::{
    WriteApi,
    account::{
        limit,
        password::new_password,
        unlock::{AuthenticationData, UnlockData},
    },
};
use axum::extract::State;
use commands::{organization::member::RecoverAccount, ports::About};
use domain::id::{MembershipId, OrganizationId};
use serde::Deserialize;
use web::{Answer, Body, Caller, PathIds, Problem, Routes};

/// The routes.
pub(super) fn routes() -> Routes<WriteApi> {
    Routes::new()
        .put("/organizations/{id}/users/{member}/recover-account", recover)
        .put("/organizations/{id}/users/{member}/reset-password", recover)
}

/// `OrganizationUserResetPasswordRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecoverRequest {
    /// Older clients do not say it, and mean the password.
    #[serde(default = "yes")]
    reset_master_password: bool,
    /// No account has a second factor yet.
    #[serde(default)]
    reset_two_factor: bool,
    new_master_password_hash: Option<String>,
    key: Option<String>,
    authentication_data: Option<AuthenticationData>,
    unlock_data: Option<UnlockData>,
}

fn yes() -> bool {
    true
}

/// `PUT /organizations/{id}/users/{member}/recover-account`, and `…/reset-password` for clients before 2026.3.
async fn recover(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
    Body(request): Body<RecoverRequest>,
) -> Answer<()> {
    let by = app.standing(&caller, ids.0, About::Role).await?;
    if !by.may_recover_accounts() {
        return Err(Problem::forbidden());
    }
    if !request.reset_master_password {
        let message = match request.reset_two_factor {
            true => "The account has no two-step login to reset.",
            false => "Either the master password or two-step login must be reset.",
        };
        return Err(Problem::bad_request(message));
    }
    let new = new_password(
        (request.authentication_data, request.unlock_data),
        (request.new_master_password_hash, request.key),
    )?;
    // a hash costs, and no secret is asked for here
    app.account.count(limit::SECRET, caller.id.to_string()).await?;
    let command = RecoverAccount {
        by,
        membership: ids.1,
        kdf: new.kdf,
        secret: new.secret(&app).await?,
        stamp: app.executor.new_id(),
    };
    let done = app.change_in(&caller, ids.0, &command).await?;
    app.end_sessions(done.value).await;
    Ok(())
}
