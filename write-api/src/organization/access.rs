//! Who has rights in what, as requests say it.

use crate::account::check::Checks;
use domain::{
    id::{CollectionId, GroupId, MembershipId},
    organization::{
        grant::{Grantee, Rights},
        role::{Permissions, Role},
    },
};
use serde::Deserialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most collections, groups or members one request may name.
pub(crate) const MAX_NAMED: usize = 20_000;

/// `SelectionReadOnlyRequestModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selection {
    id: Uuid,
    read_only: Option<bool>,
    hide_passwords: Option<bool>,
    manage: Option<bool>,
}

impl Selection {
    /// Who manages a collection is not held back in it: such a wish makes no sense.
    fn rights(&self, field: &str, checks: &mut Checks) -> Rights {
        let is = |said: Option<bool>| said.unwrap_or(false);
        if is(self.manage) && (is(self.read_only) || is(self.hide_passwords)) {
            checks.wrong(
                field,
                "The Manage property is mutually exclusive and cannot be true while the ReadOnly or HidePasswords properties are also true.",
            );
        }
        Rights {
            read_only: is(self.read_only),
            hide_passwords: is(self.hide_passwords),
            manage: is(self.manage),
        }
    }
}

fn bounded(field: &str, count: usize, checks: &mut Checks) {
    if count > MAX_NAMED {
        checks.wrong(field, format!("{field} names more than {MAX_NAMED}."));
    }
}

/// Rights by collection.
pub(crate) fn collections(
    field: &str,
    selections: Option<Vec<Selection>>,
    checks: &mut Checks,
) -> Option<BTreeMap<CollectionId, Rights>> {
    let selections = selections?;
    bounded(field, selections.len(), checks);
    let all = selections
        .iter()
        .map(|selection| (CollectionId(selection.id), selection.rights(field, checks)));
    Some(all.collect())
}

/// Rights of members and groups; `None` if neither is said.
pub(crate) fn grants(
    users: Option<Vec<Selection>>,
    groups: Option<Vec<Selection>>,
    checks: &mut Checks,
) -> Option<BTreeMap<Grantee, Rights>> {
    if users.is_none() && groups.is_none() {
        return None;
    }
    let (users, groups) = (users.unwrap_or_default(), groups.unwrap_or_default());
    bounded("Users", users.len(), checks);
    bounded("Groups", groups.len(), checks);
    let mut all = BTreeMap::new();
    for selection in &users {
        all.insert(
            Grantee::Member(MembershipId(selection.id)),
            selection.rights("Users", checks),
        );
    }
    for selection in &groups {
        all.insert(
            Grantee::Group(GroupId(selection.id)),
            selection.rights("Groups", checks),
        );
    }
    Some(all)
}

/// A role that must be there.
pub(crate) fn role(number: Option<i64>, permissions: Option<Permissions>, checks: &mut Checks) -> Role {
    let role = number.and_then(|number| Role::from_number(number, permissions.unwrap_or_default()));
    role.unwrap_or_else(|| {
        checks.wrong("Type", "The Type field is required and must be a role that exists.");
        Role::User
    })
}
