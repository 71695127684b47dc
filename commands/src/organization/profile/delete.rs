use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, claim::release, must, refuse},
};
use domain::{
    id::{MembershipId, PlaceId},
    organization::{
        access::Standing,
        membership::{Ending, Membership, MembershipEvent},
        place::{Place, PlaceEvent},
        profile::{Organization, OrganizationEvent},
    },
};

/// Deletes an organization with all that is in it. Memberships end; collections, groups and items go with it, told by this
/// one event.
#[derive(Debug, Clone)]
pub struct DeleteOrganization {
    /// Who wants it.
    pub by: Standing,
    /// Its memberships.
    pub memberships: Vec<MembershipId>,
}

impl Transaction for DeleteOrganization {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        let loaded = unit.load::<Organization>(organization).await?;
        let Some(live) = loaded.state.live() else {
            return refuse(OrganizationError::NotFound);
        };
        let claims: Vec<_> = live.domains.values().cloned().collect();
        must(self.by.is_owner(), OrganizationError::Forbidden)?;
        // memberships end before the organization does: so each of them is known when the read models hear of it
        let (mut places, mut begun) = (Vec::new(), false);
        for membership in unit.load_many::<Membership>(&self.memberships).await? {
            let Some(live) = membership.state.within(organization) else {
                continue;
            };
            places.extend(live.user.map(|user| PlaceId::of_user(organization, user)));
            places.extend(live.address.map(|address| PlaceId::of_address(organization, address)));
            let how = Ending::OrganizationDeleted;
            let at = unit.now_for(&membership);
            let ended = vec![MembershipEvent::Ended {
                how,
                user: live.user,
                at,
            }];
            // the first one decides, and the rest follows from it
            if std::mem::replace(&mut begun, true) {
                unit.follow(membership, ended);
            } else {
                unit.append(membership, ended);
            }
        }
        for place in unit.load_many::<Place>(&places).await? {
            if place.state != Place::Free {
                let at = unit.now_for(&place);
                unit.follow(place, vec![PlaceEvent::Freed { at }]);
            }
        }
        let at = unit.now_for(&loaded);
        let deleted = vec![OrganizationEvent::Deleted { at }];
        if begun {
            unit.follow(loaded, deleted);
        } else {
            unit.append(loaded, deleted);
        }
        release(unit, organization, &claims).await
    }
}
