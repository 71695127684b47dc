//! How people get in: invitations, and their acceptance; and enrolment in account recovery.

use super::rules;
use crate::{
    WriteApi,
    account::{
        check::Checks,
        limit,
        secret::{Accept, SecretRequest, verification_failed},
    },
    organization::access::{MAX_NAMED, Selection, collections, role},
};
use axum::{Json, extract::State};
use commands::{
    account::find,
    organization::member::{AcceptInvitation, EnrolInRecovery, Invitation, InviteMembers, invitation},
    ports::About,
};
use domain::{
    id::{GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    organization::{
        membership::{Membership, Stage},
        role::Permissions,
    },
};
use projections::sync::shared;
use read_api::{organization::wire, unavailable};
use serde::Deserialize;
use serde_json::Value;
use web::{Answer, Anyone, Body, Caller, List, PathId, PathIds, Problem, Query, Routes};

/// The routes.
pub(super) fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations/{id}/users/invite", invite)
        .post("/organizations/{id}/users/{member}/accept", accept)
        .get("/organizations/{id}/policies/token", policies)
        .put("/organizations/{id}/users/{member}/reset-password-enrollment", enrol)
}

/// The most people one request may invite.
const MAX_INVITED: usize = 1_000;

/// `OrganizationUserInviteRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InviteRequest {
    #[serde(default)]
    emails: Vec<String>,
    r#type: Option<i64>,
    #[serde(default)]
    access_secrets_manager: bool,
    permissions: Option<Permissions>,
    collections: Option<Vec<Selection>>,
    groups: Option<Vec<GroupId>>,
}

/// `POST /organizations/{id}/users/invite`.
async fn invite(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<InviteRequest>,
) -> Answer<()> {
    let by = app.standing(&caller, id.0, About::All).await?;
    let mut checks = Checks::new();
    if request.emails.is_empty() || request.emails.len() > MAX_INVITED {
        checks.wrong(
            "Emails",
            format!("Between 1 and {MAX_INVITED} addresses can be invited at once."),
        );
    }
    let emails: Vec<String> = request
        .emails
        .iter()
        .take(MAX_INVITED)
        .map(|email| checks.email("Emails", Some(email)))
        .collect();
    let role = role(request.r#type, request.permissions, &mut checks);
    let collections = collections("Collections", request.collections, &mut checks).unwrap_or_default();
    let groups = request.groups.unwrap_or_default();
    if groups.len() > MAX_NAMED {
        checks.wrong("Groups", "Too many groups.");
    }
    // each of them gets each of these
    let changes = request
        .emails
        .len()
        .saturating_mul(1 + collections.len() + groups.len());
    if changes > MAX_NAMED {
        checks.wrong("Emails", format!("The request asks for more than {MAX_NAMED} changes."));
    }
    checks.done()?;
    if !by.may_manage_users() {
        return Err(Problem::forbidden());
    }
    for email in &emails {
        count_invitation(&app, caller.id, email).await?;
    }
    let mut invitations = Vec::with_capacity(emails.len());
    for email in emails {
        let found = find(&app.executor, app.account.addresses.as_ref(), &email).await?;
        invitations.push(Invitation {
            membership: MembershipId(app.executor.new_id()),
            address: app.account.addresses.id(&email),
            email,
            user: found.map(|found| found.id),
            external_id: None,
        });
    }
    let command = InviteMembers {
        by,
        invitations,
        role,
        secrets_manager: request.access_secrets_manager,
        collections,
        groups,
    };
    app.change_in(&caller, id.0, &command).await?;
    Ok(())
}

/// Counts a letter that invites somebody: whoever founds an organization could write to anybody by it.
///
/// # Errors
/// 429 if they had too many.
pub(super) async fn count_invitation(app: &WriteApi, by: UserId, email: &str) -> Answer<()> {
    app.account.count(limit::INVITED_BY, by.to_string()).await?;
    app.account.count(limit::INVITATION_TO, email).await
}

/// `OrganizationUserAcceptRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AcceptRequest {
    token: Option<String>,
    reset_password_key: Option<String>,
}

/// `POST /organizations/{id}/users/{member}/accept`: by somebody who is nothing there yet but holds the invitation.
async fn accept(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
    Body(request): Body<AcceptRequest>,
) -> Answer<()> {
    let token = request.token.unwrap_or_default();
    let invited = invitation::invited(app.account.proofs.as_ref(), ids.1, &token, app.executor.now());
    let invited = invited.ok_or_else(|| Problem::bad_request("Invalid token."))?;
    let mut checks = Checks::new();
    let recovery = match request.reset_password_key.filter(|key| !key.is_empty()) {
        Some(key) => checks.sealed("ResetPasswordKey", Some(key)),
        None => None,
    };
    checks.done()?;
    let rules = rules::of(&app, caller.id, ids.0).await?;
    if rules.enrolls && recovery.is_none() {
        return Err(Problem::bad_request(
            "Reset Password Key is required for this organization.",
        ));
    }
    let command = AcceptInvitation {
        organization: ids.0,
        membership: ids.1,
        user: caller.id,
        invited,
        forbidden: rules.forbids_invited(&app, caller.id, ids.1).await?,
        recovery: recovery.filter(|_| rules.enrolls),
    };
    app.change_in(&caller, ids.0, &command).await?;
    Ok(())
}

/// What proves an invitation, as clients ask what it will ask of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvitedQuery {
    email: Option<String>,
    token: Option<String>,
    organization_user_id: Option<MembershipId>,
}

/// `GET /organizations/{id}/policies/token`: the policies that are on, for who holds an invitation and need not be anybody yet.
async fn policies(
    anyone: Anyone,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Query(query): Query<InvitedQuery>,
) -> Answer<Json<List<Value>>> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let membership = query.organization_user_id.ok_or_else(Problem::not_found)?;
    let token = query.token.unwrap_or_default();
    let invited = invitation::invited(app.account.proofs.as_ref(), membership, &token, app.executor.now());
    let state = app.executor.state::<Membership>(membership).await?;
    let live = state.within(id.0).filter(|live| live.stage == Stage::Invited);
    let address = app.account.addresses.id(&query.email.unwrap_or_default());
    let theirs = live.is_some_and(|live| {
        live.address == Some(address) && invited.is_some_and(|invited| invited.0 >= live.invited.0)
    });
    if !theirs {
        return Err(Problem::not_found());
    }
    // nobody is told anything here that is not told to everybody who is invited
    let pool = app.read.fresh(UserId(id.0.0)).await?;
    let rows = shared::policies_of(pool, &[id.0]).await.map_err(unavailable)?;
    let on = rows.iter().filter(|(_, row)| row.enabled);
    Ok(Json(List::of(
        on.map(|(id, row)| wire::policy(PolicyId(*id), row)).collect(),
    )))
}

/// `OrganizationUserResetPasswordEnrollmentRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnrolRequest {
    reset_password_key: Option<String>,
    #[serde(flatten)]
    secret: SecretRequest,
}

/// `PUT /organizations/{id}/users/{member}/reset-password-enrollment`.
async fn enrol(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, UserId>,
    Body(request): Body<EnrolRequest>,
) -> Answer<()> {
    let memberships = app.read.memberships_of(caller.id).await?;
    let mine = memberships.iter().find(|(_, row, _)| row.organization == ids.0);
    let (membership, ..) = mine.filter(|_| ids.1 == caller.id).ok_or_else(Problem::not_found)?;
    let mut checks = Checks::new();
    let key = match request.reset_password_key.filter(|key| !key.is_empty()) {
        Some(key) => checks.sealed("ResetPasswordKey", Some(key)),
        None => None,
    };
    checks.done()?;
    if key.is_some() {
        let secret = request.secret.value()?;
        let user = app.owner(&caller).await?;
        app.prove(&caller, &user, secret, Accept::Either, verification_failed)
            .await?;
    }
    let command = EnrolInRecovery {
        organization: ids.0,
        membership: *membership,
        user: caller.id,
        key,
    };
    app.change_in(&caller, ids.0, &command).await?;
    Ok(())
}
