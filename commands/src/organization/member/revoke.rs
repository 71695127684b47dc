use super::{check_appointment, keep_owners, load, own::give_own_collection};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    crypto::EncString,
    id::{MembershipId, PolicyId},
    organization::{
        access::Standing,
        membership::{MembershipEvent, RevocationReason, Stage},
        policy::{Enforced, Policy},
        role::Role,
    },
};

/// Suspends a member's rights.
#[derive(Debug, Clone)]
pub struct RevokeMember {
    /// Who wants it.
    pub by: Standing,
    /// Whose.
    pub membership: MembershipId,
}

impl Transaction for RevokeMember {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let (loaded, live) = load(unit, self.by.organization, self.membership).await?;
        check_appointment(&self.by, Some(live.role), None)?;
        must(
            live.user != Some(self.by.user),
            OrganizationError::Oneself("You cannot revoke yourself."),
        )?;
        must(!live.revoked, OrganizationError::WrongStage("Already revoked."))?;
        if live.role == Role::Owner && live.stage == Stage::Confirmed {
            keep_owners(unit, self.by.organization, self.membership, false).await?;
        }
        let event = MembershipEvent::Revoked {
            reason: RevocationReason::ByAdmin,
            at: unit.now_for(&loaded),
        };
        unit.append(loaded, vec![event]);
        Ok(())
    }
}

/// Suspends one's own rights: of who would not hand over what is theirs where a policy asks for it.
#[derive(Debug, Clone)]
pub struct RevokeOneself {
    /// Who.
    pub by: Standing,
}

impl Transaction for RevokeOneself {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        let (loaded, live) = load(unit, organization, self.by.membership).await?;
        must(
            live.stage == Stage::Confirmed && !live.revoked,
            OrganizationError::WrongStage("User must be confirmed."),
        )?;
        let policy = PolicyId::of(organization, Enforced::OrganizationDataOwnership as u8);
        let on = unit.load::<Policy>(policy).await?.state.enabled;
        must(
            on && !live.role.is_admin(),
            OrganizationError::Invalid("User is not eligible for self-revocation."),
        )?;
        let event = MembershipEvent::Revoked {
            reason: RevocationReason::BySelf,
            at: unit.now_for(&loaded),
        };
        unit.append(loaded, vec![event]);
        Ok(())
    }
}

/// Gives a member's rights back as they were.
#[derive(Debug, Clone)]
pub struct RestoreMember {
    /// Who wants it.
    pub by: Standing,
    /// Whose.
    pub membership: MembershipId,
    /// What a policy that is on asks for and the member lacks.
    pub forbidden: Option<&'static str>,
    /// What a collection for the member's own items is to be called, where a policy asks for one.
    pub own_collection: Option<EncString>,
}

impl Transaction for RestoreMember {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let (loaded, live) = load(unit, self.by.organization, self.membership).await?;
        check_appointment(&self.by, Some(live.role), None)?;
        must(
            live.user != Some(self.by.user),
            OrganizationError::Oneself("You cannot restore yourself."),
        )?;
        must(live.revoked, OrganizationError::WrongStage("Already active."))?;
        if let Some(policy) = self.forbidden {
            must(false, OrganizationError::Policy(policy))?;
        }
        let at = unit.now_for(&loaded);
        unit.append(loaded, vec![MembershipEvent::Restored { at }]);
        if live.role == Role::Owner && live.stage == Stage::Confirmed {
            keep_owners(unit, self.by.organization, self.membership, true).await?;
        }
        let own = self.own_collection.as_ref().filter(|_| live.stage == Stage::Confirmed);
        give_own_collection(unit, self.by.organization, (self.membership, live.role), own).await
    }
}
