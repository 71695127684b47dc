//! An organization as it was at a moment: who was in it, what they might do, and which items there were.
//!
//! Folded from the events up to then and from nothing else. What follows from it is asked of [`super::access`], as now.

use super::{
    access::Standing,
    collection::{Collection, LiveCollection},
    grant::{Grant, GrantEvent, Grantee, Rights},
    group::{Group, GroupPlace, GroupPlaceEvent},
    membership::{LiveMembership, Membership},
    policy::{Policy, PolicyEvent},
    profile::{CollectionSettings, Organization, OrganizationEvent},
    role::Role,
};
use crate::{
    event::{Aggregate, DecodeError, DomainEvent, StoredEvent},
    id::{CipherId, CollectionId, GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    vault::cipher::{Cipher, CipherEvent},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// The categories of streams that say what an organization is.
pub const CATEGORIES: [&str; 8] = [
    Organization::CATEGORY,
    Membership::CATEGORY,
    Collection::CATEGORY,
    Grant::CATEGORY,
    Group::CATEGORY,
    GroupPlace::CATEGORY,
    Policy::CATEGORY,
    Cipher::CATEGORY,
];

/// Whose an item was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A person's.
    Person(UserId),
    /// An organization's.
    Organization(OrganizationId),
}

/// An item of the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The collections it was put in; some may be gone.
    collections: Vec<CollectionId>,
    /// Whether it is in the trash.
    pub trashed: bool,
}

/// How somebody can read an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// By rights of their own in a collection.
    Collection(CollectionId, Rights),
    /// By the rights of a group in a collection.
    Group(GroupId, CollectionId, Rights),
    /// As somebody who looks after all items.
    Administration,
    /// As somebody who may hand out all items.
    Export,
}

/// Somebody who can read an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// By which membership.
    pub membership: MembershipId,
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// All ways they can.
    pub through: Vec<Through>,
}

/// An organization at a moment. Events of one stream are to be taken in their order; streams may come in any.
#[derive(Debug)]
pub struct Moment {
    organization: OrganizationId,
    /// `None`: it was not there.
    settings: Option<CollectionSettings>,
    members: BTreeMap<MembershipId, Membership>,
    collections: BTreeMap<CollectionId, Collection>,
    groups: BTreeMap<GroupId, Group>,
    grants: BTreeMap<Uuid, (CollectionId, Grantee, Rights)>,
    places: BTreeMap<Uuid, (GroupId, MembershipId)>,
    policies: BTreeMap<PolicyId, (u8, bool)>,
    items: BTreeMap<CipherId, Item>,
}

fn decode<A: Aggregate>(stored: &StoredEvent) -> Result<A::Event, DecodeError> {
    A::Event::decode(&stored.type_name, stored.schema, &stored.data)
}

fn evolve<A: Aggregate, K: Ord>(known: &mut BTreeMap<K, A>, id: K, stored: &StoredEvent) -> Result<(), DecodeError> {
    let event = decode::<A>(stored)?;
    let state = known.entry(id).or_default();
    *state = std::mem::take(state).evolve(&event);
    Ok(())
}

/// What was given to a member in a collection holds there, whatever their groups have.
fn hold_to_own(ways: &mut Vec<Through>) {
    let own: BTreeSet<CollectionId> = ways
        .iter()
        .filter_map(|way| match way {
            Through::Collection(id, _) => Some(*id),
            Through::Group(..) | Through::Administration | Through::Export => None,
        })
        .collect();
    ways.retain(|way| !matches!(way, Through::Group(_, id, _) if own.contains(id)));
}

impl Moment {
    /// Before anything happened.
    pub fn new(organization: OrganizationId) -> Self {
        Self {
            organization,
            settings: None,
            members: BTreeMap::new(),
            collections: BTreeMap::new(),
            groups: BTreeMap::new(),
            grants: BTreeMap::new(),
            places: BTreeMap::new(),
            policies: BTreeMap::new(),
            items: BTreeMap::new(),
        }
    }

    /// Takes the next event of a stream, personal data opened or not. Those of other categories say nothing here.
    ///
    /// # Errors
    /// [`DecodeError`] if it cannot be read.
    pub fn take(&mut self, stored: &StoredEvent) -> Result<(), DecodeError> {
        let id = stored.stream.id;
        match &*stored.stream.category {
            Organization::CATEGORY if id == self.organization.0 => {
                self.profile(&decode::<Organization>(stored)?);
            }
            Membership::CATEGORY => evolve(&mut self.members, MembershipId(id), stored)?,
            Collection::CATEGORY => evolve(&mut self.collections, CollectionId(id), stored)?,
            Group::CATEGORY => evolve(&mut self.groups, GroupId(id), stored)?,
            Grant::CATEGORY => match decode::<Grant>(stored)? {
                GrantEvent::Granted {
                    organization,
                    collection,
                    to,
                    rights,
                    at: _,
                } if organization == self.organization => {
                    self.grants.insert(id, (collection, to, rights));
                }
                GrantEvent::Granted { .. } | GrantEvent::Withdrawn { .. } => {
                    self.grants.remove(&id);
                }
            },
            GroupPlace::CATEGORY => match decode::<GroupPlace>(stored)? {
                GroupPlaceEvent::Added {
                    organization,
                    group,
                    member,
                    at: _,
                } if organization == self.organization => {
                    self.places.insert(id, (group, member));
                }
                GroupPlaceEvent::Added { .. } | GroupPlaceEvent::Removed { .. } => {
                    self.places.remove(&id);
                }
            },
            Policy::CATEGORY => {
                let PolicyEvent::Set { kind, enabled, .. } = decode::<Policy>(stored)?;
                self.policies.insert(PolicyId(id), (kind, enabled));
            }
            Cipher::CATEGORY => self.item(CipherId(id), decode::<Cipher>(stored)?),
            _ => {}
        }
        Ok(())
    }

    fn profile(&mut self, event: &OrganizationEvent) {
        match event {
            OrganizationEvent::Created { settings, .. }
            | OrganizationEvent::CollectionSettingsChanged { settings, .. } => self.settings = Some(*settings),
            OrganizationEvent::Deleted { .. } => self.settings = None,
            OrganizationEvent::DetailsChanged { .. }
            | OrganizationEvent::IdentifierChanged { .. }
            | OrganizationEvent::KeysSet { .. }
            | OrganizationEvent::ApiKeySet { .. }
            | OrganizationEvent::OwnerAdded { .. }
            | OrganizationEvent::OwnerRemoved { .. }
            | OrganizationEvent::DomainAdded { .. }
            | OrganizationEvent::DomainVerified { .. }
            | OrganizationEvent::DomainNotVerified { .. }
            | OrganizationEvent::DomainRemoved { .. }
            | OrganizationEvent::LinkCreated { .. }
            | OrganizationEvent::LinkRefreshed { .. }
            | OrganizationEvent::LinkDomainsChanged { .. }
            | OrganizationEvent::LinkConfirmationSet { .. }
            | OrganizationEvent::LinkDeleted { .. }
            | OrganizationEvent::Exported { .. }
            // each item that went is told by its own event
            | OrganizationEvent::VaultPurged { .. } => {}
        }
    }

    fn item(&mut self, id: CipherId, event: CipherEvent) {
        use CipherEvent as E;
        match event {
            E::Created {
                organization: Some(organization),
                collections,
                ..
            }
            | E::Shared {
                organization,
                collections,
                ..
            } if organization == self.organization => {
                let item = Item {
                    collections,
                    trashed: false,
                };
                self.items.insert(id, item);
            }
            E::CollectionsChanged { collections, .. } => {
                if let Some(item) = self.items.get_mut(&id) {
                    item.collections = collections;
                }
            }
            E::Trashed { .. } | E::Restored { .. } => {
                if let Some(item) = self.items.get_mut(&id) {
                    item.trashed = matches!(event, E::Trashed { .. });
                }
            }
            E::Deleted { .. } => {
                self.items.remove(&id);
            }
            E::Created { .. }
            | E::Shared { .. }
            | E::Updated { .. }
            | E::Filed { .. }
            | E::Archived { .. }
            | E::Unarchived { .. } => {}
        }
    }

    /// Which organization.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Its rules about collections; `None` if it was not there.
    pub fn settings(&self) -> Option<CollectionSettings> {
        self.settings
    }

    /// What only is where the organization is.
    fn there<T>(&self, all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let most = if self.settings.is_some() { usize::MAX } else { 0 };
        all.take(most)
    }

    /// The memberships there were, in any state.
    pub fn members(&self) -> impl Iterator<Item = (MembershipId, &LiveMembership)> {
        self.there(
            self.members
                .iter()
                .filter_map(|(id, member)| Some((*id, member.within(self.organization)?))),
        )
    }

    /// The collections there were.
    pub fn collections(&self) -> impl Iterator<Item = (CollectionId, &LiveCollection)> {
        self.there(
            self.collections
                .iter()
                .filter_map(|(id, collection)| Some((*id, collection.within(self.organization)?))),
        )
    }

    /// The groups there were.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        let groups = self.groups.iter();
        self.there(groups.filter(|(_, group)| group.within(self.organization).is_some()))
            .map(|(id, _)| *id)
    }

    /// Who was in which group: memberships and groups that there were.
    pub fn places(&self) -> BTreeMap<GroupId, Vec<MembershipId>> {
        let mut places: BTreeMap<GroupId, Vec<MembershipId>> = BTreeMap::new();
        for (group, member) in self.places.values() {
            if self.has_group(*group) && self.member(*member).is_some() {
                places.entry(*group).or_default().push(*member);
            }
        }
        places
    }

    /// Who had which rights in which collection: members and groups that there were.
    pub fn grants(&self) -> BTreeMap<CollectionId, Vec<(Grantee, Rights)>> {
        let mut grants: BTreeMap<CollectionId, Vec<(Grantee, Rights)>> = BTreeMap::new();
        for (collection, to, rights) in self.grants.values() {
            let there = match to {
                Grantee::Member(member) => self.member(*member).is_some(),
                Grantee::Group(group) => self.has_group(*group),
            };
            if there {
                grants.entry(*collection).or_default().push((*to, *rights));
            }
        }
        grants
    }

    fn has_group(&self, id: GroupId) -> bool {
        self.groups
            .get(&id)
            .is_some_and(|group| group.within(self.organization).is_some())
    }

    /// Kinds of policies that were ever set, and whether each was on.
    pub fn policies(&self) -> impl Iterator<Item = (u8, bool)> {
        self.there(self.policies.values().copied())
    }

    /// The items there were.
    pub fn items(&self) -> impl Iterator<Item = (CipherId, &Item)> {
        self.there(self.items.iter().map(|(id, item)| (*id, item)))
    }

    /// The collections an item was in, of those there were.
    pub fn collections_of(&self, item: &Item) -> Vec<CollectionId> {
        let there = |id: &CollectionId| {
            let collection = self.collections.get(id);
            collection.is_some_and(|collection| collection.within(self.organization).is_some())
        };
        item.collections.iter().copied().filter(there).collect()
    }

    fn member(&self, id: MembershipId) -> Option<&LiveMembership> {
        self.members.get(&id)?.within(self.organization)
    }

    /// What members had in the collections of an item, by themselves and by their groups.
    fn ways(&self, collections: &[CollectionId]) -> HashMap<MembershipId, Vec<Through>> {
        let (grants, places) = (self.grants(), self.places());
        let mut ways: HashMap<MembershipId, Vec<Through>> = HashMap::new();
        for collection in collections {
            for (to, rights) in grants.get(collection).into_iter().flatten() {
                match to {
                    Grantee::Member(member) => {
                        let way = Through::Collection(*collection, *rights);
                        ways.entry(*member).or_default().push(way);
                    }
                    Grantee::Group(group) => {
                        for member in places.get(group).into_iter().flatten() {
                            let way = Through::Group(*group, *collection, *rights);
                            ways.entry(*member).or_default().push(way);
                        }
                    }
                }
            }
        }
        ways
    }

    /// Who could read an item, and through what. Nobody, if it was not there.
    pub fn readers(&self, item: CipherId) -> Vec<Reader> {
        let Some((_, item)) = self.items().find(|(id, _)| *id == item) else {
            return Vec::new();
        };
        let Some(settings) = self.settings else {
            return Vec::new();
        };
        let collections = self.collections_of(item);
        let mut ways = self.ways(&collections);
        let mut readers = Vec::new();
        for (membership, member) in self.members() {
            let (true, Some(user)) = (member.is_active(), member.user) else {
                continue;
            };
            let mut through = ways.remove(&membership).unwrap_or_default();
            hold_to_own(&mut through);
            let mut rights: HashMap<CollectionId, Rights> = HashMap::new();
            for way in &through {
                if let Through::Collection(id, found) | Through::Group(_, id, found) = way {
                    rights
                        .entry(*id)
                        .and_modify(|known| *known = known.or(*found))
                        .or_insert(*found);
                }
            }
            let standing = Standing {
                user,
                organization: self.organization,
                membership,
                role: member.role,
                settings,
                rights,
                unmanaged: HashSet::new(),
            };
            // what the role gives by itself, whatever collections give
            let by_role = Standing {
                rights: HashMap::new(),
                ..standing.clone()
            };
            if !standing.over_item(&collections).read {
                through.clear();
            }
            if by_role.over_item_as_admin(&collections).read {
                through.push(Through::Administration);
            } else if by_role.may_read_all_items() {
                through.push(Through::Export);
            }
            if !through.is_empty() {
                readers.push(Reader {
                    membership,
                    user,
                    role: member.role,
                    through,
                });
            }
        }
        readers
    }
}
