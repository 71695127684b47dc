//! Where people stand in organizations, as it was read last. Good until anything happens that may change it for anybody there. All
//! that happens is counted: what was read before the last change of its organization is never found again.

use crate::sync::StandingChanges;
use domain::{
    id::{CollectionId, OrganizationId, UserId},
    organization::{access::Standing, grant::Rights},
};
use lru::LruCache;
use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
};

/// How many people are remembered, one in two organizations twice.
const PEOPLE: usize = 8_192;
/// How many collections are remembered of each of them.
const COLLECTIONS: usize = 64;
/// Of how many organizations it is known when they changed last. What is known of others was read after all of these were forgotten.
const ORGANIZATIONS: usize = 8_192;

/// Leave to remember what is about to be read: given before the reading, so that a change meanwhile is noticed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandingTicket {
    organization: OrganizationId,
    at: u64,
}

/// What is remembered of somebody.
#[derive(Debug)]
struct Known {
    /// When it was read.
    at: u64,
    /// Without what is said of collections.
    standing: Standing,
    collections: HashMap<CollectionId, Collection>,
}

/// What a collection is to somebody.
#[derive(Debug, Clone, Copy)]
struct Collection {
    rights: Option<Rights>,
    unmanaged: bool,
}

#[derive(Debug)]
pub(super) struct Standings {
    /// Counts changes.
    now: u64,
    /// When organizations changed last.
    changed: LruCache<OrganizationId, u64>,
    /// When any other may have.
    others: u64,
    /// Where a change is being committed: it may be there for others already.
    changing: StandingChanges,
    known: LruCache<(UserId, OrganizationId), Known>,
}

impl Default for Standings {
    fn default() -> Self {
        let capacity = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self {
            now: 0,
            changed: LruCache::new(capacity(ORGANIZATIONS)),
            others: 0,
            changing: StandingChanges::default(),
            known: LruCache::new(capacity(PEOPLE)),
        }
    }
}

impl Standings {
    /// What is known of `user`, if it is known of all collections `asked` about; else leave to remember it, where that may be.
    pub(super) fn find(
        &mut self,
        user: UserId,
        organization: OrganizationId,
        asked: &[CollectionId],
    ) -> Result<Standing, Option<StandingTicket>> {
        let changing = self.changing.everywhere || self.changing.organizations.contains(&organization);
        if changing || asked.len() > COLLECTIONS {
            return Err(None);
        }
        let changed = self.last_change(organization);
        let found = self.known.get(&(user, organization)).and_then(|known| {
            if known.at < changed {
                return None;
            }
            let mut standing = known.standing.clone();
            for id in asked {
                let collection = known.collections.get(id)?;
                standing.rights.extend(collection.rights.map(|rights| (*id, rights)));
                standing.unmanaged.extend(collection.unmanaged.then_some(*id));
            }
            Some(standing)
        });
        found.ok_or(Some(StandingTicket {
            organization,
            at: self.now,
        }))
    }

    fn last_change(&self, organization: OrganizationId) -> u64 {
        self.changed.peek(&organization).copied().unwrap_or(self.others)
    }

    /// Remembers what was read, unless something changed meanwhile.
    pub(super) fn remember(&mut self, ticket: StandingTicket, asked: &[CollectionId], standing: &Standing) {
        let StandingTicket { organization, at } = ticket;
        let changed = self.last_change(organization);
        if at < changed || asked.len() > COLLECTIONS {
            return;
        }
        let collections = asked.iter().map(|id| {
            let collection = Collection {
                rights: standing.assigned(*id),
                unmanaged: standing.unmanaged.contains(id),
            };
            (*id, collection)
        });
        let key = (standing.user, organization);
        match self.known.get_mut(&key).filter(|known| known.at >= changed) {
            // read before, with other collections
            Some(known) => {
                if known.collections.len() + asked.len() > COLLECTIONS {
                    known.collections.clear();
                }
                known.collections.extend(collections);
            }
            None => {
                let known = Known {
                    at,
                    standing: Standing {
                        rights: HashMap::new(),
                        unmanaged: HashSet::new(),
                        ..standing.clone()
                    },
                    collections: collections.collect(),
                };
                self.known.put(key, known);
            }
        }
    }

    /// A batch with these changes is about to be committed: until [`Standings::changed`], nothing is known there.
    pub(super) fn changing(&mut self, changes: &StandingChanges) {
        self.changing.everywhere |= changes.everywhere;
        self.changing.organizations.extend(&changes.organizations);
    }

    /// A batch with these changes was committed.
    pub(super) fn changed(&mut self, changes: &StandingChanges) {
        if changes.everywhere {
            return self.forget();
        }
        self.changing = StandingChanges::default();
        self.now += 1;
        for organization in &changes.organizations {
            if let Some((lost, at)) = self.changed.push(*organization, self.now)
                && lost != *organization
            {
                self.others = self.others.max(at);
            }
        }
    }

    /// Nothing that was read, or is being read, counts any more.
    pub(super) fn forget(&mut self) {
        self.changing = StandingChanges::default();
        self.now += 1;
        self.others = self.now;
        self.changed.clear();
        self.known.clear();
    }
}

#[cfg(test)]
mod tests;
