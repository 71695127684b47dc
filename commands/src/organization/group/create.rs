use super::{Contents, set_members, set_rights};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    id::GroupId,
    organization::{
        access::Standing,
        group::{Group, GroupEvent},
    },
    personal::Personal,
};

/// Makes a group.
#[derive(Debug, Clone)]
pub struct CreateGroup {
    /// Who makes it.
    pub by: Standing,
    /// A new id.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// What a directory calls it.
    pub external_id: Option<String>,
    /// Who is in it, and what it has rights in.
    pub contents: Contents,
}

impl Transaction for CreateGroup {
    type Output = Group;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Group, Stop> {
        must(self.by.may_manage_groups(), OrganizationError::Forbidden)?;
        let organization = self.by.organization;
        let loaded = unit.fresh::<Group>(self.group);
        let created = GroupEvent::Created {
            organization,
            name: Personal::of(organization, self.name.clone()),
            external_id: self.external_id.clone(),
            at: unit.now_for(&loaded),
        };
        let group = unit.append(loaded, vec![created]);
        let none = Contents::default();
        set_rights(unit, &self.by, self.group, &none, &self.contents.collections).await?;
        set_members(unit, &self.by, self.group, &none, &self.contents.members).await?;
        Ok(group)
    }
}
