//! The link by which people get into an organization: for those who make it, and for those who have it.

use crate::{
    WriteApi,
    account::{check::Checks, limit},
    organization::member::{
        give_own_after, own_name,
        rules::{self, Rules},
    },
};
use axum::{Json, extract::State};
use commands::{
    organization::{
        link::{ChangeLink, LinkChange},
        member::{JoinByLink, LinkKey},
    },
    ports::About,
};
use domain::{
    id::{InviteLinkId, MembershipId, OrganizationId, PolicyId},
    organization::{
        claim::DomainName,
        link::{InviteLink, LinkSecret},
        profile::{LiveOrganization, Organization},
        role::Role,
    },
};
use projections::sync::shared;
use read_api::{organization::wire, unavailable};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;
use web::{Answer, Anyone, Body, Caller, List, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/organizations/{id}/invite-link", shown)
        .post("/organizations/{id}/invite-link", create)
        .put("/organizations/{id}/invite-link", allow)
        .delete("/organizations/{id}/invite-link", delete)
        .post("/organizations/{id}/invite-link/refresh", refresh)
        .put("/organizations/{id}/invite-link/support-confirm", set_confirmation)
        .post("/organizations/invite-link/status", status)
        .post("/organizations/invite-link/validate-email-domain", validate)
        .post("/organizations/invite-link/policies", policies)
        .post("/organizations/users/invite-link/invite", invite)
        .post("/organizations/users/invite-link/accept", accept)
        .post("/organizations/users/invite-link/confirm", confirm)
}

/// The most characters of what clients make of a link.
const MAX_INVITE: usize = 10_000;
/// The most domains a link allows.
const MAX_DOMAINS: usize = 100;

/// What is wanted of a link: all that `CreateOrganizationInviteLinkRequestModel`, `RefreshOrganizationInviteLinkRequestModel`,
/// `UpdateInviteSupportConfirmRequestModel` and `UpdateOrganizationInviteLinkRequestModel` have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkRequest {
    allowed_domains: Option<Vec<String>>,
    invite: Option<String>,
    supports_confirmation: Option<bool>,
}

impl LinkRequest {
    fn domains(&mut self, checks: &mut Checks) -> Vec<DomainName> {
        let texts = self.allowed_domains.take().unwrap_or_default();
        let names: Option<Vec<_>> = texts.iter().map(|text| DomainName::parse(text)).collect();
        let mut names = names.unwrap_or_default();
        if names.is_empty() || names.len() > MAX_DOMAINS {
            checks.wrong(
                "AllowedDomains",
                format!("Between 1 and {MAX_DOMAINS} names of domains are required."),
            );
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn invite(&mut self, checks: &mut Checks) -> String {
        checks.required("Invite", self.invite.take(), MAX_INVITE)
    }

    fn secret(&mut self, app: &WriteApi, checks: &mut Checks) -> LinkSecret {
        LinkSecret {
            code: app.executor.new_id(),
            invite: self.invite(checks),
        }
    }

    fn confirms(&self) -> bool {
        self.supports_confirmation.unwrap_or_default()
    }
}

/// `OrganizationInviteLinkResponseModel`.
fn render(organization: OrganizationId, link: &InviteLink) -> Answer<Json<Value>> {
    let secret = link.secret.as_ref().ok_or_else(Problem::not_found)?;
    Ok(Json(json!({
        "object": "organizationInviteLink",
        "id": link.id,
        "code": secret.code,
        "organizationId": organization,
        "allowedDomains": link.domains,
        "invite": secret.invite,
        "supportsConfirmation": link.confirms,
        "creationDate": link.created.iso(),
    })))
}

async fn carry_out(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    change: LinkChange,
) -> Answer<Option<InviteLink>> {
    let by = app.standing(caller, organization, About::Role).await?;
    let done = app.change_in(caller, organization, &ChangeLink { by, change }).await?;
    Ok(done.value)
}

/// Carries out what `wish` makes of the request, and shows the link.
async fn change(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    wish: impl FnOnce(&mut Checks) -> LinkChange,
) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let wanted = wish(&mut checks);
    checks.done()?;
    let link = carry_out(app, caller, organization, wanted).await?;
    render(organization, &link.ok_or_else(Problem::not_found)?)
}

/// `GET /organizations/{id}/invite-link`, for who looks after members.
async fn shown(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    if !app.standing(&caller, id.0, About::Role).await?.may_manage_users() {
        return Err(Problem::forbidden());
    }
    let state = app.executor.state::<Organization>(id.0).await?;
    let link = state.live().and_then(|live| live.link.as_ref());
    render(id.0, link.ok_or_else(Problem::not_found)?)
}

/// `POST /organizations/{id}/invite-link`.
async fn create(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(mut request): Body<LinkRequest>,
) -> Answer<Json<Value>> {
    change(&app, &caller, id.0, |checks| LinkChange::Create {
        id: InviteLinkId(app.executor.new_id()),
        domains: request.domains(checks),
        confirms: request.confirms(),
        secret: request.secret(&app, checks),
    })
    .await
}

/// `PUT /organizations/{id}/invite-link`: other domains.
async fn allow(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(mut request): Body<LinkRequest>,
) -> Answer<Json<Value>> {
    change(&app, &caller, id.0, |checks| LinkChange::Allow(request.domains(checks))).await
}

/// `POST /organizations/{id}/invite-link/refresh`: another code; the one before opens nothing any more.
async fn refresh(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(mut request): Body<LinkRequest>,
) -> Answer<Json<Value>> {
    change(&app, &caller, id.0, |checks| LinkChange::Refresh {
        confirms: request.confirms(),
        secret: request.secret(&app, checks),
    })
    .await
}

/// `PUT /organizations/{id}/invite-link/support-confirm`.
async fn set_confirmation(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(mut request): Body<LinkRequest>,
) -> Answer<Json<Value>> {
    change(&app, &caller, id.0, |checks| LinkChange::Confirm {
        confirms: request.confirms(),
        invite: request.invite(checks),
    })
    .await
}

/// `DELETE /organizations/{id}/invite-link`.
async fn delete(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<()> {
    carry_out(&app, &caller, id.0, LinkChange::Delete).await?;
    Ok(())
}

/// What somebody who has a link says: all that the request models of those who use it have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UseRequest {
    organization_id: OrganizationId,
    code: Uuid,
    email: Option<String>,
    reset_password_key: Option<String>,
    org_user_key: Option<String>,
    default_user_collection_name: Option<String>,
}

impl UseRequest {
    /// The organization and its link; the same answer for one that is not there, and one of another code.
    async fn opened(&self, app: &WriteApi) -> Answer<(Box<LiveOrganization>, InviteLink)> {
        let state = app.executor.state::<Organization>(self.organization_id).await?;
        let live = state.live().ok_or_else(Problem::not_found)?;
        let link = live.link.clone().filter(|link| link.is(self.code));
        Ok((Box::new(live.clone()), link.ok_or_else(Problem::not_found)?))
    }
}

/// `POST /organizations/invite-link/status`: whose link it is, for whoever has it.
async fn status(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<UseRequest>) -> Answer<Json<Value>> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let (organization, link) = request.opened(&app).await?;
    Ok(Json(json!({
        "object": "inviteLinkStatus",
        "organizationName": organization.details.as_ref().map_or("", |details| &*details.name),
        "linksEnabled": true,
        "seatsAvailable": true,
        "supportsConfirmation": link.confirms,
        "sso": null,
    })))
}

/// `POST /organizations/invite-link/validate-email-domain`.
async fn validate(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<UseRequest>) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    checks.done()?;
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let (_, link) = request.opened(&app).await?;
    Ok(Json(json!({ "isAllowed": link.allows(&email) })))
}

/// `POST /organizations/invite-link/policies`: those that are on, which clients hold a new account to.
async fn policies(
    anyone: Anyone,
    State(app): State<WriteApi>,
    Body(request): Body<UseRequest>,
) -> Answer<Json<List<Value>>> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    request.opened(&app).await?;
    let pool = app.read.fresh(super::claim::nobody()).await?;
    let rows = shared::policies_of(pool, &[request.organization_id])
        .await
        .map_err(unavailable)?;
    let on = rows.iter().filter(|(_, row)| row.enabled);
    Ok(Json(List::of(
        on.map(|(id, row)| wire::policy(PolicyId(*id), row)).collect(),
    )))
}

/// `POST /organizations/users/invite-link/invite`: what clients made of the link, for somebody whose address it allows.
async fn invite(caller: Caller, State(app): State<WriteApi>, Body(request): Body<UseRequest>) -> Answer<Json<Value>> {
    app.account.count(limit::ASK_FROM, limit::from(caller.ip)).await?;
    let (_, link) = request.opened(&app).await?;
    let account = app.owner(&caller).await?;
    let secret = link.secret.as_ref().filter(|_| link.allows(&account.email));
    let secret = secret.ok_or_else(Problem::not_found)?;
    Ok(Json(json!({ "invite": secret.invite })))
}

/// `POST /organizations/users/invite-link/accept`.
async fn accept(caller: Caller, State(app): State<WriteApi>, Body(request): Body<UseRequest>) -> Answer<()> {
    join(&app, &caller, request, false).await
}

/// `POST /organizations/users/invite-link/confirm`: with the organization's key, which the link brought.
async fn confirm(caller: Caller, State(app): State<WriteApi>, Body(request): Body<UseRequest>) -> Answer<()> {
    join(&app, &caller, request, true).await
}

async fn join(app: &WriteApi, caller: &Caller, request: UseRequest, confirmed: bool) -> Answer<()> {
    app.account.count(limit::ASK_FROM, limit::from(caller.ip)).await?;
    let organization = request.organization_id;
    request.opened(app).await?;
    let mut checks = Checks::new();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let recovery = match given(request.reset_password_key) {
        Some(key) => checks.sealed("ResetPasswordKey", Some(key)),
        None => None,
    };
    let key = match confirmed {
        true => checks.sealed("OrgUserKey", request.org_user_key),
        false => None,
    };
    let name = own_name(request.default_user_collection_name, &mut checks);
    checks.done()?;
    let rules: Rules = rules::of(app, caller.id, organization).await?;
    if rules.enrolls && recovery.is_none() {
        return Err(Problem::bad_request(
            "Reset Password Key is required for this organization.",
        ));
    }
    let own_collection = name.clone().filter(|_| rules.data_ownership);
    let command = JoinByLink {
        organization,
        code: request.code,
        user: caller.id,
        membership: MembershipId(app.executor.new_id()),
        forbidden: rules.forbids(app, caller.id, caller.id, Role::User).await?,
        recovery: recovery.filter(|_| rules.enrolls),
        key: key.map(|key| LinkKey { key, own_collection }),
    };
    let membership = app.change_in(caller, organization, &command).await?.value;
    rules::hold_to_one(app, caller.id, caller.id).await?;
    give_own_after(app, caller, &rules, organization, membership, name).await
}
