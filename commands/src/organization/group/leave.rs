use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    id::{GroupId, GroupPlaceId, MembershipId},
    organization::{
        access::Standing,
        group::{Group, GroupPlace, GroupPlaceEvent},
        membership::Membership,
    },
};

/// Takes one member out of a group.
#[derive(Debug, Clone)]
pub struct LeaveGroup {
    /// Who wants it.
    pub by: Standing,
    /// Which group.
    pub group: GroupId,
    /// Whom.
    pub member: MembershipId,
}

impl Transaction for LeaveGroup {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        let group = unit.load::<Group>(self.group).await?.state;
        let member = unit.load::<Membership>(self.member).await?.state;
        if group.within(organization).is_none() || member.within(organization).is_none() {
            return refuse(OrganizationError::NotFound);
        }
        must(self.by.may_manage_groups(), OrganizationError::Forbidden)?;
        let place = unit
            .load::<GroupPlace>(GroupPlaceId::of(self.group, self.member))
            .await?;
        if place.state.0 {
            let at = unit.now_for(&place);
            unit.append(
                place,
                vec![GroupPlaceEvent::Removed {
                    group: Some(self.group),
                    member: Some(self.member),
                    at,
                }],
            );
        }
        Ok(())
    }
}
