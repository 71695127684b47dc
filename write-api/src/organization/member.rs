//! Members: invitations, acceptance, confirmation, roles, the end.

mod bulk;
mod join;
mod recovery;
pub(crate) mod rules;

use super::access::{Selection, collections, role};
use crate::{
    WriteApi,
    account::{check::Checks, delete::end_memberships},
};
use axum::extract::State;
use commands::{
    execute::{ExecuteError, Transaction, Unit},
    organization::{
        OrganizationError,
        member::{
            Access, ChangeMember, ConfirmMember, DeleteClaimedAccount, EndMembership, GiveOwnCollections, InviteAgain,
            RestoreMember, RevokeMember, RevokeOneself,
        },
    },
    ports::About,
};
use domain::{
    crypto::EncString,
    id::{GroupId, MembershipId, OrganizationId},
    organization::{grant::Grantee, membership::Membership, role::Permissions},
};
use projections::sync::shared;
use read_api::unavailable;
use serde::Deserialize;
use web::{Answer, Body, Caller, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations/{id}/users/{member}/reinvite", invite_again)
        .post("/organizations/{id}/users/{member}/confirm", confirm)
        .put_or_post("/organizations/{id}/users/{member}", change)
        .delete("/organizations/{id}/users/{member}", remove)
        .post("/organizations/{id}/users/{member}/remove", remove)
        .put("/organizations/{id}/users/{member}/revoke", revoke)
        .patch("/organizations/{id}/users/{member}/revoke", revoke)
        .put("/organizations/{id}/users/{member}/restore", restore)
        .patch("/organizations/{id}/users/{member}/restore", restore)
        .put("/organizations/{id}/users/{member}/restore/vnext", restore_with_own)
        .put("/organizations/{id}/users/revoke-self", revoke_oneself)
        .delete("/organizations/{id}/users/{member}/delete-account", delete_account)
        .post("/organizations/{id}/users/{member}/delete-account", delete_account)
        .post("/organizations/{id}/users/{member}/auto-confirm", confirm_automatically)
        .post("/organizations/{id}/leave", leave)
        .merge(join::routes())
        .merge(recovery::routes())
        .merge(bulk::routes())
}

async fn invite_one_again(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    membership: MembershipId,
) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    if by.may_manage_users() {
        let state = app.executor.state::<Membership>(membership).await?;
        let invited = state.within(organization).and_then(|live| live.email.clone());
        if let Some(email) = invited {
            join::count_invitation(app, caller.id, &email).await?;
        }
    }
    app.change_in(caller, organization, &InviteAgain { by, membership })
        .await?;
    Ok(())
}

/// `POST /organizations/{id}/users/{member}/reinvite`.
async fn invite_again(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
) -> Answer<()> {
    invite_one_again(&app, &caller, ids.0, ids.1).await
}

/// The sealed name of a collection for a member's own items.
pub(crate) fn own_name(name: Option<String>, checks: &mut Checks) -> Option<EncString> {
    super::profile::sealed_name("DefaultUserCollectionName", name, checks)
}

/// `OrganizationUserConfirmRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmRequest {
    key: Option<String>,
    default_user_collection_name: Option<String>,
}

impl ConfirmRequest {
    /// The key, and the sealed name of a collection for the member's own items.
    fn checked(self) -> Answer<(EncString, Option<EncString>)> {
        let mut checks = Checks::new();
        let key = checks.sealed("Key", self.key);
        let name = own_name(self.default_user_collection_name, &mut checks);
        checks.done()?;
        let key = key.ok_or_else(|| Problem::field("Key", "The Key field is required."))?;
        Ok((key, name))
    }
}

/// `POST /organizations/{id}/users/{member}/confirm`.
async fn confirm(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
    Body(request): Body<ConfirmRequest>,
) -> Answer<()> {
    let (key, name) = request.checked()?;
    confirm_one(&app, &caller, ids.0, ids.1, (key, name), false).await
}

/// `POST /organizations/{id}/users/{member}/auto-confirm`: by a client of somebody who looks after members, without their doing.
async fn confirm_automatically(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
    Body(request): Body<ConfirmRequest>,
) -> Answer<()> {
    let (key, name) = request.checked()?;
    confirm_one(&app, &caller, ids.0, ids.1, (key, name), true).await
}

/// Holds who just came in by a membership to one organization: see [`rules::hold_to_one`].
async fn hold_member_to_one(app: &WriteApi, caller: &Caller, membership: MembershipId) -> Answer<()> {
    let row = shared::membership(app.read.fresh(caller.id).await?, membership)
        .await
        .map_err(unavailable)?;
    match row.and_then(|row| row.user) {
        Some(user) => rules::hold_to_one(app, caller.id, user).await,
        None => Ok(()),
    }
}

/// Gives who just came in a collection for their own items where the policy that asks for one was switched on since `rules` were looked
/// at: whoever switched it on did not see them yet.
pub(crate) async fn give_own_after(
    app: &WriteApi,
    caller: &Caller,
    rules: &rules::Rules,
    organization: OrganizationId,
    membership: MembershipId,
    name: Option<EncString>,
) -> Answer<()> {
    if let Some(name) = name.filter(|_| !rules.data_ownership) {
        let give = GiveOwnCollections {
            organization,
            members: vec![membership],
            name,
        };
        let done = app
            .executor
            .transact(&app.context_in(caller, organization), &give)
            .await?;
        if done.position.is_some() {
            app.settle(done.position).await?;
        }
    }
    Ok(())
}

async fn confirm_one(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    membership: MembershipId,
    (key, name): (EncString, Option<EncString>),
    automatic: bool,
) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    let rules = rules::of(app, caller.id, organization).await?;
    let command = ConfirmMember {
        by,
        membership,
        key,
        automatic,
        forbidden: rules.forbids_member(app, caller.id, membership).await?,
        own_collection: name.clone().filter(|_| rules.data_ownership),
    };
    app.change_in(caller, organization, &command).await?;
    hold_member_to_one(app, caller, membership).await?;
    give_own_after(app, caller, &rules, organization, membership, name).await
}

/// `OrganizationUserUpdateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRequest {
    r#type: Option<i64>,
    #[serde(default)]
    access_secrets_manager: bool,
    permissions: Option<Permissions>,
    collections: Option<Vec<Selection>>,
    groups: Option<Vec<GroupId>>,
    default_user_collection_name: Option<String>,
}

/// `PUT /organizations/{id}/users/{member}`, and `POST` for older clients.
async fn change(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
    Body(request): Body<ChangeRequest>,
) -> Answer<()> {
    let by = app.standing(&caller, ids.0, About::All).await?;
    let mut checks = Checks::new();
    let role = role(request.r#type, request.permissions, &mut checks);
    let collections = collections("Collections", request.collections, &mut checks);
    if request
        .groups
        .as_ref()
        .is_some_and(|groups| groups.len() > super::access::MAX_NAMED)
    {
        checks.wrong("Groups", "Too many groups.");
    }
    let name = own_name(request.default_user_collection_name, &mut checks);
    checks.done()?;
    let rules = rules::of(&app, caller.id, ids.0).await?;
    let forbidden = rules.forbids_as(&app, caller.id, ids.1, role).await?;
    let pool = app.read.fresh(caller.id).await?;
    let grants = shared::grants_to(pool, Grantee::Member(ids.1))
        .await
        .map_err(unavailable)?;
    let places = shared::places_with(pool, ids.1).await.map_err(unavailable)?;
    let row = shared::membership(pool, ids.1).await.map_err(unavailable)?;
    let admin = row.is_some_and(|row| row.role.is_admin());
    let command = ChangeMember {
        by,
        membership: ids.1,
        role: Some(role),
        secrets_manager: Some(request.access_secrets_manager),
        external_id: None,
        forbidden,
        own_collection: name.clone().filter(|_| rules.data_ownership),
        present: Access {
            collections: grants.into_iter().map(|row| (row.collection, row.rights)).collect(),
            groups: places.into_iter().map(|row| row.group).collect(),
        },
        collections,
        groups: request.groups.map(|groups| groups.into_iter().collect()),
    };
    app.change_in(&caller, ids.0, &command).await?;
    if admin && !role.is_admin() {
        // bound from now on, and held to what was switched on meanwhile
        hold_member_to_one(&app, &caller, ids.1).await?;
        give_own_after(&app, &caller, &rules, ids.0, ids.1, name).await?;
    }
    Ok(())
}

async fn end_one(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    membership: MembershipId,
) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    let command = EndMembership {
        organization,
        membership,
        by: Some(by),
        user: caller.id,
        spare_owners: false,
        deleted: false,
    };
    app.change_in(caller, organization, &command).await?;
    Ok(())
}

/// `DELETE /organizations/{id}/users/{member}`, and `POST …/remove` for older clients.
async fn remove(caller: Caller, State(app): State<WriteApi>, ids: PathIds<OrganizationId, MembershipId>) -> Answer<()> {
    end_one(&app, &caller, ids.0, ids.1).await
}

async fn delete_account_of(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    membership: MembershipId,
) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    let row = shared::membership(app.read.fresh(caller.id).await?, membership)
        .await
        .map_err(unavailable)?;
    let row = row.filter(|row| row.organization == organization);
    let row = row.ok_or_else(Problem::not_found)?;
    let devices = match row.user {
        Some(user) => app.directory.devices_of(user).await?,
        None => vec![],
    };
    let command = DeleteClaimedAccount {
        by,
        membership,
        devices,
    };
    let context = app.context_in(caller, organization);
    app.executor.transact(&context, &Check(&command)).await?;
    if let Some(user) = row.user {
        app.end_sessions(user).await;
        end_memberships(app, &context, user, Some(organization)).await?;
        // what came meanwhile must not be left without them
        let left = app.read.memberships_of(user).await?;
        if left.iter().any(|(_, row, _)| row.organization != organization) {
            return Err(Problem::bad_request(
                "The member joined another organization. Try again.",
            ));
        }
    }
    app.change_in(caller, organization, &command).await?;
    if let Some(user) = row.user {
        app.end_sessions(user).await;
    }
    Ok(())
}

/// Whether an account may be deleted, before anything of it ends.
struct Check<'c>(&'c DeleteClaimedAccount);

impl Transaction for Check<'_> {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<OrganizationError>> {
        self.0.check(unit).await
    }
}

/// `DELETE /organizations/{id}/users/{member}/delete-account`, and `POST` for older clients: of a member whom the organization
/// claims.
async fn delete_account(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
) -> Answer<()> {
    delete_account_of(&app, &caller, ids.0, ids.1).await
}

/// `POST /organizations/{id}/leave`: whoever has a membership, even one that was never confirmed.
async fn leave(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<()> {
    let memberships = app.read.memberships_of(caller.id).await?;
    let mine = memberships.iter().find(|(_, row, _)| row.organization == id.0);
    let (membership, row, _) = mine.ok_or_else(Problem::not_found)?;
    if row.view.revoked.is_some() {
        // a suspension ends when who imposed it says so, and not by coming in anew
        return Err(Problem::bad_request("Your organization access has been revoked."));
    }
    let claimant = app.claimant(caller.id).await?;
    if claimant.is_some_and(|(organization, _)| organization == id.0) {
        return Err(Problem::bad_request(
            "Claimed user account cannot leave claiming organization. Contact your organization administrator for additional \
             details.",
        ));
    }
    let command = EndMembership {
        organization: id.0,
        membership: *membership,
        by: None,
        user: caller.id,
        spare_owners: false,
        deleted: false,
    };
    app.change_in(&caller, id.0, &command).await?;
    Ok(())
}

async fn revoke_one(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    membership: MembershipId,
) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    app.change_in(caller, organization, &RevokeMember { by, membership })
        .await?;
    Ok(())
}

/// `PUT /organizations/{id}/users/{member}/revoke`, and `PATCH` for older clients.
async fn revoke(caller: Caller, State(app): State<WriteApi>, ids: PathIds<OrganizationId, MembershipId>) -> Answer<()> {
    revoke_one(&app, &caller, ids.0, ids.1).await
}

async fn restore_one(
    app: &WriteApi,
    caller: &Caller,
    organization: OrganizationId,
    membership: MembershipId,
    name: Option<EncString>,
) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    let rules = rules::of(app, caller.id, organization).await?;
    let command = RestoreMember {
        by,
        membership,
        forbidden: rules.forbids_member(app, caller.id, membership).await?,
        own_collection: name.clone().filter(|_| rules.data_ownership),
    };
    app.change_in(caller, organization, &command).await?;
    hold_member_to_one(app, caller, membership).await?;
    give_own_after(app, caller, &rules, organization, membership, name).await
}

/// `OrganizationUserRestoreRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestoreRequest {
    default_user_collection_name: Option<String>,
}

/// `PUT /organizations/{id}/users/{member}/restore/vnext`: with a collection for the member's own items, where they are to have one.
async fn restore_with_own(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
    Body(request): Body<RestoreRequest>,
) -> Answer<()> {
    let mut checks = Checks::new();
    let name = own_name(request.default_user_collection_name, &mut checks);
    checks.done()?;
    restore_one(&app, &caller, ids.0, ids.1, name).await
}

/// `PUT /organizations/{id}/users/revoke-self`: by a member who would not hand over what is theirs, where a policy asks for it.
async fn revoke_oneself(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<()> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    app.change_in(&caller, id.0, &RevokeOneself { by }).await?;
    Ok(())
}

/// `PUT /organizations/{id}/users/{member}/restore`, and `PATCH` for older clients.
async fn restore(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, MembershipId>,
) -> Answer<()> {
    restore_one(&app, &caller, ids.0, ids.1, None).await
}
