use super::{check_appointment, keep_owners, load, own::give_own_collection};
use crate::{
    execute::{Loaded, Transaction, Unit},
    organization::{OrganizationError, Stop, check_references, must},
};
use domain::{
    crypto::EncString,
    id::{CollectionId, GrantId, GroupId, GroupPlaceId, MembershipId},
    organization::{
        access::Standing,
        collection::Collection,
        grant::{Grant, GrantEvent, Grantee, Rights},
        group::{GroupPlace, GroupPlaceEvent},
        membership::{MembershipEvent, Stage},
        role::Role,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// What a member has, or shall have.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Rights of the member's own in collections.
    pub collections: BTreeMap<CollectionId, Rights>,
    /// Groups the member is in.
    pub groups: BTreeSet<GroupId>,
}

/// What the read models say a member has; each of it is looked at again before it is changed.
pub type Present = Access;

/// Changes a member's role and permissions, and what they have; `None` of a part leaves it as it is.
#[derive(Debug, Clone)]
pub struct ChangeMember {
    /// Who wants it.
    pub by: Standing,
    /// Who.
    pub membership: MembershipId,
    /// The role from now on.
    pub role: Option<Role>,
    /// Whether they may use Secrets Manager from now on.
    pub secrets_manager: Option<bool>,
    /// What a directory calls them from now on.
    pub external_id: Option<Option<String>>,
    /// What a policy that is on asks for and the member lacks: told where they would be bound by it from now on.
    pub forbidden: Option<&'static str>,
    /// What a collection for the member's own items is to be called, where a policy asks for one.
    pub own_collection: Option<EncString>,
    /// What the member has.
    pub present: Present,
    /// Rights in collections from now on.
    pub collections: Option<BTreeMap<CollectionId, Rights>>,
    /// Groups from now on.
    pub groups: Option<BTreeSet<GroupId>>,
}

impl Transaction for ChangeMember {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        let (loaded, live) = load(unit, organization, self.membership).await?;
        check_appointment(&self.by, Some(live.role), self.role)?;
        let role = self.role.unwrap_or(live.role);
        let secrets_manager = self.secrets_manager.unwrap_or(live.secrets_manager);
        let own = live.user == Some(self.by.user);
        // whoever stands above collections does so by role; nobody gives themselves rights in one
        let gains = |wanted: &BTreeMap<CollectionId, Rights>| {
            wanted
                .iter()
                .any(|(id, rights)| self.present.collections.get(id) != Some(rights))
        };
        if own && self.collections.as_ref().is_some_and(gains) {
            must(
                self.by.role.is_admin() && self.by.settings.allow_admin_access_to_all_collection_items,
                OrganizationError::Oneself("You cannot add yourself to collections."),
            )?;
        }
        let above = self.by.role.is_admin() && self.by.settings.allow_admin_access_to_all_collection_items;
        if own && !above {
            let wanted: Vec<_> = self.groups.iter().flatten().collect();
            let places: Vec<_> = wanted
                .iter()
                .map(|id| GroupPlaceId::of(**id, self.membership))
                .collect();
            let places = unit.load_many::<GroupPlace>(&places).await?;
            must(
                places.iter().all(|place| place.state.0),
                OrganizationError::Oneself("You cannot add yourself to groups."),
            )?;
        }
        let named: Vec<_> = self.collections.iter().flatten().map(|(id, _)| *id).collect();
        let groups: Vec<_> = self.groups.iter().flatten().copied().collect();
        check_references(unit, organization, &named, &groups).await?;
        let bound_now = live.role.is_admin() && !role.is_admin() && live.stage == Stage::Confirmed;
        if let Some(policy) = self.forbidden.filter(|_| bound_now) {
            must(false, OrganizationError::Policy(policy))?;
        }
        let grants = match &self.collections {
            // by what somebody was given their groups do not count: nobody takes it from themselves
            Some(wanted) => self.granting(unit, wanted, own && !above).await?,
            None => vec![],
        };
        let places = match &self.groups {
            Some(wanted) => self.placing(unit, wanted).await?,
            None => vec![],
        };
        let listed = live.stage == Stage::Confirmed && !live.revoked;
        let (mut events, mut owner) = (Vec::new(), false);
        let mut at = unit.now_for(&loaded);
        if let Some(external_id) = self.external_id.clone().filter(|wanted| *wanted != live.external_id) {
            events.push(MembershipEvent::ExternalIdChanged { external_id, at });
            at = at.next(at);
        }
        // told even where only what they have access to changed: whoever reads the log looks for the member
        let elsewhere = !grants.is_empty() || !places.is_empty();
        if (live.role, live.secrets_manager) != (role, secrets_manager) || elsewhere {
            owner = listed && role == Role::Owner;
            if listed && !owner {
                keep_owners(unit, organization, self.membership, false).await?;
            }
            events.push(MembershipEvent::RoleChanged {
                role,
                secrets_manager,
                at,
            });
        }
        unit.append(loaded, events);
        if owner {
            keep_owners(unit, organization, self.membership, true).await?;
        }
        for (grant, event) in grants {
            unit.append(grant, vec![event]);
        }
        for (place, event) in places {
            unit.append(place, vec![event]);
        }
        let own = self.own_collection.as_ref().filter(|_| bound_now && !live.revoked);
        give_own_collection(unit, organization, (self.membership, role), own).await
    }
}

impl ChangeMember {
    async fn granting(
        &self,
        unit: &mut Unit<'_>,
        wanted: &BTreeMap<CollectionId, Rights>,
        keeps: bool,
    ) -> Result<Vec<(Loaded<Grant>, GrantEvent)>, Stop> {
        let mut found = Vec::new();
        let to = Grantee::Member(self.membership);
        let all: BTreeSet<_> = self.present.collections.keys().chain(wanted.keys()).copied().collect();
        let ids: Vec<_> = all.iter().map(|id| GrantId::of(*id, to.id())).collect();
        let there: Vec<_> = all.iter().copied().collect();
        let there = unit.load_many::<Collection>(&there).await?;
        let grants = unit.load_many::<Grant>(&ids).await?;
        for ((collection, grant), there) in all.iter().zip(grants).zip(there) {
            // what a member's own items lie in is nobody's to give or take
            let own = there
                .state
                .within(self.by.organization)
                .is_some_and(|c| c.default_of.is_some());
            if own && !wanted.contains_key(collection) {
                continue;
            }
            // clients name what whoever asks may give; what they may not stays as it is
            let may = self.by.may_grant_to_members(*collection);
            match wanted.get(collection) {
                None if !may || keeps => continue,
                wanted if grant.state.0 != wanted.copied() => must(may, OrganizationError::Forbidden)?,
                _ => {}
            }
            let at = unit.now_for(&grant);
            let event = match (grant.state.0, wanted.get(collection)) {
                (Some(_), None) => GrantEvent::Withdrawn {
                    collection: Some(*collection),
                    to: Some(to),
                    at,
                },
                (present, Some(rights)) if present != Some(*rights) => GrantEvent::Granted {
                    organization: self.by.organization,
                    collection: *collection,
                    to,
                    rights: *rights,
                    at,
                },
                _ => continue,
            };
            found.push((grant, event));
        }
        Ok(found)
    }

    async fn placing(
        &self,
        unit: &mut Unit<'_>,
        wanted: &BTreeSet<GroupId>,
    ) -> Result<Vec<(Loaded<GroupPlace>, GroupPlaceEvent)>, Stop> {
        let mut found = Vec::new();
        let all: Vec<_> = self.present.groups.union(wanted).copied().collect();
        let ids: Vec<_> = all.iter().map(|id| GroupPlaceId::of(*id, self.membership)).collect();
        for (group, place) in all.iter().zip(unit.load_many::<GroupPlace>(&ids).await?) {
            let at = unit.now_for(&place);
            let event = match (place.state.0, wanted.contains(group)) {
                (false, true) => GroupPlaceEvent::Added {
                    organization: self.by.organization,
                    group: *group,
                    member: self.membership,
                    at,
                },
                (true, false) => GroupPlaceEvent::Removed {
                    group: Some(*group),
                    member: Some(self.membership),
                    at,
                },
                _ => continue,
            };
            found.push((place, event));
        }
        Ok(found)
    }
}
