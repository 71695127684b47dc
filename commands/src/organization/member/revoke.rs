use super::{check_appointment, keep_owners, load};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    id::MembershipId,
    organization::{
        access::Standing,
        membership::{MembershipEvent, RevocationReason, Stage},
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

/// Gives a member's rights back as they were.
#[derive(Debug, Clone)]
pub struct RestoreMember {
    /// Who wants it.
    pub by: Standing,
    /// Whose.
    pub membership: MembershipId,
    /// What a policy that is on asks for and the member lacks.
    pub forbidden: Option<&'static str>,
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
        Ok(())
    }
}
