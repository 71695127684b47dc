//! Commands about groups: who is in them, and what they have rights in.

mod create;
mod delete;
mod leave;
mod update;

pub use create::CreateGroup;
pub use delete::DeleteGroup;
pub use leave::LeaveGroup;
pub use update::{SetGroupMembers, UpdateGroup};

use super::{OrganizationError, Stop, all_within, must, shareable};
use crate::execute::Unit;
use domain::{
    id::{CollectionId, GrantId, GroupId, GroupPlaceId, MembershipId},
    organization::{
        access::Standing,
        collection::Collection,
        grant::{Grant, GrantEvent, Grantee, Rights},
        group::{GroupPlace, GroupPlaceEvent},
        membership::Membership,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// What a group consists of.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// What it has rights in.
    pub collections: BTreeMap<CollectionId, Rights>,
    /// Who is in it.
    pub members: BTreeSet<MembershipId>,
}

/// Makes the rights of a group what is wanted; each that changes must be `by`'s to give and take, and raises nobody who is in the group
/// and gives it.
async fn set_rights(
    unit: &mut Unit<'_>,
    by: &Standing,
    group: GroupId,
    present: &Contents,
    wanted: &BTreeMap<CollectionId, Rights>,
) -> Result<(), Stop> {
    let named: Vec<_> = wanted.keys().copied().collect();
    let organization = by.organization;
    let found = all_within::<Collection>(unit, &named, |c| shareable(c, organization)).await?;
    must(
        found,
        OrganizationError::NoSuchReference("One or more collections are invalid."),
    )?;
    let to = Grantee::Group(group);
    // who looks after groups gives nothing to themselves by one they are in
    let place = GroupPlaceId::of(group, by.membership);
    let within = unit.load::<GroupPlace>(place).await?.state.0;
    let all: BTreeSet<_> = present.collections.keys().chain(wanted.keys()).copied().collect();
    let ids: Vec<_> = all.iter().map(|id| GrantId::of(*id, to.id())).collect();
    for (collection, grant) in all.into_iter().zip(unit.load_many::<Grant>(&ids).await?) {
        // clients name what whoever asks may give; what they may not stays as it is
        let may = by.may_grant_to_groups(collection);
        match wanted.get(&collection) {
            None if !may => continue,
            wanted if grant.state.0 != wanted.copied() => must(may, OrganizationError::Forbidden)?,
            _ => {}
        }
        if let Some(rights) = wanted.get(&collection).filter(|rights| grant.state.0 != Some(**rights)) {
            let raises = || match by.assigned(collection) {
                None => true,
                Some(present) => present.or(*rights) != present,
            };
            must(
                !within || by.may_manage(collection) || !raises(),
                OrganizationError::Oneself("You cannot add yourself to a collection."),
            )?;
        }
        let at = unit.now_for(&grant);
        let event = match (grant.state.0, wanted.get(&collection)) {
            (Some(_), None) => GrantEvent::Withdrawn {
                collection: Some(collection),
                to: Some(to),
                at,
            },
            (present, Some(rights)) if present != Some(*rights) => GrantEvent::Granted {
                organization,
                collection,
                to,
                rights: *rights,
                at,
            },
            _ => continue,
        };
        unit.append(grant, vec![event]);
    }
    Ok(())
}

/// Makes the members of a group who is wanted. Nobody puts themselves into one where admins do not stand above collections: it would
/// raise them there.
async fn set_members(
    unit: &mut Unit<'_>,
    by: &Standing,
    group: GroupId,
    present: &Contents,
    wanted: &BTreeSet<MembershipId>,
) -> Result<(), Stop> {
    let organization = by.organization;
    let above = by.role.is_admin() && by.settings.allow_admin_access_to_all_collection_items;
    let named: Vec<_> = wanted.iter().copied().collect();
    let found = all_within::<Membership>(unit, &named, |m| m.within(organization).is_some()).await?;
    must(
        found,
        OrganizationError::NoSuchReference("One or more members are invalid."),
    )?;
    let all: Vec<_> = present.members.union(wanted).copied().collect();
    let ids: Vec<_> = all.iter().map(|member| GroupPlaceId::of(group, *member)).collect();
    for (member, place) in all.into_iter().zip(unit.load_many::<GroupPlace>(&ids).await?) {
        let at = unit.now_for(&place);
        let event = match (place.state.0, wanted.contains(&member)) {
            (false, true) => {
                must(
                    above || member != by.membership,
                    OrganizationError::Oneself("You cannot add yourself to groups."),
                )?;
                GroupPlaceEvent::Added {
                    organization,
                    group,
                    member,
                    at,
                }
            }
            (true, false) => GroupPlaceEvent::Removed {
                group: Some(group),
                member: Some(member),
                at,
            },
            _ => continue,
        };
        unit.append(place, vec![event]);
    }
    Ok(())
}
