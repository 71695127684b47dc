//! Collections for items that members would keep for themselves, where a policy makes those the organization's ("My items").

use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop},
};
use domain::{
    crypto::EncString,
    id::{CollectionId, GrantId, MembershipId, OrganizationId, PolicyId},
    organization::{
        collection::{Collection, CollectionEvent},
        grant::{Grant, GrantEvent, Grantee, Rights},
        membership::{LiveMembership, Membership, Stage},
        policy::{Enforced, Policy},
        role::Role,
    },
};

/// A member gets a collection for their own items, where there is to be one and they have none. Owners and admins are not bound by
/// the policy that asks for it.
pub(in crate::organization) async fn give_own_collection(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    (member, role): (MembershipId, Role),
    name: Option<&EncString>,
) -> Result<(), Stop> {
    let Some(name) = name.filter(|_| !role.is_admin()) else {
        return Ok(());
    };
    let loaded = unit.load::<Collection>(CollectionId::own_of(member)).await?;
    let collection = loaded.id;
    let at = unit.now_for(&loaded);
    if loaded.state == Collection::Absent {
        let created = CollectionEvent::Created {
            organization,
            name: name.clone(),
            external_id: None,
            default_of: Some(member),
            at,
        };
        unit.follow(loaded, vec![created]);
    }
    let to = Grantee::Member(member);
    let loaded = unit.load::<Grant>(GrantId::of(collection, to.id())).await?;
    if loaded.state.0 != Some(Rights::MANAGE) {
        let granted = GrantEvent::Granted {
            organization,
            collection,
            to,
            rights: Rights::MANAGE,
            at: at.max(unit.now_for(&loaded)),
        };
        unit.follow(loaded, vec![granted]);
    }
    Ok(())
}

/// What held the own items of a membership that ends is a collection like others from now on: those who look after all of them take it
/// over.
pub(super) async fn release_own_collection(
    unit: &mut Unit<'_>,
    membership: MembershipId,
    live: &LiveMembership,
) -> Result<(), Stop> {
    let loaded = unit.load::<Collection>(CollectionId::own_of(membership)).await?;
    let own = matches!(&loaded.state, Collection::Live(collection) if collection.default_of == Some(membership));
    if own {
        let released = CollectionEvent::Released {
            formerly_of: live.user,
            at: unit.now_for(&loaded),
        };
        unit.follow(loaded, vec![released]);
    }
    Ok(())
}

/// Gives members who are bound by the policy that asks for them collections for their own items, as far as they have none.
#[derive(Debug, Clone)]
pub struct GiveOwnCollections {
    /// In which organization.
    pub organization: OrganizationId,
    /// To whom, if they are bound.
    pub members: Vec<MembershipId>,
    /// What each is called, sealed.
    pub name: EncString,
}

impl Transaction for GiveOwnCollections {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let policy = PolicyId::of(self.organization, Enforced::OrganizationDataOwnership as u8);
        if unit.load::<Policy>(policy).await?.state.enabled {
            give_to_bound(unit, self.organization, &self.members, &self.name).await?;
        }
        Ok(())
    }
}

/// Gives one to each of `members` who is confirmed, not suspended, and bound.
pub(in crate::organization) async fn give_to_bound(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    members: &[MembershipId],
    name: &EncString,
) -> Result<(), Stop> {
    for loaded in unit.load_many::<Membership>(members).await? {
        let bound = loaded
            .state
            .within(organization)
            .filter(|live| live.stage == Stage::Confirmed && !live.revoked);
        if let Some(role) = bound.map(|live| live.role) {
            give_own_collection(unit, organization, (loaded.id, role), Some(name)).await?;
        }
    }
    Ok(())
}
