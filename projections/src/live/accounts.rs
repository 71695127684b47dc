//! What is remembered of accounts: stamps, where each vault is, and in which organizations people are confirmed.

use super::{Live, lock};
use crate::sync::{SyncChanges, cipher::Holder, revision::Revision};
use domain::id::{OrganizationId, UserId};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};
use uuid::Uuid;

/// What sessions and revision dates need of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserState {
    /// The security stamp.
    pub stamp: Uuid,
    /// Where what the person syncs is: the latest of their own vault and of the organizations they are confirmed in, or wait to be.
    pub revision: Revision,
}

/// The same, apart: as it is read and remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserParts {
    /// The security stamp.
    pub stamp: Uuid,
    /// Where the person's own vault is. Moves too when one of their memberships changes.
    pub own: Revision,
    /// Organizations the person is confirmed in, or waits to be, and where each is.
    pub organizations: Vec<(OrganizationId, Revision)>,
    /// Something that happened to the account, or to a membership of it, is parked: the end of a session or of a right may be
    /// among it. Nothing else here is to be trusted then, and nothing is remembered.
    pub held: bool,
}

impl UserParts {
    /// All of it together.
    pub fn whole(&self) -> UserState {
        let shared = self.organizations.iter().map(|(_, revision)| *revision);
        UserState {
            stamp: self.stamp,
            revision: shared.fold(self.own, Revision::later),
        }
    }
}

/// What is remembered of an account that is there.
#[derive(Debug, Clone)]
pub(super) struct Person {
    stamp: Uuid,
    own: Revision,
    organizations: Arc<[OrganizationId]>,
}

/// What is remembered of an account.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// Somebody is reading it; `changed` meanwhile: what they read may be old.
    Loading { ticket: u64, changed: bool },
    /// As it is.
    State(Option<Person>),
}

/// Leave to remember what is about to be read: given before the reading, so that a change meanwhile is noticed.
#[derive(Debug)]
pub struct LoadTicket {
    user: UserId,
    number: u64,
}

/// Whose account or memberships a batch changes that is being committed: the change may be there for others already.
#[derive(Debug, Default)]
pub(super) struct Changing {
    pub users: HashSet<UserId>,
    pub everybody: bool,
}

impl Live {
    /// What is remembered of an account: `None` if it must be read. A process that does not own the projector remembers
    /// nothing.
    pub fn user(&self, user: UserId) -> Option<Option<UserState>> {
        if !self.is_owner() || self.is_changing(user) {
            return None;
        }
        let person = match lock(&self.users).get(&user) {
            Some(Known::State(Some(person))) => person.clone(),
            Some(Known::State(None)) => return Some(None),
            _ => return None,
        };
        let mut revision = person.own;
        if !person.organizations.is_empty() {
            let mut known = lock(&self.organizations);
            for organization in &*person.organizations {
                revision = revision.later(*known.get(organization)?);
            }
        }
        Some(Some(UserState {
            stamp: person.stamp,
            revision,
        }))
    }

    fn is_changing(&self, user: UserId) -> bool {
        let changing = lock(&self.changing);
        changing.everybody || changing.users.contains(&user)
    }

    /// Whether somebody is confirmed in any organization, or waits to be; `None` if that must be asked.
    pub fn is_member(&self, user: UserId) -> Option<bool> {
        if !self.is_owner() || self.is_changing(user) {
            return None;
        }
        match lock(&self.users).get(&user) {
            Some(Known::State(Some(person))) => Some(!person.organizations.is_empty()),
            _ => None,
        }
    }

    /// To be called before an account is read. Who reads it at the same time has another ticket, and the last one counts: a
    /// change that one reader noticed is not forgotten by the next.
    pub fn will_load(&self, user: UserId) -> LoadTicket {
        let number = self.tickets.fetch_add(1, Ordering::Relaxed);
        let mut users = lock(&self.users);
        if !matches!(users.get(&user), Some(Known::State(_))) {
            let loading = Known::Loading {
                ticket: number,
                changed: false,
            };
            users.put(user, loading);
        }
        LoadTicket { user, number }
    }

    /// Remembers what was read, unless it changed meanwhile.
    pub fn loaded(&self, ticket: LoadTicket, parts: Option<&UserParts>) {
        if !self.is_owner() {
            return;
        }
        let mut users = lock(&self.users);
        let parts = match parts {
            Some(parts) if parts.held => {
                users.pop(&ticket.user);
                return;
            }
            parts => parts,
        };
        let mine =
            matches!(users.get(&ticket.user), Some(Known::Loading { ticket: number, .. }) if *number == ticket.number);
        if !mine {
            return;
        }
        if matches!(users.pop(&ticket.user), Some(Known::Loading { changed: false, .. })) {
            for (organization, revision) in parts.iter().flat_map(|parts| &parts.organizations) {
                self.moved(*organization, *revision);
            }
            let person = parts.map(|parts| Person {
                stamp: parts.stamp,
                own: parts.own,
                organizations: parts.organizations.iter().map(|(id, _)| *id).collect(),
            });
            users.put(ticket.user, Known::State(person));
        }
    }

    /// Remembers where an organization is, unless that is known to be over.
    fn moved(&self, organization: OrganizationId, revision: Revision) {
        let mut known = lock(&self.organizations);
        match known.get_mut(&organization) {
            Some(known) => *known = known.later(revision),
            None => {
                known.put(organization, revision);
            }
        }
    }

    /// Takes what a batch changed of accounts, and where vaults are.
    pub(super) fn take_accounts(&self, changes: &SyncChanges) {
        let mut users = lock(&self.users);
        let changed = changes.accounts.iter().map(|(user, _)| *user);
        let moved = changes.revisions.iter().filter_map(|(owner, _)| owner.person());
        for user in changed.chain(moved).chain(changes.members.iter().copied()) {
            if let Some(Known::Loading { changed, .. }) = users.peek_mut(&user) {
                *changed = true;
            }
        }
        for user in &changes.members {
            if let Some(Known::State(_)) = users.peek(user) {
                users.pop(user);
            }
        }
        for (user, account) in &changes.accounts {
            match (users.peek_mut(user), account) {
                (Some(Known::State(Some(state))), Some(view)) => state.stamp = view.stamp,
                (Some(Known::State(state)), None) => *state = None,
                // known to be absent, and here now: read it when somebody asks
                (Some(Known::State(None)), Some(_)) => {
                    users.pop(user);
                }
                _ => {}
            }
        }
        for (owner, revision) in &changes.revisions {
            match owner {
                Holder::Organization(organization) => self.moved(*organization, *revision),
                Holder::Person(user) => {
                    if let Some(Known::State(Some(state))) = users.peek_mut(user) {
                        state.own = *revision;
                    }
                }
            }
        }
    }
}
