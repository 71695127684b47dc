//! Commands about items of organizations. What somebody may do to one follows from where they stand, which is handed in: as
//! a member, only what collections give; or from where all items are looked after.

mod change;
mod create;
mod file;
mod import;
mod purge;
mod share;

pub use change::{ChangeManyShared, ChangeShared, Wish};
pub use create::CreateShared;
pub use file::{FileManyShared, FileShared};
pub use import::{ImportShared, ImportedCollection, ImportedItem};
pub use purge::PurgeShared;
pub use share::ShareCipher;

use super::cipher::CipherError;
use crate::execute::{ExecuteError, Unit};
use domain::{
    id::{CollectionId, OrganizationId},
    organization::{
        access::{ItemRights, Standing},
        collection::Collection,
        profile::Organization,
    },
    vault::cipher::LiveCipher,
};
use std::collections::{BTreeSet, HashSet};

/// Where somebody stands towards items of an organization.
#[derive(Debug, Clone)]
pub enum Side {
    /// Among the members: what collections give.
    Member(Standing),
    /// Where all items are looked after.
    Admin(Standing),
    /// Where an item is looked after if they look after it, else among the members.
    Either(Standing),
}

impl Side {
    /// Who and where.
    pub fn standing(&self) -> &Standing {
        match self {
            Self::Member(standing) | Self::Admin(standing) | Self::Either(standing) => standing,
        }
    }

    /// On which side somebody stands towards an item that is in `collections`, and stays while it is moved.
    fn towards(&self, collections: &[CollectionId]) -> Self {
        match self {
            Self::Either(standing) if standing.over_item_as_admin(collections).edit => Self::Admin(standing.clone()),
            Self::Either(standing) => Self::Member(standing.clone()),
            settled => settled.clone(),
        }
    }

    /// What may be done to an item; nothing if it is not of this organization.
    pub fn over(&self, cipher: &LiveCipher) -> ItemRights {
        if cipher.organization != Some(self.standing().organization) {
            return ItemRights::default();
        }
        self.over_in(&cipher.collections)
    }

    /// What may be done to an item of this organization that is in `collections`.
    pub fn over_in(&self, collections: &[CollectionId]) -> ItemRights {
        match self {
            Self::Member(standing) => standing.over_item(collections),
            Self::Admin(standing) => standing.over_item_as_admin(collections),
            Self::Either(_) => self.towards(collections).over_in(collections),
        }
    }
}

type Stop = ExecuteError<CipherError>;

/// That an organization is there. Its collections say nothing when it is deleted, and an item that goes there is nobody's.
async fn check_there(unit: &mut Unit<'_>, organization: OrganizationId) -> Result<(), Stop> {
    match unit.load::<Organization>(organization).await?.state.live() {
        Some(_) => Ok(()),
        None => refuse(CipherError::NotFound),
    }
}

fn refuse<T>(error: CipherError) -> Result<T, Stop> {
    Err(ExecuteError::Refused(error))
}

/// Collections, by what somebody may do with them.
struct Targets {
    /// Those that are there, and of the organization.
    there: HashSet<CollectionId>,
    /// Those of them that somebody may put items into, and take them out of.
    open: HashSet<CollectionId>,
    /// Those of them that hold a member's own items.
    own: HashSet<CollectionId>,
}

impl Targets {
    async fn load(unit: &mut Unit<'_>, by: &Standing, ids: BTreeSet<CollectionId>) -> Result<Self, Stop> {
        let ids: Vec<_> = ids.into_iter().collect();
        let (mut there, mut open, mut owns) = (HashSet::new(), HashSet::new(), HashSet::new());
        for loaded in unit.load_many::<Collection>(&ids).await? {
            let Some(collection) = loaded.state.within(by.organization) else {
                continue;
            };
            there.insert(loaded.id);
            if collection.default_of.is_some() {
                owns.insert(loaded.id);
            }
            // what is a member's own takes nobody else's items, and loses none to them
            let own = collection.default_of.is_none_or(|member| member == by.membership);
            if own && by.may_add_to(loaded.id) {
                open.insert(loaded.id);
            }
        }
        Ok(Self { there, open, own: owns })
    }

    fn there(&self, id: CollectionId) -> bool {
        self.there.contains(&id)
    }

    fn may_add_to(&self, id: CollectionId) -> bool {
        self.open.contains(&id)
    }
}

/// Collections somebody may put items into: each of the organization, there, and theirs to add to. An item must be in one.
async fn check_target(
    unit: &mut Unit<'_>,
    by: &Standing,
    collections: &[CollectionId],
) -> Result<Vec<CollectionId>, Stop> {
    let wanted: BTreeSet<CollectionId> = collections.iter().copied().collect();
    if wanted.is_empty() {
        return refuse(CipherError::NoCollection);
    }
    check_there(unit, by.organization).await?;
    let targets = Targets::load(unit, by, wanted.clone()).await?;
    if wanted.iter().all(|id| targets.may_add_to(*id)) {
        Ok(wanted.into_iter().collect())
    } else {
        refuse(CipherError::NotFound)
    }
}
