//! The same for many members at once: a loop of single ones, each with its own outcome.

use super::{confirm_one, delete_account_of, end_one, invite_one_again, own_name, restore_one, revoke_one};
use crate::{WriteApi, account::check::Checks};
use axum::{Json, extract::State};
use commands::ports::About;
use domain::{
    id::{MembershipId, OrganizationId, UserId},
    organization::{policy::Enforced, role::Role},
};
use projections::sync::shared;
use read_api::unavailable;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;
use web::{Answer, Body, Caller, List, PathId, Problem, Routes};

/// The routes.
pub(super) fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations/{id}/users/reinvite", invite_again)
        .post("/organizations/{id}/users/confirm", confirm)
        .post("/organizations/{id}/users/bulk-auto-confirm", confirm_automatically)
        .get("/organizations/{id}/users/pending-auto-confirm", pending)
        .delete("/organizations/{id}/users", remove)
        .post("/organizations/{id}/users/remove", remove)
        .delete("/organizations/{id}/users/delete-account", delete_accounts)
        .post("/organizations/{id}/users/delete-account", delete_accounts)
        .put("/organizations/{id}/users/revoke", revoke)
        .patch("/organizations/{id}/users/revoke", revoke)
        .put("/organizations/{id}/users/restore", restore)
        .patch("/organizations/{id}/users/restore", restore)
        .post("/organizations/{id}/users/public-keys", public_keys)
        .post("/organizations/{id}/users/account-recovery-details", recovery_details)
}

/// The most members one request may name.
const MAX: usize = 2_000;

/// `OrganizationUserBulkRequestModel`.
#[derive(Debug, Deserialize)]
struct BulkRequest {
    ids: Vec<MembershipId>,
}

impl BulkRequest {
    /// The ids, each once.
    fn checked(self) -> Answer<Vec<MembershipId>> {
        if self.ids.is_empty() || self.ids.len() > MAX {
            return Err(Problem::bad_request("Users invalid."));
        }
        let mut seen = HashSet::new();
        Ok(self.ids.into_iter().filter(|id| seen.insert(*id)).collect())
    }
}

/// `OrganizationUserBulkResponseModel`. What is a fault of the server is one of the whole request.
fn outcome(caller: &Caller, id: MembershipId, done: Answer<()>) -> Answer<Value> {
    if done.as_ref().is_err_and(Problem::is_refusal) {
        caller.asking.refused();
    }
    let error = match done {
        Ok(()) => String::new(),
        Err(problem) if problem.status().is_server_error() => return Err(problem),
        Err(problem) => problem.message().to_owned(),
    };
    Ok(json!({ "object": "OrganizationBulkConfirmResponseModel", "id": id, "error": error }))
}

macro_rules! each {
    ($(#[$doc:meta])* $name:ident, $one:path) => {
        $(#[$doc])*
        async fn $name(
            caller: Caller,
            State(app): State<WriteApi>,
            id: PathId<OrganizationId>,
            Body(request): Body<BulkRequest>,
        ) -> Answer<Json<List<Value>>> {
            let ids = request.checked()?;
            may_manage(&app, &caller, id.0).await?;
            let mut outcomes = Vec::with_capacity(ids.len());
            for member in ids {
                outcomes.push(outcome(&caller, member, $one(&app, &caller, id.0, member).await)?);
            }
            Ok(Json(List::of(outcomes)))
        }
    };
}

/// That the caller looks after members at all.
async fn may_manage(app: &WriteApi, caller: &Caller, organization: OrganizationId) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    if by.may_manage_users() {
        Ok(())
    } else {
        Err(Problem::forbidden())
    }
}

each!(
    /// `POST /organizations/{id}/users/reinvite`.
    invite_again,
    invite_one_again
);
each!(
    /// `DELETE /organizations/{id}/users`, and `POST …/remove` for older clients.
    remove,
    end_one
);
each!(
    /// `DELETE /organizations/{id}/users/delete-account`, and `POST` for older clients.
    delete_accounts,
    delete_account_of
);
each!(
    /// `PUT /organizations/{id}/users/revoke`, and `PATCH` for older clients.
    revoke,
    revoke_one
);

/// `OrganizationUserBulkRequestModel`, with what collections for members' own items are to be called.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestoreRequest {
    #[serde(flatten)]
    members: BulkRequest,
    default_user_collection_name: Option<String>,
}

/// `PUT /organizations/{id}/users/restore`, and `PATCH` for older clients.
async fn restore(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<RestoreRequest>,
) -> Answer<Json<List<Value>>> {
    let mut checks = Checks::new();
    let name = own_name(request.default_user_collection_name, &mut checks);
    checks.done()?;
    let ids = request.members.checked()?;
    may_manage(&app, &caller, id.0).await?;
    let mut outcomes = Vec::with_capacity(ids.len());
    for member in ids {
        let done = restore_one(&app, &caller, id.0, member, name.clone()).await;
        outcomes.push(outcome(&caller, member, done)?);
    }
    Ok(Json(List::of(outcomes)))
}

/// `OrganizationUserBulkConfirmRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmRequest {
    keys: Vec<KeyEntry>,
    default_user_collection_name: Option<String>,
}

/// `OrganizationUserBulkConfirmRequestModelEntry`.
#[derive(Debug, Deserialize)]
struct KeyEntry {
    id: MembershipId,
    key: Option<String>,
}

/// `POST /organizations/{id}/users/confirm`.
async fn confirm(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<ConfirmRequest>,
) -> Answer<Json<List<Value>>> {
    confirm_each(&app, &caller, id.0, request, false).await
}

/// `POST /organizations/{id}/users/bulk-auto-confirm`.
async fn confirm_automatically(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<ConfirmRequest>,
) -> Answer<Json<List<Value>>> {
    confirm_each(&app, &caller, id.0, request, true).await
}

async fn confirm_each(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    request: ConfirmRequest,
    automatic: bool,
) -> Answer<Json<List<Value>>> {
    if request.keys.is_empty() || request.keys.len() > MAX {
        return Err(Problem::bad_request("Users invalid."));
    }
    may_manage(app, caller, organization).await?;
    let mut checks = Checks::new();
    let name = own_name(request.default_user_collection_name, &mut checks);
    let mut keys = Vec::with_capacity(request.keys.len());
    for entry in request.keys {
        keys.push((entry.id, checks.sealed("Key", entry.key)));
    }
    checks.done()?;
    let mut outcomes = Vec::with_capacity(keys.len());
    for (member, key) in keys {
        let Some(key) = key else { continue };
        let done = confirm_one(app, caller, organization, member, (key, name.clone()), automatic).await;
        outcomes.push(outcome(caller, member, done)?);
    }
    Ok(Json(List::of(outcomes)))
}

/// `GET /organizations/{id}/users/pending-auto-confirm`: those whom clients may confirm by themselves; nobody where the policy is off.
async fn pending(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<Json<List<Value>>> {
    may_manage(&app, &caller, id.0).await?;
    let pool = app.read.fresh(caller.id).await?;
    let policies = shared::policies_of(pool, &[id.0]).await.map_err(unavailable)?;
    let on = policies
        .iter()
        .any(|(_, policy)| policy.kind == Enforced::AutomaticConfirmation as i16 && policy.enabled);
    let members = shared::members_of(pool, id.0).await.map_err(unavailable)?;
    let waiting = members
        .into_iter()
        .filter(|(_, row)| on && row.status() == 1 && row.role == Role::User && !row.view.key_voided);
    let found = waiting.filter_map(|(id, row)| {
        Some(json!({
            "object": "OrganizationUserPendingAutoConfirmResponseModel",
            "id": id,
            "userId": row.user?,
        }))
    });
    Ok(Json(List::of(found.collect())))
}

/// `POST /organizations/{id}/users/account-recovery-details`: of those of them whom the caller may recover.
async fn recovery_details(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<BulkRequest>,
) -> Answer<Json<List<Value>>> {
    let ids: HashSet<_> = request.checked()?.into_iter().collect();
    let by = app.standing(&caller, id.0, About::Role).await?;
    if !by.may_recover_accounts() {
        return Err(Problem::forbidden());
    }
    Ok(Json(List::of(app.read.recoverable(&caller, &by, &ids).await?)))
}

/// `POST /organizations/{id}/users/public-keys`: of those who wait to be confirmed.
async fn public_keys(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<BulkRequest>,
) -> Answer<Json<List<Value>>> {
    let ids: HashSet<_> = request.checked()?.into_iter().collect();
    may_manage(&app, &caller, id.0).await?;
    let pool = app.read.fresh(caller.id).await?;
    let members = shared::members_of(pool, id.0).await.map_err(unavailable)?;
    let wanted: Vec<(MembershipId, UserId)> = members
        .into_iter()
        .filter(|(id, row)| ids.contains(id) && row.status() == 1)
        .filter_map(|(id, row)| Some((id, row.user?)))
        .collect();
    let users: Vec<UserId> = wanted.iter().map(|(_, user)| *user).collect();
    let accounts = app.read.accounts(caller.id, &users).await?;
    let found = wanted.iter().filter_map(|(id, user)| {
        let key = accounts.get(user)?.public_key.as_ref()?;
        Some(json!({
            "object": "organizationUserPublicKeyResponseModel",
            "id": id,
            "userId": user,
            "key": key,
        }))
    });
    Ok(Json(List::of(found.collect())))
}
