//! Commands about items of organizations. What somebody may do to one follows from where they stand, which is handed in: as
//! a member, only what collections give; or from where all items are looked after.

mod change;
mod create;
mod file;
mod import;
mod purge;
mod share;

pub use change::{ChangeShared, Wish};
pub use create::CreateShared;
pub use file::FileShared;
pub use import::{ImportShared, ImportedCollection};
pub use purge::PurgeShared;
pub use share::ShareCipher;

use super::cipher::CipherError;
use crate::execute::{ExecuteError, Unit};
use domain::{
    id::CollectionId,
    organization::{
        access::{ItemRights, Standing},
        collection::Collection,
    },
    vault::cipher::LiveCipher,
};

/// Where somebody stands towards items of an organization.
#[derive(Debug, Clone)]
pub enum Side {
    /// Among the members: what collections give.
    Member(Standing),
    /// Where all items are looked after.
    Admin(Standing),
}

impl Side {
    /// Who and where.
    pub fn standing(&self) -> &Standing {
        match self {
            Self::Member(standing) | Self::Admin(standing) => standing,
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
        }
    }
}

type Stop = ExecuteError<CipherError>;

fn refuse<T>(error: CipherError) -> Result<T, Stop> {
    Err(ExecuteError::Refused(error))
}

/// Collections somebody may put items into: each of the organization, there, and theirs to add to. An item must be in one.
async fn check_target(
    unit: &mut Unit<'_>,
    by: &Standing,
    collections: &[CollectionId],
) -> Result<Vec<CollectionId>, Stop> {
    let mut wanted = collections.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return refuse(CipherError::NoCollection);
    }
    let loaded = unit.load_many::<Collection>(&wanted).await?;
    let fine = loaded.iter().all(|loaded| {
        let own = |of: Option<domain::id::MembershipId>| of.is_none_or(|member| member == by.membership);
        let there = loaded.state.within(by.organization);
        there.is_some_and(|collection| own(collection.default_of)) && by.may_add_to(loaded.id)
    });
    if fine {
        Ok(wanted)
    } else {
        refuse(CipherError::NotFound)
    }
}
