//! Who may do what: one rule for single things and for many.
//!
//! What is known of somebody in an organization ([`Standing`]) is gathered elsewhere; what follows from it is said here and
//! nowhere else. Somebody who is invited, accepted or revoked has no standing at all.

use super::{grant::Rights, profile::CollectionSettings, role::Role};
use crate::id::{CollectionId, MembershipId, OrganizationId, UserId};
use std::collections::{HashMap, HashSet};

/// A confirmed member, as far as a question needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub user: UserId,
    /// Where.
    pub organization: OrganizationId,
    /// By which membership.
    pub membership: MembershipId,
    /// As what.
    pub role: Role,
    /// Rules of the organization about collections.
    pub settings: CollectionSettings,
    /// What the member and their groups have in the collections asked about; no entry: nothing.
    pub rights: HashMap<CollectionId, Rights>,
    /// Those of the collections asked about that nobody manages, told to who may take them up.
    pub unmanaged: HashSet<CollectionId>,
}

/// What somebody may do to an item of an organization.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ItemRights {
    /// See it.
    pub read: bool,
    /// Change what is in it.
    pub edit: bool,
    /// Clients show its passwords.
    pub view_password: bool,
    /// Say which collections it is in.
    pub manage: bool,
    /// Put it in the trash, fetch it back, delete it for good.
    pub delete: bool,
}

impl ItemRights {
    /// Whether there is more in these than in `others`.
    pub fn exceeds(self, others: Self) -> bool {
        (self.manage && !others.manage)
            || (self.delete && !others.delete)
            || (self.edit && !others.edit)
            || (self.view_password && !others.view_password)
    }
}

impl Standing {
    /// Whether owners and admins stand above collections here, and this is one; or it was permitted by itself.
    fn edits_any_collection(&self) -> bool {
        let Self { role, settings, .. } = self;
        role.permissions().edit_any_collection
            || (role.is_admin() && settings.allow_admin_access_to_all_collection_items)
    }

    /// Rights in one collection as the member's own, or through groups.
    pub fn assigned(&self, collection: CollectionId) -> Option<Rights> {
        self.rights.get(&collection).copied()
    }

    /// What the member may do to an item that is in `collections`, as an ordinary member: only what collections give.
    /// An item in no collection is nobody's.
    pub fn over_item(&self, collections: &[CollectionId]) -> ItemRights {
        let all = collections.iter().filter_map(|id| self.assigned(*id));
        let Some(rights) = all.reduce(Rights::or) else {
            return ItemRights::default();
        };
        let edit = !rights.read_only || rights.manage;
        ItemRights {
            read: true,
            edit,
            view_password: !rights.hide_passwords || rights.manage,
            manage: rights.manage,
            delete: if self.settings.limit_item_deletion {
                rights.manage
            } else {
                edit
            },
        }
    }

    /// The same from where all items of the organization are looked after.
    pub fn over_item_as_admin(&self, collections: &[CollectionId]) -> ItemRights {
        let unassigned = collections.is_empty() && self.role.is_admin();
        if self.edits_any_collection() || unassigned {
            return ItemRights {
                read: true,
                edit: true,
                view_password: true,
                manage: true,
                delete: true,
            };
        }
        // without that, admins have what their own collections give; others do not look here
        if self.role.is_admin() || self.role.permissions().edit_any_collection {
            return self.over_item(collections);
        }
        ItemRights::default()
    }

    /// See every item of the organization: to export it, to report on it, to look after it.
    pub fn may_read_all_items(&self) -> bool {
        let permissions = self.role.permissions();
        self.edits_any_collection()
            || permissions.access_import_export
            || permissions.access_reports
            || self.role.is_admin()
    }

    /// See and hand out items that are in no collection.
    pub fn may_read_unassigned(&self) -> bool {
        self.role.is_admin() || self.role.permissions().edit_any_collection
    }

    /// Take up a collection that nobody manages.
    pub fn may_take_up(&self) -> bool {
        self.role.is_admin() || self.role.permissions().edit_any_collection
    }

    fn takes_up(&self, collection: CollectionId) -> bool {
        self.may_take_up() && self.unmanaged.contains(&collection)
    }

    /// Put items into the collection.
    pub fn may_add_to(&self, collection: CollectionId) -> bool {
        self.edits_any_collection()
            || self
                .assigned(collection)
                .is_some_and(|rights| !rights.read_only || rights.manage)
    }

    /// Make collections.
    pub fn may_create_collections(&self) -> bool {
        self.role.is_admin()
            || self.role.permissions().create_new_collections
            || !self.settings.limit_collection_creation
    }

    /// Change the collection's name and who has rights in it.
    pub fn may_manage(&self, collection: CollectionId) -> bool {
        self.edits_any_collection()
            || self.assigned(collection).is_some_and(|rights| rights.manage)
            || self.takes_up(collection)
    }

    /// Give members rights in the collection.
    pub fn may_grant_to_members(&self, collection: CollectionId) -> bool {
        let looks_after = self.settings.allow_admin_access_to_all_collection_items && self.may_manage_users();
        looks_after || self.may_manage(collection)
    }

    /// Give groups rights in the collection.
    pub fn may_grant_to_groups(&self, collection: CollectionId) -> bool {
        let looks_after = self.settings.allow_admin_access_to_all_collection_items && self.may_manage_groups();
        looks_after || self.may_manage(collection)
    }

    /// Delete the collection.
    pub fn may_delete(&self, collection: CollectionId) -> bool {
        let Self { role, settings, .. } = self;
        let any = role.permissions().delete_any_collection
            || (role.is_admin() && settings.allow_admin_access_to_all_collection_items);
        any || (!settings.limit_collection_deletion && self.assigned(collection).is_some_and(|rights| rights.manage))
            || (role.is_admin() && self.assigned(collection).is_some_and(|rights| rights.manage))
            || self.takes_up(collection)
    }

    /// See all collections, those without rights in them too.
    pub fn may_list_all_collections(&self) -> bool {
        let permissions = self.role.permissions();
        self.role.is_admin()
            || permissions.edit_any_collection
            || permissions.delete_any_collection
            || permissions.access_import_export
            || permissions.manage_users
            || permissions.manage_groups
    }

    /// Look after members.
    pub fn may_manage_users(&self) -> bool {
        self.role.is_admin() || self.role.permissions().manage_users
    }

    /// Look after groups.
    pub fn may_manage_groups(&self) -> bool {
        self.role.is_admin() || self.role.permissions().manage_groups
    }

    /// Set policies.
    pub fn may_manage_policies(&self) -> bool {
        self.role.is_admin() || self.role.permissions().manage_policies
    }

    /// Recover accounts of members.
    pub fn may_recover_accounts(&self) -> bool {
        self.role.is_admin() || self.role.permissions().manage_reset_password
    }

    /// Recover the account of a member who is `theirs`: nobody takes over the account of somebody above them.
    pub fn may_recover(&self, theirs: Role) -> bool {
        self.may_recover_accounts()
            && match self.role {
                Role::Owner => true,
                Role::Admin => theirs != Role::Owner,
                Role::Custom(mine) => match theirs {
                    Role::Custom(theirs) => theirs.within(mine),
                    theirs => theirs == Role::User,
                },
                Role::User => false,
            }
    }

    /// Manage single sign-on and claimed domains.
    pub fn may_manage_sso(&self) -> bool {
        self.role.is_admin() || self.role.permissions().manage_sso
    }

    /// Manage provisioning.
    pub fn may_manage_scim(&self) -> bool {
        self.role.is_admin() || self.role.permissions().manage_scim
    }

    /// Read the event log.
    pub fn may_read_events(&self) -> bool {
        self.role.is_admin() || self.role.permissions().access_event_logs
    }

    /// Import into and export from the organization's vault.
    pub fn may_import_export(&self) -> bool {
        self.role.is_admin() || self.role.permissions().access_import_export
    }

    /// See reports.
    pub fn may_see_reports(&self) -> bool {
        self.role.is_admin() || self.role.permissions().access_reports
    }

    /// Whether the organization itself may be changed: its name, its settings, its vault as a whole.
    pub fn is_owner(&self) -> bool {
        self.role == Role::Owner
    }

    /// Whether this member may give somebody `wanted`, or act on somebody who is `present` (`None`: is nothing yet).
    /// Owners are made and changed by owners, admins by admins; who has a role of their own gives what they have.
    pub fn may_appoint(&self, present: Option<Role>, wanted: Option<Role>) -> bool {
        [present, wanted]
            .into_iter()
            .flatten()
            .all(|role| match (self.role, role) {
                (Role::Owner, _) => true,
                (Role::Admin, role) => role != Role::Owner,
                (Role::Custom(mine), Role::Custom(theirs)) => {
                    mine.manage_users && (Some(role) != wanted || theirs.within(mine))
                }
                (Role::Custom(mine), Role::User) => mine.manage_users,
                (Role::Custom(_), Role::Owner | Role::Admin) | (Role::User, _) => false,
            })
    }
}

#[cfg(test)]
mod tests;
