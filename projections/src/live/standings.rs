//! Where people stand in organizations, as it was read last. Good until anything happens that may change it for anybody there:
//! each organization has a number that is another one then, and what was read under an older one is never found again.

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
/// How many organizations have a number. One that lost it gets a new one.
const ORGANIZATIONS: usize = 8_192;

/// Leave to remember what is about to be read: given before the reading, so that a change meanwhile is noticed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StandingTicket {
    organization: OrganizationId,
    number: u64,
}

/// What is remembered of somebody.
#[derive(Debug)]
struct Known {
    number: u64,
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
    last: u64,
    numbers: LruCache<OrganizationId, u64>,
    known: LruCache<(UserId, OrganizationId), Known>,
}

impl Default for Standings {
    fn default() -> Self {
        let capacity = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self {
            last: 0,
            numbers: LruCache::new(capacity(ORGANIZATIONS)),
            known: LruCache::new(capacity(PEOPLE)),
        }
    }
}

impl Standings {
    /// What is known of `user`, if it is known of all collections `asked` about; else leave to remember it.
    pub(super) fn find(
        &mut self,
        user: UserId,
        organization: OrganizationId,
        asked: &[CollectionId],
    ) -> Result<Standing, StandingTicket> {
        let number = self.number(organization);
        let found = self.known.get(&(user, organization)).and_then(|known| {
            if known.number != number {
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
        found.ok_or(StandingTicket { organization, number })
    }

    fn number(&mut self, organization: OrganizationId) -> u64 {
        let Self { last, numbers, .. } = self;
        *numbers.get_or_insert(organization, || {
            *last += 1;
            *last
        })
    }

    /// Remembers what was read, unless something changed meanwhile.
    pub(super) fn remember(&mut self, ticket: StandingTicket, asked: &[CollectionId], standing: &Standing) {
        let StandingTicket { organization, number } = ticket;
        if self.numbers.peek(&organization) != Some(&number) || asked.len() > COLLECTIONS {
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
        match self.known.get_mut(&key).filter(|known| known.number == number) {
            // read before, with other collections
            Some(known) => {
                if known.collections.len() + asked.len() > COLLECTIONS {
                    known.collections.clear();
                }
                known.collections.extend(collections);
            }
            None => {
                let known = Known {
                    number,
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

    /// Takes what a batch changed.
    pub(super) fn changed(&mut self, changes: &StandingChanges) {
        if changes.everywhere {
            self.forget();
        }
        for organization in &changes.organizations {
            self.numbers.pop(organization);
        }
    }

    /// Nothing that was read, or is being read, counts any more.
    pub(super) fn forget(&mut self) {
        self.numbers.clear();
        self.known.clear();
    }
}

#[cfg(test)]
mod tests;
