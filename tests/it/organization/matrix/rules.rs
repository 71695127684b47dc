//! The rules, stated a second time: what is asked, and who may.

use super::Right;

/// Whose turn it is.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub role: &'static str,
    pub right: Right,
    /// All rules of the organization about collections are on: members may not make or delete collections, items are deleted
    /// by those who manage, and admins stand above collections. Or all are off.
    pub ruled: bool,
}

impl Case {
    fn admin(&self) -> bool {
        self.role == "owner" || self.role == "admin"
    }

    /// An admin, or somebody who was given just that.
    fn with(&self, permission: &str) -> bool {
        self.admin() || self.role == permission
    }

    /// Above collections.
    fn above(&self) -> bool {
        self.role == "editAnyCollection" || (self.admin() && self.ruled)
    }

    fn reads(&self) -> bool {
        self.right != Right::Nothing
    }

    fn edits(&self) -> bool {
        matches!(self.right, Right::Edit | Right::EditHidden | Right::Manage)
    }

    fn manages(&self) -> bool {
        self.right == Right::Manage
    }

    fn sees_passwords(&self) -> bool {
        matches!(self.right, Right::Read | Right::Edit | Right::Manage)
    }

    fn deletes(&self) -> bool {
        if self.ruled { self.manages() } else { self.edits() }
    }

    /// All collections stand in lists.
    fn lists(&self) -> bool {
        let any = [
            "editAnyCollection",
            "deleteAnyCollection",
            "accessImportExport",
            "manageUsers",
            "manageGroups",
        ];
        self.admin() || any.contains(&self.role)
    }

    fn makes_collections(&self) -> bool {
        self.with("createNewCollections") || !self.ruled
    }
}

/// What is asked, and who may. Those of the first kind depend on the right in the collection, the others on the role alone. Where what
/// is asked for makes no sense in the state things are in, it begins with `may`: who may is told so, and who may not is not.
pub type Rule = (&'static str, fn(&Case) -> bool);

pub const ABOUT_ITEMS: &[Rule] = &[
    ("item: read", |c| c.reads()),
    ("item: details", |c| c.reads()),
    ("item: change", |c| c.edits()),
    ("item: file", |c| c.reads()),
    ("item: archive and fetch back", |c| c.reads()),
    ("item: trash", |c| c.deletes()),
    ("item: restore", |c| c.deletes()),
    ("item: delete", |c| c.deletes()),
    ("item: say collections", |c| c.edits() && c.sees_passwords()),
    ("item: say collections, second version", |c| {
        c.edits() && c.sees_passwords()
    }),
    ("items: trash", |c| c.deletes()),
    ("items: restore", |c| c.deletes()),
    ("items: delete", |c| c.deletes()),
    ("items: file", |c| c.reads()),
    ("items: into a collection", |c| {
        (c.edits() && c.sees_passwords()) || c.above()
    }),
    ("item: make", |c| c.edits() || c.above()),
    ("item: share", |c| c.edits() || c.above()),
    ("items: share", |c| c.edits() || c.above()),
    ("items: import", |c| {
        c.edits() || c.above() || c.with("accessImportExport")
    }),
    ("task: complete", |c| c.edits()),
    ("admin item: read", |c| c.above() || (c.admin() && c.reads())),
    ("admin item: change", |c| c.above() || (c.admin() && c.edits())),
    ("admin item: trash", |c| c.above() || (c.admin() && c.deletes())),
    ("admin item: restore", |c| c.above() || (c.admin() && c.deletes())),
    ("admin item: delete", |c| c.above() || (c.admin() && c.deletes())),
    ("admin item: say collections", |c| {
        c.above() || (c.admin() && c.edits() && c.sees_passwords())
    }),
    ("admin items: trash", |c| c.above() || (c.admin() && c.deletes())),
    ("admin items: restore", |c| c.above() || (c.admin() && c.deletes())),
    ("admin items: delete", |c| c.above() || (c.admin() && c.deletes())),
    ("collection: read", |c| c.reads() || c.lists()),
    ("collection: details", |c| c.reads() || c.lists()),
    ("collection: users", |c| c.manages() || c.lists()),
    ("collection: change", |c| c.manages() || c.above()),
    ("collection: delete", |c| may_delete_collection(c)),
    ("collections: delete", |c| may_delete_collection(c)),
    ("collections: give access", |c| c.manages() || c.above()),
    ("groups: list", |c| c.manages() || c.lists() || c.makes_collections()),
];

fn may_delete_collection(c: &Case) -> bool {
    c.role == "deleteAnyCollection" || (c.admin() && (c.ruled || c.manages())) || (!c.ruled && c.manages())
}

pub const ABOUT_THE_REST: &[Rule] = &[
    ("items: all", |c| {
        c.admin() || ["editAnyCollection", "accessImportExport", "accessReports"].contains(&c.role)
    }),
    ("items: assigned", |_| true),
    // what they manage
    ("items: export", |_| true),
    ("collections: list", |_| true),
    ("collections: details", |_| true),
    ("collection: make", Case::makes_collections),
    ("groups: details", |c| c.with("manageGroups") || c.role == "manageUsers"),
    ("group: read", |c| c.with("manageGroups")),
    ("group: details", |c| c.with("manageGroups")),
    ("group: members", |c| c.with("manageGroups")),
    ("group: change", |c| c.with("manageGroups")),
    ("group: make", |c| c.with("manageGroups")),
    ("group: delete", |c| c.with("manageGroups")),
    ("groups: delete", |c| c.with("manageGroups")),
    ("group: put out", |c| c.with("manageGroups")),
    ("members: list", |c| {
        c.with("manageUsers") || ["manageGroups", "manageResetPassword"].contains(&c.role)
    }),
    ("members: names", |_| true),
    ("member: read", |c| c.with("manageUsers")),
    ("member: change", |c| c.with("manageUsers")),
    ("member: invite", |c| c.with("manageUsers")),
    ("member: invite again", |c| c.with("manageUsers")),
    ("members: invite again", |c| c.with("manageUsers")),
    ("member: revoke", |c| c.with("manageUsers")),
    ("member: restore", |c| c.with("manageUsers")),
    ("members: revoke", |c| c.with("manageUsers")),
    ("members: restore", |c| c.with("manageUsers")),
    ("members: public keys", |c| c.with("manageUsers")),
    ("member: remove", |c| c.with("manageUsers")),
    ("members: remove", |c| c.with("manageUsers")),
    ("policies: list", |c| c.with("managePolicies")),
    ("policy: read", |c| c.with("managePolicies")),
    ("policy: set", |c| c.with("managePolicies")),
    ("events: organization", |c| c.with("accessEventLogs")),
    ("events: item", |c| c.with("accessEventLogs")),
    ("events: member", |c| c.with("accessEventLogs")),
    ("audit: checkpoint", |c| {
        c.role == "owner" || c.role == "accessEventLogs" || c.role == "admin"
    }),
    ("audit: replay", |c| {
        c.role == "owner" || c.role == "accessEventLogs" || c.role == "admin"
    }),
    ("audit: access", |c| {
        c.role == "owner" || c.role == "accessEventLogs" || c.role == "admin"
    }),
    ("organization: read", |c| c.role == "owner"),
    ("organization: change", |c| c.role == "owner"),
    ("organization: rules", |c| c.role == "owner"),
    ("organization: key", |c| c.role == "owner"),
    ("organization: keys there are", |c| c.role == "owner"),
    ("organization: private key", |c| c.with("manageUsers")),
    ("organization: connection", |c| c.with("manageScim")),
    ("may confirm a member", |c| c.with("manageUsers")),
    ("may confirm a member by itself", |c| c.with("manageUsers")),
    ("members: confirm", |c| c.with("manageUsers")),
    ("members: confirm by itself", |c| c.with("manageUsers")),
    ("members: that wait for it", |c| c.with("manageUsers")),
    ("may recover an account", |c| c.with("manageResetPassword")),
    ("may delete an account", |c| c.with("manageUsers")),
    ("members: delete accounts", |c| c.with("manageUsers")),
    ("members: sponsored", |c| c.with("manageUsers")),
    ("may sponsor", |_| true),
    ("organization: another key", |c| c.role == "owner"),
    ("link: another", |c| c.with("manageUsers")),
    ("link: confirmation", |c| c.with("manageUsers")),
    ("link: delete", |c| c.with("manageUsers")),
    ("may make a link", |c| c.with("manageUsers")),
    ("domain: read", |c| c.with("manageSso")),
    ("link: read", |c| c.with("manageUsers")),
    ("link: allow", |c| c.with("manageUsers")),
    ("tasks: list", |c| c.with("accessReports")),
    ("tasks: metrics", |c| c.with("accessReports")),
    ("tasks: give", |c| c.with("accessReports")),
    ("domains: list", |c| c.with("manageSso")),
    ("domain: claim", |c| c.with("manageSso")),
    ("domain: give up", |c| c.with("manageSso")),
];
