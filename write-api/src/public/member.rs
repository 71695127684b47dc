//! `/public/members`.

use super::{Association, OrganizationCaller, association, list};
use crate::{
    WriteApi,
    account::check::Checks,
    organization::{
        access::{MAX_NAMED, collections, role},
        collection::MAX_EXTERNAL_ID,
        member::rules,
    },
};
use axum::{Json, extract::State};
use commands::{
    account::find,
    organization::member::{
        Access, ChangeMember, EndMembership, Invitation, InviteAgain, InviteMembers, RestoreMember, RevokeMember,
    },
};
use domain::{
    id::{CollectionId, GroupId, MembershipId, UserId},
    organization::{
        grant::Grantee,
        role::{Permissions, Role},
    },
};
use projections::sync::{account::AccountView, collection::CollectionRow, membership::MembershipRow, shared};
use read_api::unavailable;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use web::{Answer, Body, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/public/members", all)
        .post("/public/members", invite)
        .get("/public/members/{id}", one)
        .put("/public/members/{id}", change)
        .delete("/public/members/{id}", remove)
        .get("/public/members/{id}/group-ids", groups)
        .put("/public/members/{id}/group-ids", set_groups)
        .post("/public/members/{id}/reinvite", invite_again)
        .post("/public/members/{id}/revoke", revoke)
        .post("/public/members/{id}/restore", restore)
}

/// `Public.MemberResponseModel`.
fn render(id: MembershipId, row: &MembershipRow, account: Option<&AccountView>, collections: &[Value]) -> Value {
    let permissions = match row.role {
        Role::Custom(permissions) => json!(permissions),
        Role::Owner | Role::Admin | Role::User => Value::Null,
    };
    json!({
        "object": "member",
        "id": id,
        "userId": row.user,
        "name": account.and_then(|account| account.name.as_ref()),
        "email": account.map(|account| &account.email).or(row.view.email.as_ref()),
        "twoFactorEnabled": false,
        "status": row.status(),
        "collections": collections,
        "resetPasswordEnrolled": row.view.recovery_key.is_some(),
        "ssoExternalId": null,
        "type": row.role.number(),
        "externalId": row.view.external_id,
        "permissions": permissions,
    })
}

/// The collections that hold a member's own items: nobody gives or takes rights in them.
fn own_among(rows: &[(CollectionId, CollectionRow)]) -> HashSet<CollectionId> {
    rows.iter()
        .filter(|(_, row)| row.default_of.is_some())
        .map(|(id, _)| *id)
        .collect()
}

/// The membership, if it is of the organization.
async fn found(app: &WriteApi, caller: &OrganizationCaller, id: MembershipId) -> Answer<MembershipRow> {
    let pool = app.read.fresh(caller.asking()).await?;
    let row = shared::membership(pool, id).await.map_err(unavailable)?;
    let row = row.filter(|row| row.organization == caller.id);
    row.ok_or_else(Problem::not_found)
}

async fn shown(app: &WriteApi, caller: &OrganizationCaller, id: MembershipId) -> Answer<Json<Value>> {
    let row = found(app, caller, id).await?;
    let users: Vec<UserId> = row.user.into_iter().collect();
    let accounts = app.read.accounts(caller.asking(), &users).await?;
    let pool = app.read.fresh(caller.asking()).await?;
    let grants = shared::grants_to(pool, Grantee::Member(id))
        .await
        .map_err(unavailable)?;
    let named: Vec<_> = grants.iter().map(|row| row.collection).collect();
    let own = own_among(&shared::collections(pool, &named).await.map_err(unavailable)?);
    let shared = grants.iter().filter(|row| !own.contains(&row.collection));
    let collections: Vec<_> = shared.map(|row| association(row.collection.0, row.rights)).collect();
    let account = row.user.and_then(|user| accounts.get(&user));
    Ok(Json(render(id, &row, account, &collections)))
}

/// `GET /public/members`.
async fn all(caller: OrganizationCaller, State(app): State<WriteApi>) -> Answer<Json<Value>> {
    let pool = app.read.fresh(caller.asking()).await?;
    let rows = shared::members_of(pool, caller.id).await.map_err(unavailable)?;
    let users: Vec<UserId> = rows.iter().filter_map(|(_, row)| row.user).collect();
    let accounts = app.read.accounts(caller.asking(), &users).await?;
    let own = own_among(&shared::collections_of(pool, caller.id).await.map_err(unavailable)?);
    let mut collections: HashMap<MembershipId, Vec<Value>> = HashMap::new();
    for grant in shared::grants_of(pool, caller.id).await.map_err(unavailable)? {
        if let (Grantee::Member(member), false) = (grant.to, own.contains(&grant.collection)) {
            let shown = association(grant.collection.0, grant.rights);
            collections.entry(member).or_default().push(shown);
        }
    }
    let members = rows.iter().map(|(id, row)| {
        let account = row.user.and_then(|user| accounts.get(&user));
        let collections = collections.remove(id).unwrap_or_default();
        render(*id, row, account, &collections)
    });
    Ok(Json(list(members.collect())))
}

/// `GET /public/members/{id}`.
async fn one(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<MembershipId>) -> Answer<Json<Value>> {
    shown(&app, &caller, id.0).await
}

/// `Public.MemberCreateRequestModel` and, without the address, `Public.MemberUpdateRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberRequest {
    email: Option<String>,
    r#type: Option<i64>,
    permissions: Option<Permissions>,
    external_id: Option<String>,
    collections: Option<Vec<Association>>,
    groups: Option<Vec<GroupId>>,
}

fn bounded(groups: Option<&Vec<GroupId>>, checks: &mut Checks) {
    if groups.is_some_and(|groups| groups.len() > MAX_NAMED) {
        checks.wrong("Groups", "Too many groups.");
    }
}

/// `POST /public/members`: invites somebody.
async fn invite(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    Body(request): Body<MemberRequest>,
) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    let role = role(request.r#type, request.permissions, &mut checks);
    let external_id = checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID);
    let collections = collections("Collections", request.collections, &mut checks).unwrap_or_default();
    bounded(request.groups.as_ref(), &mut checks);
    checks.done()?;
    let found = find(&app.executor, app.account.addresses.as_ref(), &email).await?;
    let command = InviteMembers {
        by: caller.standing(),
        invitations: vec![Invitation {
            membership: MembershipId(app.executor.new_id()),
            address: app.account.addresses.id(&email),
            email,
            user: found.map(|found| found.id),
            external_id,
        }],
        role,
        secrets_manager: false,
        collections,
        groups: request.groups.unwrap_or_default(),
    };
    let done = caller.change(&app, &command).await?;
    let id = done.value.first().copied().ok_or_else(Problem::internal)?;
    shown(&app, &caller, id).await
}

/// What a member has by the read models.
async fn present(app: &WriteApi, caller: &OrganizationCaller, id: MembershipId) -> Answer<Access> {
    let pool = app.read.fresh(caller.asking()).await?;
    let grants = shared::grants_to(pool, Grantee::Member(id))
        .await
        .map_err(unavailable)?;
    let places = shared::places_with(pool, id).await.map_err(unavailable)?;
    Ok(Access {
        collections: grants.into_iter().map(|row| (row.collection, row.rights)).collect(),
        groups: places.into_iter().map(|row| row.group).collect(),
    })
}

/// `PUT /public/members/{id}`. Groups that are not said stay. Collections that are not said go, as the contract of this API has it;
/// what a member's own items lie in stays.
async fn change(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<MembershipId>,
    Body(request): Body<MemberRequest>,
) -> Answer<Json<Value>> {
    let row = found(&app, &caller, id.0).await?;
    let mut checks = Checks::new();
    let role = role(request.r#type, request.permissions, &mut checks);
    let external_id = checks.text("ExternalId", request.external_id, MAX_EXTERNAL_ID);
    let collections = collections("Collections", request.collections, &mut checks);
    bounded(request.groups.as_ref(), &mut checks);
    checks.done()?;
    let rules = rules::of(&app, caller.asking(), caller.id).await?;
    let forbidden = rules.forbids_as(&app, caller.asking(), id.0, role).await?;
    let command = ChangeMember {
        by: caller.standing(),
        membership: id.0,
        role: Some(role),
        secrets_manager: None,
        external_id: Some(external_id),
        forbidden,
        own_collection: None,
        present: present(&app, &caller, id.0).await?,
        collections: Some(collections.unwrap_or_default()),
        groups: request.groups.map(|groups| groups.into_iter().collect()),
    };
    caller.change(&app, &command).await?;
    if let Some(user) = row.user.filter(|_| row.role.is_admin() && !role.is_admin()) {
        // bound from now on, and held to what was switched on meanwhile
        rules::hold_to_one(&app, caller.asking(), user).await?;
    }
    shown(&app, &caller, id.0).await
}

/// `DELETE /public/members/{id}`.
async fn remove(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<MembershipId>) -> Answer<()> {
    let command = EndMembership {
        organization: caller.id,
        membership: id.0,
        by: Some(caller.standing()),
        user: caller.asking(),
        spare_owners: false,
        deleted: false,
    };
    caller.change(&app, &command).await?;
    Ok(())
}

/// `GET /public/members/{id}/group-ids`.
async fn groups(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<MembershipId>,
) -> Answer<Json<Vec<GroupId>>> {
    found(&app, &caller, id.0).await?;
    let present = present(&app, &caller, id.0).await?;
    Ok(Json(present.groups.into_iter().collect()))
}

/// `Public.UpdateGroupIdsRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupsRequest {
    group_ids: Option<Vec<GroupId>>,
}

/// `PUT /public/members/{id}/group-ids`.
async fn set_groups(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    id: PathId<MembershipId>,
    Body(request): Body<GroupsRequest>,
) -> Answer<()> {
    found(&app, &caller, id.0).await?;
    let mut checks = Checks::new();
    bounded(request.group_ids.as_ref(), &mut checks);
    checks.done()?;
    let command = ChangeMember {
        by: caller.standing(),
        membership: id.0,
        role: None,
        secrets_manager: None,
        external_id: None,
        forbidden: None,
        own_collection: None,
        present: present(&app, &caller, id.0).await?,
        collections: None,
        groups: Some(request.group_ids.unwrap_or_default().into_iter().collect()),
    };
    caller.change(&app, &command).await?;
    Ok(())
}

/// `POST /public/members/{id}/reinvite`.
async fn invite_again(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<MembershipId>) -> Answer<()> {
    let command = InviteAgain {
        by: caller.standing(),
        membership: id.0,
    };
    caller.change(&app, &command).await?;
    Ok(())
}

/// `POST /public/members/{id}/revoke`.
async fn revoke(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<MembershipId>) -> Answer<()> {
    let command = RevokeMember {
        by: caller.standing(),
        membership: id.0,
    };
    caller.change(&app, &command).await?;
    Ok(())
}

/// `POST /public/members/{id}/restore`: under the same policies as any other restoring.
async fn restore(caller: OrganizationCaller, State(app): State<WriteApi>, id: PathId<MembershipId>) -> Answer<()> {
    let row = found(&app, &caller, id.0).await?;
    let rules = rules::of(&app, caller.asking(), caller.id).await?;
    let command = RestoreMember {
        by: caller.standing(),
        membership: id.0,
        forbidden: rules.forbids_member(&app, caller.asking(), id.0).await?,
        own_collection: None,
    };
    caller.change(&app, &command).await?;
    match row.user {
        Some(user) => rules::hold_to_one(&app, caller.asking(), user).await,
        None => Ok(()),
    }
}
