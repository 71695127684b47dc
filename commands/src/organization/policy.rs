//! Commands about policies.

use super::{OrganizationError, Stop, member::own::give_to_bound, must};
use crate::execute::{Transaction, Unit};
use domain::{
    crypto::EncString,
    id::{MembershipId, OrganizationId, PolicyId, UserId},
    organization::{
        access::Standing,
        membership::{Membership, MembershipEvent, RevocationReason, Stage},
        policy::{Enforced, LAST_KIND, OF_A_SINGLE_ORGANIZATION, Policy, PolicyEvent},
        profile::Organization,
    },
};
use serde_json::Value;

/// Switches a policy on or off, and says what it asks for.
#[derive(Debug, Clone)]
pub struct SetPolicy {
    /// Who wants it.
    pub by: Standing,
    /// Number of its kind.
    pub kind: u8,
    /// Whether it is on.
    pub enabled: bool,
    /// What it asks for.
    pub data: Option<Value>,
    /// Members who lack what it asks for: when it is switched on, the rights of those it is for are suspended with it.
    pub lacking: Vec<MembershipId>,
    /// Where items are the organization's from now on: members who have no collection for their own, and what those are to be called.
    pub own_collections: Option<(Vec<MembershipId>, EncString)>,
}

impl SetPolicy {
    async fn give(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let asked = self.enabled && self.kind == Enforced::OrganizationDataOwnership as u8;
        match self.own_collections.as_ref().filter(|_| asked) {
            Some((members, name)) => give_to_bound(unit, self.by.organization, members, name).await,
            None => Ok(()),
        }
    }

    /// That a policy which needs another one is not on without it.
    async fn check_needs(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        if self.enabled && self.kind == Enforced::BlockClaimedDomainAccountCreation as u8 {
            let claims = holds_domain(unit, organization).await?;
            return must(
                claims,
                OrganizationError::Invalid("You must claim at least one domain to turn on this policy."),
            );
        }
        let needy = OF_A_SINGLE_ORGANIZATION.map(|kind| kind as u8);
        if self.enabled && needy.contains(&self.kind) {
            let single = PolicyId::of(organization, Enforced::SingleOrganization as u8);
            let on = unit.load::<Policy>(single).await?.state.enabled;
            return must(
                on,
                OrganizationError::Invalid("Turn on the Single organization policy to enable this policy."),
            );
        }
        if !self.enabled && self.kind == Enforced::SingleOrganization as u8 {
            let claims = holds_domain(unit, organization).await?;
            must(
                !claims,
                OrganizationError::Invalid(
                    "The Single organization policy is required for organizations that have enabled domain verification.",
                ),
            )?;
            let ids = needy.map(|kind| PolicyId::of(organization, kind));
            let off = unit.load_many::<Policy>(&ids).await?;
            return must(
                off.iter().all(|loaded| !loaded.state.enabled),
                OrganizationError::Invalid(
                    "Turn off all policies that require the Single organization policy before this one.",
                ),
            );
        }
        Ok(())
    }
}

/// Whether it has shown a domain to be its own.
async fn holds_domain(unit: &mut Unit<'_>, organization: OrganizationId) -> Result<bool, Stop> {
    let loaded = unit.load::<Organization>(organization).await?;
    Ok(loaded
        .state
        .live()
        .is_some_and(|live| live.domains.values().any(|claim| claim.verified.is_some())))
}

/// Suspends those of `lacking` whom a policy is for: neither owners nor admins, nor who is only invited, nor who asks.
pub(super) async fn suspend(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    asking: Option<UserId>,
    kind: u8,
    lacking: &[MembershipId],
) -> Result<(), Stop> {
    let reason = match kind {
        kind if kind == Enforced::TwoFactor as u8 => RevocationReason::TwoFactorPolicy,
        kind if kind == Enforced::SingleOrganization as u8 => RevocationReason::SingleOrganizationPolicy,
        _ => return Ok(()),
    };
    for loaded in unit.load_many::<Membership>(lacking).await? {
        let bound = loaded.state.within(organization).is_some_and(|live| {
            let member = live.user.is_some() && live.user != asking;
            !live.revoked && live.stage != Stage::Invited && !live.role.is_admin() && member
        });
        if bound {
            let at = unit.now_for(&loaded);
            unit.append(loaded, vec![MembershipEvent::Revoked { reason, at }]);
        }
    }
    Ok(())
}

/// Suspends members who lack what a policy asks for that is on: those who came in while it was being switched on.
#[derive(Debug, Clone)]
pub struct HoldToPolicy {
    /// Who switched it on; `None`: the server itself.
    pub by: Option<Standing>,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Number of its kind.
    pub kind: u8,
    /// Members who lack what it asks for.
    pub lacking: Vec<MembershipId>,
}

impl Transaction for HoldToPolicy {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let id = PolicyId::of(self.organization, self.kind);
        if unit.load::<Policy>(id).await?.state.enabled {
            let asking = self.by.as_ref().map(|by| by.user);
            suspend(unit, self.organization, asking, self.kind, &self.lacking).await?;
        }
        Ok(())
    }
}

/// Whether there is a member in it by which values that are personal, or sealed, are known in events. This is the one place where
/// JSON of clients stands in an event as it is: taken for such a value it could be opened by nobody, and nothing behind it.
fn looks_sealed(data: &Value) -> bool {
    match data {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.starts_with('$') || looks_sealed(value)),
        Value::Array(values) => values.iter().any(looks_sealed),
        _ => false,
    }
}

impl Transaction for SetPolicy {
    type Output = Policy;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Policy, Stop> {
        must(self.by.may_manage_policies(), OrganizationError::Forbidden)?;
        must(self.kind <= LAST_KIND, OrganizationError::NotFound)?;
        must(
            !self.data.as_ref().is_some_and(looks_sealed),
            OrganizationError::Invalid("Data has a name that is not allowed."),
        )?;
        let loaded = unit
            .load::<Policy>(PolicyId::of(self.by.organization, self.kind))
            .await?;
        let same = loaded.state.enabled == self.enabled && loaded.state.data == self.data;
        if loaded.state.set.is_some() && same {
            let policy = loaded.state;
            self.give(unit).await?;
            return Ok(policy);
        }
        self.check_needs(unit).await?;
        let switched_on = self.enabled && !loaded.state.enabled;
        let event = PolicyEvent::Set {
            organization: self.by.organization,
            kind: self.kind,
            enabled: self.enabled,
            data: self.data.clone(),
            at: unit.now_for(&loaded),
        };
        let policy = unit.append(loaded, vec![event]);
        if switched_on {
            suspend(unit, self.by.organization, Some(self.by.user), self.kind, &self.lacking).await?;
        }
        self.give(unit).await?;
        Ok(policy)
    }
}
