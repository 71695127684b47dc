//! Commands about members, from the invitation to the day somebody leaves.

mod accept;
mod change;
mod confirm;
mod delete_account;
mod end;
pub mod invitation;
mod invite;
mod join_by_link;
pub(super) mod own;
mod recovery;
mod regenerate_keys;
mod remain;
mod revoke;

pub use accept::AcceptInvitation;
pub use change::{Access, ChangeMember, Present};
pub use confirm::ConfirmMember;
pub use delete_account::DeleteClaimedAccount;
pub use end::EndMembership;
pub use invite::{Invitation, InviteAgain, InviteMembers};
pub use join_by_link::{JoinByLink, LinkKey};
pub use own::GiveOwnCollections;
pub use recovery::{EnrolInRecovery, RecoverAccount};
pub use regenerate_keys::RegenerateMemberKeys;
pub use remain::OwnersRemain;
pub use revoke::{RestoreMember, RevokeMember, RevokeOneself};

use super::{OrganizationError, Stop, must, refuse};
use crate::execute::{Loaded, Unit};
use domain::{
    id::{MembershipId, OrganizationId, PlaceId},
    organization::{
        access::Standing,
        membership::{LiveMembership, Membership},
        place::{Place, PlaceEvent},
        profile::{LiveOrganization, Organization, OrganizationEvent},
        role::Role,
    },
};

/// How long an invitation is good.
pub const INVITATION_DAYS: i64 = 5;

/// A membership of the organization, loaded, and what it is.
async fn load(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    id: MembershipId,
) -> Result<(Loaded<Membership>, LiveMembership), Stop> {
    let loaded = unit.load::<Membership>(id).await?;
    match loaded.state.within(organization) {
        Some(live) => {
            let live = live.clone();
            Ok((loaded, live))
        }
        None => refuse(OrganizationError::NotFound),
    }
}

/// That `by` may act on a member who is `present`, making them `wanted`.
fn check_appointment(by: &Standing, present: Option<Role>, wanted: Option<Role>) -> Result<(), Stop> {
    must(by.may_manage_users(), OrganizationError::Forbidden)?;
    let allowed = by.may_appoint(present, wanted);
    let owner = [present, wanted].contains(&Some(Role::Owner));
    must(
        allowed,
        OrganizationError::AboveOneself(if owner {
            "Only an Owner can configure another Owner's account."
        } else {
            "You do not have permission to give or change this role."
        }),
    )
}

/// Whether a place can be taken: nobody's, or that of a membership that is over. A store that appends to one stream at a time may
/// have let it end while somebody accepted it.
async fn is_free(unit: &mut Unit<'_>, place: Place) -> Result<bool, Stop> {
    match place {
        Place::Free => Ok(true),
        Place::Taken(by) => Ok(unit.load::<Membership>(by).await?.state == Membership::Ended),
    }
}

/// Frees what a membership which ends still has, behind what ended it: its places, and what held its own items.
async fn free(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    membership: MembershipId,
    live: &LiveMembership,
) -> Result<(), Stop> {
    let by_user = live.user.map(|user| PlaceId::of_user(organization, user));
    let by_address = live.address.map(|address| PlaceId::of_address(organization, address));
    for place in by_user.into_iter().chain(by_address) {
        let place = unit.load::<Place>(place).await?;
        if place.state == Place::Taken(membership) {
            let at = unit.now_for(&place);
            unit.follow(place, vec![PlaceEvent::Freed { at }]);
        }
    }
    own::release_own_collection(unit, membership, live).await
}

/// Whether somebody listed as an owner, who is not `membership`, is one. A store that appends to one stream at a time may list who
/// went, or lost the role, before they were on the list.
async fn has_other_owner(
    unit: &mut Unit<'_>,
    organization: &LiveOrganization,
    membership: MembershipId,
) -> Result<bool, Stop> {
    for other in organization.owners.iter().filter(|other| **other != membership) {
        let other = unit.load::<Membership>(*other).await?.state;
        if other
            .live()
            .is_some_and(|live| live.role == Role::Owner && live.is_active())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the organization's list of owners in step with a membership that is an owner from now on, or no longer. To be called
/// behind the change of a membership that becomes one, and before that of one that ceases to be. Refuses
/// to leave it without one: the list is changed at the revision it was read at, so that two owners who go at the same
/// moment cannot both.
async fn keep_owners(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    membership: MembershipId,
    owner: bool,
) -> Result<(), Stop> {
    let loaded = unit.load::<Organization>(organization).await?;
    let Some(live) = loaded.state.live() else {
        return refuse(OrganizationError::NotFound);
    };
    let listed = live.owners.contains(&membership);
    if listed == owner {
        return Ok(());
    }
    let left = owner || has_other_owner(unit, live, membership).await?;
    must(left, OrganizationError::LastOwner)?;
    let at = unit.now_for(&loaded);
    if owner {
        unit.follow(loaded, vec![OrganizationEvent::OwnerAdded { membership, at }]);
    } else {
        unit.append(loaded, vec![OrganizationEvent::OwnerRemoved { membership, at }]);
    }
    Ok(())
}
