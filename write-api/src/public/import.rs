//! `/public/organization/import`: what a directory says of members and groups.

use super::OrganizationCaller;
use crate::{
    WriteApi,
    account::check::Checks,
    organization::{
        access::MAX_NAMED,
        collection::MAX_EXTERNAL_ID,
        group::{MAX_NAME, present},
    },
};
use axum::extract::State;
use commands::{
    account::find,
    execute::{ExecuteError, Transaction},
    organization::{
        OrganizationError,
        group::{Contents, CreateGroup, UpdateGroup},
        member::{Access, ChangeMember, EndMembership, Invitation, InviteMembers},
    },
};
use domain::{
    id::{GroupId, MembershipId, UserId},
    organization::role::Role,
};
use projections::sync::{membership::MembershipRow, shared};
use read_api::unavailable;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use web::{Answer, Body, Problem, Routes};

/// How many are invited by one command.
const AT_ONCE: usize = 1_000;
/// The largest body: bytes.
const MAX_BODY: usize = 16 << 20;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/public/organization/import", import)
        .with_body_limit(MAX_BODY)
}

/// `Public.OrganizationImportRequestModel`. Whether it calls itself large makes no difference: that is for servers which many share.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportRequest {
    groups: Option<Vec<GroupRequest>>,
    members: Option<Vec<MemberRequest>>,
    overwrite_existing: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRequest {
    name: Option<String>,
    external_id: Option<String>,
    member_external_ids: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberRequest {
    email: Option<String>,
    external_id: Option<String>,
    #[serde(default)]
    deleted: bool,
}

/// What a directory says, checked.
#[derive(Debug, Default)]
struct Said {
    /// Addresses by external id.
    members: BTreeMap<String, String>,
    /// External ids of those who are gone there.
    deleted: BTreeSet<String>,
    /// Name and external ids of members, by external id.
    groups: BTreeMap<String, (String, Vec<String>)>,
    overwrite: bool,
}

/// `POST /public/organization/import`: invites who is new, takes out who is gone, and makes groups what the directory says they
/// are. Owners are not taken out, nobody's role changes, and who was revoked stays so. Who is known by their address gets the name the
/// directory has for them, unless they have another that it still knows. Each step is whole by itself; the import can be repeated.
async fn import(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    Body(request): Body<ImportRequest>,
) -> Answer<()> {
    let said = checked(request)?;
    let import = Import {
        app: &app,
        caller: &caller,
        said: &said,
    };
    import.members().await?;
    import.groups().await
}

fn checked(request: ImportRequest) -> Answer<Said> {
    let (groups, members) = (request.groups.unwrap_or_default(), request.members.unwrap_or_default());
    let places: usize = groups
        .iter()
        .map(|group| group.member_external_ids.as_ref().map_or(0, Vec::len))
        .sum();
    if groups.len() > MAX_NAMED || members.len() > MAX_NAMED || places > 10 * MAX_NAMED {
        return Err(Problem::bad_request("You cannot import this much data at once."));
    }
    let mut checks = Checks::new();
    let mut said = Said::default();
    match request.overwrite_existing {
        Some(overwrite) => said.overwrite = overwrite,
        None => checks.wrong("OverwriteExisting", "The OverwriteExisting field is required."),
    }
    for (index, member) in members.into_iter().enumerate() {
        let field = |name: &str| format!("Members[{index}].{name}");
        let external = checks.required(&field("ExternalId"), member.external_id, MAX_EXTERNAL_ID);
        if member.deleted {
            said.deleted.insert(external);
        } else {
            let email = checks.email(&field("Email"), member.email.as_deref());
            said.members.insert(external, email);
        }
    }
    for (index, group) in groups.into_iter().enumerate() {
        let field = |name: &str| format!("Groups[{index}].{name}");
        let external = checks.required(&field("ExternalId"), group.external_id, MAX_EXTERNAL_ID);
        let name = checks.required(&field("Name"), group.name, MAX_NAME);
        said.groups
            .insert(external, (name, group.member_external_ids.unwrap_or_default()));
    }
    checks.done()?;
    Ok(said)
}

/// An import under way.
struct Import<'i> {
    app: &'i WriteApi,
    caller: &'i OrganizationCaller,
    said: &'i Said,
}

type Members = Vec<(MembershipId, MembershipRow)>;

impl Import<'_> {
    async fn present(&self) -> Answer<Members> {
        let pool = self.app.read.fresh(self.caller.asking()).await?;
        shared::members_of(pool, self.caller.id).await.map_err(unavailable)
    }

    async fn members(&self) -> Answer<()> {
        let rows = self.present().await?;
        let known: BTreeSet<&String> = rows
            .iter()
            .filter_map(|(_, row)| row.view.external_id.as_ref())
            .collect();
        let by_address = self.by_address(&rows).await?;
        let (mut invitations, mut named) = (Vec::new(), BTreeSet::new());
        for (external, email) in &self.said.members {
            if known.contains(external) {
                continue;
            }
            match by_address.get(email) {
                Some((id, called)) if called.as_ref().is_none_or(|called| self.is_gone(called)) => {
                    named.insert(*id);
                    self.name(*id, external).await?;
                }
                // somebody who is there by another name
                Some(_) => {}
                None => invitations.push(self.invitation(external, email).await?),
            }
        }
        for some in invitations.chunks(AT_ONCE) {
            self.caller.still(self.app).await?;
            self.invite(some.to_vec()).await?;
        }
        // who has another name by now is there by that
        for (id, row) in rows.iter().filter(|(id, _)| !named.contains(id)) {
            let Some(external) = &row.view.external_id else {
                continue;
            };
            if self.is_gone(external) {
                self.end(*id).await?;
            }
        }
        Ok(())
    }

    /// Whether the directory says that whom it called so is there no more.
    fn is_gone(&self, external: &String) -> bool {
        let gone = self.said.deleted.contains(external) || self.said.overwrite;
        gone && !self.said.members.contains_key(external)
    }

    /// Members by the address they have, or were invited by, and what a directory calls them.
    async fn by_address(&self, rows: &Members) -> Answer<HashMap<String, (MembershipId, Option<String>)>> {
        let users: Vec<UserId> = rows.iter().filter_map(|(_, row)| row.user).collect();
        let accounts = self.app.read.accounts(self.caller.asking(), &users).await?;
        let address = |row: &MembershipRow| match row.user {
            Some(user) => accounts.get(&user).map(|account| account.email.clone()),
            None => row.view.email.clone(),
        };
        let named = rows.iter().filter_map(|(id, row)| {
            let called = row.view.external_id.clone().filter(|called| !called.is_empty());
            Some((address(row)?, (*id, called)))
        });
        Ok(named.collect())
    }

    async fn invitation(&self, external: &str, email: &str) -> Answer<Invitation> {
        let addresses = self.app.account.addresses.as_ref();
        let found = find(&self.app.executor, addresses, email).await?;
        Ok(Invitation {
            membership: MembershipId(self.app.executor.new_id()),
            address: addresses.id(email),
            email: email.to_owned(),
            user: found.map(|found| found.id),
            external_id: Some(external.to_owned()),
        })
    }

    async fn invite(&self, invitations: Vec<Invitation>) -> Answer<()> {
        let command = InviteMembers {
            by: self.caller.standing(),
            invitations,
            role: Role::User,
            secrets_manager: false,
            collections: BTreeMap::new(),
            groups: Vec::new(),
        };
        match self
            .app
            .executor
            .transact(&self.caller.context(self.app), &command)
            .await
        {
            Ok(done) => self.app.settle(done.position).await,
            // all of them came in meanwhile
            Err(ExecuteError::Refused(OrganizationError::NobodyToInvite)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes what the directory calls a member who was there before.
    async fn name(&self, membership: MembershipId, external: &str) -> Answer<()> {
        let command = ChangeMember {
            by: self.caller.standing(),
            membership,
            role: None,
            secrets_manager: None,
            external_id: Some(Some(external.to_owned())),
            forbidden: None,
            own_collection: None,
            present: Access::default(),
            collections: None,
            groups: None,
        };
        self.step(&command).await
    }

    async fn end(&self, membership: MembershipId) -> Answer<()> {
        let command = EndMembership {
            organization: self.caller.id,
            membership,
            by: Some(self.caller.standing()),
            user: self.caller.asking(),
            spare_owners: true,
            deleted: false,
        };
        self.step(&command).await
    }

    /// One step, if the key is still good. Who is gone meanwhile needs none.
    async fn step<T: Transaction<Error = OrganizationError>>(&self, command: &T) -> Answer<()> {
        self.caller.still(self.app).await?;
        match self
            .app
            .executor
            .transact(&self.caller.context(self.app), command)
            .await
        {
            Ok(done) => self.app.settle(done.position).await,
            Err(ExecuteError::Refused(OrganizationError::NotFound)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn groups(&self) -> Answer<()> {
        if self.said.groups.is_empty() {
            return Ok(());
        }
        let rows = self.present().await?;
        let members: HashMap<&String, MembershipId> = rows
            .iter()
            .filter_map(|(id, row)| Some((row.view.external_id.as_ref()?, *id)))
            .collect();
        let pool = self.app.read.fresh(self.caller.asking()).await?;
        let groups = shared::groups_of(pool, self.caller.id).await.map_err(unavailable)?;
        let known: HashMap<&String, (GroupId, &String)> = groups
            .iter()
            .filter_map(|(id, row)| Some((row.external_id.as_ref()?, (*id, &row.name))))
            .collect();
        let nobody = BTreeSet::new();
        let mut inside: HashMap<GroupId, BTreeSet<MembershipId>> = HashMap::new();
        for place in shared::places_of(pool, self.caller.id).await.map_err(unavailable)? {
            inside.entry(place.group).or_default().insert(place.member);
        }
        for (external, (name, named)) in &self.said.groups {
            let wanted: BTreeSet<MembershipId> = named.iter().filter_map(|id| members.get(id).copied()).collect();
            match known.get(external) {
                None => self.create(external, name, wanted).await?,
                // what is as it shall be makes nobody sync again
                Some((group, known)) if *known == name && inside.get(group).unwrap_or(&nobody) == &wanted => {}
                Some((group, _)) => self.update(*group, external, name, wanted).await?,
            }
        }
        Ok(())
    }

    async fn create(&self, external: &str, name: &str, members: BTreeSet<MembershipId>) -> Answer<()> {
        let command = CreateGroup {
            by: self.caller.standing(),
            group: GroupId(self.app.executor.new_id()),
            name: name.to_owned(),
            external_id: Some(external.to_owned()),
            contents: Contents {
                members,
                ..Contents::default()
            },
        };
        self.step(&command).await
    }

    async fn update(&self, group: GroupId, external: &str, name: &str, members: BTreeSet<MembershipId>) -> Answer<()> {
        let command = UpdateGroup {
            by: self.caller.standing(),
            group,
            name: name.to_owned(),
            external_id: Some(Some(external.to_owned())),
            present: present(self.app, self.caller.asking(), group).await?,
            collections: None,
            members: Some(members),
        };
        self.step(&command).await
    }
}
