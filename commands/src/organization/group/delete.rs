use crate::{execute::Command, organization::OrganizationError};
use domain::{
    id::GroupId,
    organization::{
        access::Standing,
        group::{Group, GroupEvent},
    },
    time::Timestamp,
};

/// Deletes a group; its members keep what they have of their own.
#[derive(Debug, Clone)]
pub struct DeleteGroup {
    /// Who wants it.
    pub by: Standing,
    /// Which.
    pub group: GroupId,
}

impl Command for DeleteGroup {
    type Aggregate = Group;
    type Error = OrganizationError;

    fn id(&self) -> GroupId {
        self.group
    }

    fn decide(&self, group: &Group, now: Timestamp) -> Result<Vec<GroupEvent>, OrganizationError> {
        group.within(self.by.organization).ok_or(OrganizationError::NotFound)?;
        if !self.by.may_manage_groups() {
            return Err(OrganizationError::Forbidden);
        }
        Ok(vec![GroupEvent::Deleted { at: now }])
    }
}
