//! What a member may do by role: owner, admin, user, or one permission at a time.

use serde::{Deserialize, Serialize};

/// Permissions of a member with a role of their own (`Permissions` of the catalogue).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permissions {
    /// Read the event log.
    pub access_event_logs: bool,
    /// Import and export the organization's vault.
    pub access_import_export: bool,
    /// See reports.
    pub access_reports: bool,
    /// Make collections, whatever the organization's settings say.
    pub create_new_collections: bool,
    /// Change any collection and what is in it.
    pub edit_any_collection: bool,
    /// Delete any collection.
    pub delete_any_collection: bool,
    /// Manage groups.
    pub manage_groups: bool,
    /// Manage policies.
    pub manage_policies: bool,
    /// Manage single sign-on.
    pub manage_sso: bool,
    /// Manage members.
    pub manage_users: bool,
    /// Reset passwords of members who enrolled.
    pub manage_reset_password: bool,
    /// Manage provisioning.
    pub manage_scim: bool,
    /// Manage rules of privileged access.
    pub manage_access_rules: bool,
}

impl Permissions {
    /// Whether every one of these is among `others`: nobody gives away what they do not have.
    pub fn within(self, others: Self) -> bool {
        self.flags()
            .into_iter()
            .zip(others.flags())
            .all(|(mine, theirs)| theirs || !mine)
    }

    fn flags(self) -> [bool; 13] {
        [
            self.access_event_logs,
            self.access_import_export,
            self.access_reports,
            self.create_new_collections,
            self.edit_any_collection,
            self.delete_any_collection,
            self.manage_groups,
            self.manage_policies,
            self.manage_sso,
            self.manage_users,
            self.manage_reset_password,
            self.manage_scim,
            self.manage_access_rules,
        ]
    }
}

/// The role of a member (`OrganizationUserType` of the catalogue).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role", content = "permissions")]
pub enum Role {
    /// Everything, and the only one who may delete the organization or make owners.
    Owner,
    /// Everything but that.
    Admin,
    /// What collections give.
    User,
    /// What collections give, and these.
    Custom(Permissions),
}

impl Role {
    /// The number clients know it by.
    pub fn number(self) -> u8 {
        match self {
            Self::Owner => 0,
            Self::Admin => 1,
            Self::User => 2,
            Self::Custom(_) => 4,
        }
    }

    /// The role with that number; permissions count for a custom one only.
    pub fn from_number(number: i64, permissions: Permissions) -> Option<Self> {
        match number {
            0 => Some(Self::Owner),
            1 => Some(Self::Admin),
            2 => Some(Self::User),
            4 => Some(Self::Custom(permissions)),
            _ => None,
        }
    }

    /// The permissions that were given one by one.
    pub fn permissions(self) -> Permissions {
        match self {
            Self::Custom(permissions) => permissions,
            Self::Owner | Self::Admin | Self::User => Permissions::default(),
        }
    }

    /// Owner or admin.
    pub fn is_admin(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_keep_their_numbers() {
        let some = Permissions {
            manage_users: true,
            ..Permissions::default()
        };
        for role in [Role::Owner, Role::Admin, Role::User, Role::Custom(some)] {
            assert_eq!(Role::from_number(i64::from(role.number()), some), Some(role));
        }
        assert_eq!(Role::from_number(3, some), None, "the manager of old is no more");
    }

    #[test]
    fn nobody_gives_away_what_they_do_not_have() {
        let (none, some) = (
            Permissions::default(),
            Permissions {
                manage_groups: true,
                ..Permissions::default()
            },
        );
        assert!(none.within(some) && some.within(some) && none.within(none));
        assert!(!some.within(none));
    }
}
