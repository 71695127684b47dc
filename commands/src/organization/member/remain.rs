use super::has_other_owner;
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    id::{MembershipId, OrganizationId},
    organization::profile::Organization,
};

/// Asks whether every one of some organizations still has an owner when these memberships end; changes nothing.
#[derive(Debug, Clone)]
pub struct OwnersRemain {
    /// Those that are to end, each in its organization.
    pub memberships: Vec<(OrganizationId, MembershipId)>,
}

impl Transaction for OwnersRemain {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        for (organization, membership) in &self.memberships {
            let loaded = unit.load::<Organization>(*organization).await?;
            if let Some(live) = loaded.state.live().filter(|live| live.owners.contains(membership)) {
                let left = has_other_owner(unit, live, *membership).await?;
                must(left, OrganizationError::LastOwner)?;
            }
        }
        Ok(())
    }
}
