//! Commands about domains that an organization claims.

use super::{OrganizationError, Stop, must, policy::suspend, refuse};
use crate::execute::{Loaded, Transaction, Unit};
use domain::{
    id::{DomainId, DomainNameId, MembershipId, OrganizationId, PolicyId},
    organization::{
        access::Standing,
        claim::{Claim, DomainName, HeldName, HeldNameEvent},
        policy::{Enforced, Policy, PolicyEvent},
        profile::{LiveOrganization, Organization, OrganizationEvent},
    },
};

/// The most domains an organization claims.
pub const MAX_DOMAINS: usize = 100;

/// The organization, if it is there.
async fn load(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
) -> Result<(Loaded<Organization>, Box<LiveOrganization>), Stop> {
    let loaded = unit.load::<Organization>(organization).await?;
    match loaded.state.live() {
        Some(live) => {
            let live = Box::new(live.clone());
            Ok((loaded, live))
        }
        None => refuse(OrganizationError::NotFound),
    }
}

/// A claim of the organization.
fn claim(live: &LiveOrganization, domain: DomainId) -> Result<Claim, Stop> {
    match live.domains.get(&domain) {
        Some(claim) => Ok(claim.clone()),
        None => refuse(OrganizationError::NotFound),
    }
}

/// That a name can be held by `organization`: nobody else has it, or who had it is gone or does not claim it any more. A store that appends to
/// one stream at a time may have let a claim end while it was verified; one that is there, verified or not, may be verified yet.
async fn check_available(
    unit: &mut Unit<'_>,
    held: HeldName,
    name: &DomainName,
    organization: OrganizationId,
) -> Result<(), Stop> {
    let Some(holder) = held.0.filter(|holder| *holder != organization) else {
        return Ok(());
    };
    let state = unit.load::<Organization>(holder).await?.state;
    let claimed = state
        .live()
        .is_some_and(|live| live.domains.contains_key(&DomainId::of(holder, name)));
    must(
        !claimed,
        OrganizationError::Conflict("The domain is not available to be claimed."),
    )
}

/// Says that a domain is the organization's own.
#[derive(Debug, Clone)]
pub struct AddDomain {
    /// Who wants it.
    pub by: Standing,
    /// Which domain.
    pub name: DomainName,
    /// What its TXT record must say.
    pub txt: String,
}

impl Transaction for AddDomain {
    type Output = Organization;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Organization, Stop> {
        must(self.by.may_manage_sso(), OrganizationError::Forbidden)?;
        let (loaded, live) = load(unit, self.by.organization).await?;
        let domain = DomainId::of(self.by.organization, &self.name);
        must(
            !live.domains.contains_key(&domain),
            OrganizationError::Conflict("A domain already exists for this organization."),
        )?;
        let held = unit.load::<HeldName>(DomainNameId::of(&self.name)).await?.state;
        check_available(unit, held, &self.name, self.by.organization).await?;
        must(
            live.domains.len() < MAX_DOMAINS,
            OrganizationError::Invalid("The organization claims as many domains as it can."),
        )?;
        let added = OrganizationEvent::DomainAdded {
            domain,
            name: self.name.clone(),
            txt: self.txt.clone(),
            at: unit.now_for(&loaded),
        };
        Ok(unit.append(loaded, vec![added]))
    }
}

/// Takes note of what the TXT records of a claimed domain say. If one says what it must, the domain is the organization's alone, and the
/// single organization policy is on from then on.
#[derive(Debug, Clone)]
pub struct CheckDomain {
    /// Who wants it; `None`: the server looks again by itself.
    pub by: Option<Standing>,
    /// Whose claim.
    pub organization: OrganizationId,
    /// Which.
    pub domain: DomainId,
    /// What its TXT records say.
    pub found: Vec<String>,
    /// Members who lack what the policy asks for.
    pub lacking: Vec<MembershipId>,
}

impl CheckDomain {
    /// Switches the policy on that says that members are in no other organization. It is set again where it is on, so that nobody
    /// switches it off in the same moment.
    async fn single_organization(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let id = PolicyId::of(self.organization, Enforced::SingleOrganization as u8);
        let policy = unit.load::<Policy>(id).await?;
        let set = PolicyEvent::Set {
            organization: self.organization,
            kind: Enforced::SingleOrganization as u8,
            enabled: true,
            data: policy.state.data.clone(),
            at: unit.now_for(&policy),
        };
        unit.follow(policy, vec![set]);
        let asking = self.by.as_ref().map(|by| by.user);
        let kind = Enforced::SingleOrganization as u8;
        suspend(unit, self.organization, asking, kind, &self.lacking).await
    }
}

impl Transaction for CheckDomain {
    type Output = Organization;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Organization, Stop> {
        if let Some(by) = &self.by {
            must(by.may_manage_sso(), OrganizationError::Forbidden)?;
        }
        let (loaded, live) = load(unit, self.organization).await?;
        let claim = claim(&live, self.domain)?;
        must(
            claim.verified.is_none(),
            OrganizationError::Conflict("Domain has already been verified."),
        )?;
        let at = unit.now_for(&loaded);
        let (domain, name) = (self.domain, claim.name.clone());
        if !self.found.contains(&claim.txt) {
            let event = OrganizationEvent::DomainNotVerified { domain, name, at };
            return Ok(unit.append(loaded, vec![event]));
        }
        // the name first: of two organizations that show it is theirs in the same moment one has it, and the other nothing
        let held = unit.load::<HeldName>(DomainNameId::of(&name)).await?;
        check_available(unit, held.state, &name, self.organization).await?;
        let by = self.organization;
        let taken = HeldNameEvent::Held {
            by,
            at: unit.now_for(&held),
        };
        unit.append(held, vec![taken]);
        let organization = unit.follow(loaded, vec![OrganizationEvent::DomainVerified { domain, name, at }]);
        self.single_organization(unit).await?;
        Ok(organization)
    }
}

/// Claims a domain no more.
#[derive(Debug, Clone)]
pub struct RemoveDomain {
    /// Who wants it; `None`: the server itself, of a claim that was never verified.
    pub by: Option<Standing>,
    /// Whose claim.
    pub organization: OrganizationId,
    /// Which.
    pub domain: DomainId,
}

impl Transaction for RemoveDomain {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        if let Some(by) = &self.by {
            must(by.may_manage_sso(), OrganizationError::Forbidden)?;
        }
        let (loaded, live) = load(unit, self.organization).await?;
        let claim = claim(&live, self.domain)?;
        must(
            self.by.is_some() || claim.verified.is_none(),
            OrganizationError::NotFound,
        )?;
        let removed = OrganizationEvent::DomainRemoved {
            domain: self.domain,
            name: claim.name.clone(),
            at: unit.now_for(&loaded),
        };
        unit.append(loaded, vec![removed]);
        release(unit, self.organization, [&claim]).await
    }
}

/// Lets go of the names of verified claims, behind what ended them.
pub(super) async fn release<'c>(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    claims: impl IntoIterator<Item = &'c Claim>,
) -> Result<(), Stop> {
    let verified = claims.into_iter().filter(|claim| claim.verified.is_some());
    let names: Vec<_> = verified.map(|claim| DomainNameId::of(&claim.name)).collect();
    for held in unit.load_many::<HeldName>(&names).await? {
        if held.state.0 == Some(organization) {
            let at = unit.now_for(&held);
            unit.follow(held, vec![HeldNameEvent::Released { at }]);
        }
    }
    Ok(())
}
