//! Domains that organizations claim, and what follows for people whose address is in one.

use crate::{
    WriteApi,
    account::{check::Checks, limit},
    organization::member::rules,
};
use axum::{Json, extract::State};
use commands::{
    account::new_api_key,
    context::Context,
    organization::{
        claim::{AddDomain, CheckDomain, RemoveDomain},
        policy::HoldToPolicy,
    },
    ports::About,
};
use domain::{
    id::{DomainId, DomainNameId, OrganizationId, PolicyId, UserId},
    meta::Actor,
    organization::{
        claim::{Claim, DomainName, HeldName},
        policy::{Enforced, Policy},
        profile::Organization,
    },
};
use futures::StreamExt;
use projections::sync::{organization::OrganizationView, shared};
use read_api::{organization::claim as wire, unavailable};
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Anyone, Body, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/organizations/{id}/domain", add)
        .post("/organizations/{id}/domain/{domain}/verify", verify)
        .delete("/organizations/{id}/domain/{domain}", remove)
        .post("/organizations/{id}/domain/{domain}/remove", remove)
        .post("/organizations/domain/sso/verified", verified)
}

/// After how long a claim that was never verified is given up: milliseconds.
const GIVE_UP: i64 = 7 * 24 * 3_600_000;

/// How many names the server looks up at once by itself.
const AT_ONCE: usize = 8;

/// `OrganizationDomainRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DomainRequest {
    domain_name: Option<String>,
}

/// `POST /organizations/{id}/domain`.
async fn add(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<DomainRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    let mut checks = Checks::new();
    let text = checks.required("DomainName", request.domain_name, 255);
    checks.done()?;
    let Some(name) = DomainName::parse(&text) else {
        return Err(Problem::field("DomainName", "Invalid domain name format."));
    };
    let domain = DomainId::of(id.0, &name);
    let txt = format!("bw={}", new_api_key(|| app.executor.new_id()).0);
    let added = app.change_in(&caller, id.0, &AddDomain { by, name, txt }).await?;
    let claim = claim_of(&added.value, domain)?;
    Ok(Json(wire::domain(id.0, domain, claim, 0, None)))
}

fn claim_of(organization: &Organization, domain: DomainId) -> Answer<&Claim> {
    let claim = organization.live().and_then(|live| live.domains.get(&domain));
    claim.ok_or_else(Problem::not_found)
}

/// `POST /organizations/{id}/domain/{domain}/verify`: the domain, verified if its TXT record says what it must.
async fn verify(
    caller: Caller,
    State(app): State<WriteApi>,
    PathIds(organization, domain): PathIds<OrganizationId, DomainId>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, organization, About::Role).await?;
    if !by.may_manage_sso() {
        return Err(Problem::forbidden());
    }
    let state = app.executor.state::<Organization>(organization).await?;
    let claim = claim_of(&state, domain)?;
    if claim.verified.is_some() {
        return Err(Problem::conflict("Domain has already been verified."));
    }
    // each makes the server ask others
    app.account.count(limit::LOOK_UP, &organization.to_string()).await?;
    let found = app.names.txt(&claim.name).await.map_err(|error| {
        tracing::warn!(%error, "a claimed domain is not looked up");
        Problem::bad_request("The domain could not be looked up. Try again later.")
    })?;
    let lacking = rules::lacking(&app, caller.id, organization, Enforced::SingleOrganization as u8).await?;
    let command = CheckDomain {
        by: Some(by),
        organization,
        domain,
        found,
        lacking,
    };
    let held = app.change_in(&caller, organization, &command).await;
    // a part of it may be stored though it is refused: who is to be suspended must not be left out by that
    let state = app.executor.state::<Organization>(organization).await?;
    if claim_of(&state, domain)?.verified.is_some() {
        // who came in meanwhile was let in by what was so before
        let hold = HoldToPolicy {
            by: command.by.clone(),
            organization,
            kind: Enforced::SingleOrganization as u8,
            lacking: rules::lacking(&app, caller.id, organization, Enforced::SingleOrganization as u8).await?,
        };
        app.change_in(&caller, organization, &hold).await?;
    }
    held?;
    let view = app.read.organization(caller.id, organization).await?;
    let shown = view.domains.iter().find(|claimed| claimed.id == domain);
    let shown = shown.map(|claimed| wire::claimed(organization, claimed));
    shown.map(Json).ok_or_else(Problem::not_found)
}

/// `DELETE /organizations/{id}/domain/{domain}`, and `POST …/remove` for older clients.
async fn remove(
    caller: Caller,
    State(app): State<WriteApi>,
    PathIds(organization, domain): PathIds<OrganizationId, DomainId>,
) -> Answer<()> {
    let by = Some(app.standing(&caller, organization, About::Role).await?);
    let command = RemoveDomain {
        by,
        organization,
        domain,
    };
    app.change_in(&caller, organization, &command).await?;
    Ok(())
}

/// `OrganizationDomainSsoDetailsRequestModel`.
#[derive(Debug, Deserialize)]
struct AddressRequest {
    email: Option<String>,
}

/// `POST /organizations/domain/sso/verified`: the organization that holds the domain of an address, if it can be found by an
/// identifier for single sign-on.
async fn verified(
    anyone: Anyone,
    State(app): State<WriteApi>,
    Body(request): Body<AddressRequest>,
) -> Answer<Json<List<Value>>> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    checks.done()?;
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let held = match DomainName::of_address(email.as_str()) {
        Some(name) => app.holder(&name).await?.map(|holder| (name, holder)),
        None => None,
    };
    let mut found = Vec::new();
    if let Some((name, holder)) = held {
        let state = app.executor.state::<Organization>(holder).await?;
        let live = state.live();
        if let Some((identifier, live)) = live.and_then(|live| Some((live.identifier.as_ref()?, live))) {
            found.push(json!({
                "object": "verifiedOrganizationDomainSsoDetails",
                "domainName": name,
                "organizationIdentifier": identifier,
                "organizationName": live.details.as_ref().map_or("", |details| &*details.name),
            }));
        }
    }
    Ok(Json(List::of(found)))
}

/// Stands for who asks where the server itself does.
pub(super) fn nobody() -> UserId {
    UserId(uuid::Uuid::nil())
}

impl WriteApi {
    /// Which organization holds a domain, by a claim that is verified.
    async fn holder(&self, name: &DomainName) -> Answer<Option<OrganizationId>> {
        let Some(holder) = self.executor.state::<HeldName>(DomainNameId::of(name)).await?.0 else {
            return Ok(None);
        };
        let state = self.executor.state::<Organization>(holder).await?;
        let claim = claim_of(&state, DomainId::of(holder, name));
        Ok(claim.is_ok_and(|claim| claim.verified.is_some()).then_some(holder))
    }

    /// That nobody takes an address of a domain whose organization forbids it. `invited` is an organization that the owner of the address
    /// has shown an invitation into.
    ///
    /// # Errors
    /// 400 if it is forbidden.
    pub(crate) async fn check_claimed(&self, email: &str, invited: Option<OrganizationId>) -> Answer<()> {
        let Some(name) = DomainName::of_address(email) else {
            return Ok(());
        };
        let Some(organization) = self.holder(&name).await? else {
            return Ok(());
        };
        if invited == Some(organization) {
            return Ok(());
        }
        let policy = PolicyId::of(organization, Enforced::BlockClaimedDomainAccountCreation as u8);
        if !self.executor.state::<Policy>(policy).await?.enabled {
            return Ok(());
        }
        Err(Problem::bad_request(
            "This email address is claimed by an organization using Bitwarden.",
        ))
    }

    /// The organization that claims an account: somebody is more than invited there, and their address is in a domain of it.
    ///
    /// # Errors
    /// 503 if it cannot be told.
    pub(crate) async fn claimant(&self, user: UserId) -> Answer<Option<(OrganizationId, OrganizationView)>> {
        let memberships = self.read.memberships_of(user).await?;
        if memberships.iter().all(|(_, _, view)| view.domains.is_empty()) {
            return Ok(None);
        }
        let Some(account) = self.read.account_of(user).await? else {
            return Ok(None);
        };
        let mut claiming = memberships
            .into_iter()
            .filter(|(_, _, view)| view.claims(&account.email));
        Ok(claiming.next().map(|(_, row, view)| (row.organization, view)))
    }

    /// That an account is claimed by no organization.
    ///
    /// # Errors
    /// 400 with `message` if one does.
    pub(crate) async fn check_unclaimed(&self, user: UserId, message: &'static str) -> Answer<()> {
        match self.claimant(user).await? {
            Some(_) => Err(Problem::bad_request(message)),
            None => Ok(()),
        }
    }

    /// Looks again at claims that are due, and gives up those that were never verified in a week. For a timer.
    ///
    /// # Errors
    /// What keeps it from being done, for all or for some; the next time it is tried again.
    pub async fn look_at_claims(&self) -> Answer<()> {
        let now = self.executor.now();
        let claiming = shared::claiming(self.read.fresh(nobody()).await?)
            .await
            .map_err(unavailable)?;
        let mut work = Vec::new();
        for (organization, view) in claiming {
            for claimed in view.domains.into_iter().filter(|claimed| claimed.verified.is_none()) {
                let over = now.0.saturating_sub(claimed.created.0) >= GIVE_UP;
                let due = wire::next_check(claimed.created, claimed.checked).is_some_and(|due| due <= now);
                if over || due {
                    work.push((organization, claimed, over));
                }
            }
        }
        // a server of names that is slow keeps nobody else waiting, and what goes wrong with one is told of that one
        let looking = futures::stream::iter(work).map(|(organization, claimed, over)| async move {
            let done = match over {
                true => self.give_up(organization, claimed.id).await,
                false => self.look_again(organization, claimed.id, &claimed.name).await,
            };
            if let Err(problem) = &done {
                tracing::warn!(status = %problem.status(), domain = %claimed.id, "a claimed domain is not looked at");
            }
            done
        });
        let looked: Vec<Answer<()>> = looking.buffer_unordered(AT_ONCE).collect().await;
        looked.into_iter().collect()
    }

    async fn give_up(&self, organization: OrganizationId, domain: DomainId) -> Answer<()> {
        let command = RemoveDomain {
            by: None,
            organization,
            domain,
        };
        self.by_itself(organization, &command).await
    }

    async fn look_again(&self, organization: OrganizationId, domain: DomainId, name: &DomainName) -> Answer<()> {
        let found = self.names.txt(name).await.map_err(|error| {
            tracing::warn!(%error, domain = %domain, "a claimed domain is not looked up");
            Problem::unavailable()
        })?;
        let pool = self.read.fresh(nobody()).await?;
        let lacking = shared::members_elsewhere(pool, organization)
            .await
            .map_err(unavailable)?;
        let command = CheckDomain {
            by: None,
            organization,
            domain,
            found,
            lacking,
        };
        self.by_itself(organization, &command).await?;
        let hold = HoldToPolicy {
            by: None,
            organization,
            kind: Enforced::SingleOrganization as u8,
            lacking: shared::members_elsewhere(pool, organization)
                .await
                .map_err(unavailable)?,
        };
        let state = self.executor.state::<Organization>(organization).await?;
        match claim_of(&state, domain) {
            Ok(claim) if claim.verified.is_some() => self.by_itself(organization, &hold).await,
            _ => Ok(()),
        }
    }

    /// Carries out what nobody asked for. That it is refused by now is no fault.
    async fn by_itself<T>(&self, organization: OrganizationId, command: &T) -> Answer<()>
    where
        T: commands::execute::Transaction<Error = commands::organization::OrganizationError>,
    {
        let context = Context {
            actor: Actor::DomainVerification,
            organizations: vec![organization],
            ..Context::system(self.executor.new_id(), None)
        };
        match self.executor.transact(&context, command).await {
            Ok(done) => self.settle(done.position).await,
            Err(commands::execute::ExecuteError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
