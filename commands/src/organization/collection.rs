//! Commands about collections and who has rights in them.

mod access;
mod create;
mod delete;
mod update;

pub use access::GrantMany;
pub use create::CreateCollection;
pub use delete::DeleteCollection;
pub use update::UpdateCollection;

use super::Stop;
use crate::execute::Unit;
use domain::{
    id::{CollectionId, GrantId, OrganizationId},
    organization::{
        access::Standing,
        grant::{Grant, GrantEvent, Grantee, Rights},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Who has what in a collection.
pub type Grants = BTreeMap<Grantee, Rights>;

/// Makes the grants of a collection what is wanted: those of `present` that are not wanted go. Each is looked at again.
async fn set_grants(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    collection: CollectionId,
    present: impl Iterator<Item = Grantee>,
    wanted: &Grants,
) -> Result<(), Stop> {
    let all: BTreeSet<Grantee> = present.chain(wanted.keys().copied()).collect();
    let ids: Vec<_> = all.iter().map(|to| GrantId::of(collection, to.id())).collect();
    for (to, grant) in all.into_iter().zip(unit.load_many::<Grant>(&ids).await?) {
        let at = unit.now_for(&grant);
        let event = match (grant.state.0, wanted.get(&to)) {
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

/// Whether `by` gives themselves more than they have, by groups too, and stand above: who manages a collection may make themselves less
/// by it, not more. Who takes up one that nobody manages stands above it.
fn gives_oneself(by: &Standing, collection: CollectionId, wanted: &Grants) -> bool {
    let above = by.role.permissions().edit_any_collection
        || (by.role.is_admin() && by.settings.allow_admin_access_to_all_collection_items)
        || (by.may_take_up() && by.unmanaged.contains(&collection));
    let mine = wanted.get(&Grantee::Member(by.membership));
    !above
        && mine.is_some_and(|mine| {
            by.assigned(collection)
                .is_none_or(|present| present.or(*mine) != present)
        })
}

/// The members and groups named, apart.
fn apart(grants: &Grants) -> (Vec<domain::id::MembershipId>, Vec<domain::id::GroupId>) {
    let members = grants.keys().filter_map(|to| match to {
        Grantee::Member(id) => Some(*id),
        Grantee::Group(_) => None,
    });
    let groups = grants.keys().filter_map(|to| match to {
        Grantee::Group(id) => Some(*id),
        Grantee::Member(_) => None,
    });
    (members.collect(), groups.collect())
}

/// That every member and group named is there, in this organization.
async fn check_grantees(unit: &mut Unit<'_>, organization: OrganizationId, grants: &Grants) -> Result<(), Stop> {
    use super::{OrganizationError::NoSuchReference, all_within, must};
    use domain::organization::{group::Group, membership::Membership};
    let (members, groups) = apart(grants);
    let found = all_within::<Membership>(unit, &members, |m| m.within(organization).is_some()).await?;
    must(found, NoSuchReference("One or more members are invalid."))?;
    let found = all_within::<Group>(unit, &groups, |g| g.within(organization).is_some()).await?;
    must(found, NoSuchReference("One or more groups are invalid."))
}
