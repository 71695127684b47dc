use super::{Contents, set_members, set_rights};
use crate::{
    execute::{Loaded, Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    id::{CollectionId, GroupId, MembershipId},
    organization::{
        access::Standing,
        grant::Rights,
        group::{Group, GroupEvent, LiveGroup},
    },
    personal::Personal,
};
use std::collections::{BTreeMap, BTreeSet};

/// A group of the organization, for somebody who manages groups.
async fn load(unit: &mut Unit<'_>, by: &Standing, id: GroupId) -> Result<(Loaded<Group>, LiveGroup), Stop> {
    let loaded = unit.load::<Group>(id).await?;
    let Some(live) = loaded.state.within(by.organization).cloned() else {
        return refuse(OrganizationError::NotFound);
    };
    must(by.may_manage_groups(), OrganizationError::Forbidden)?;
    Ok((loaded, live))
}

/// Edits a group; `None` of a part leaves it as it is.
#[derive(Debug, Clone)]
pub struct UpdateGroup {
    /// Who wants it.
    pub by: Standing,
    /// Which.
    pub group: GroupId,
    /// Its name now.
    pub name: String,
    /// What a directory calls it now.
    pub external_id: Option<Option<String>>,
    /// What it consists of by the read models; each of it is looked at again.
    pub present: Contents,
    /// What it has rights in from now on.
    pub collections: Option<BTreeMap<CollectionId, Rights>>,
    /// Who is in it from now on.
    pub members: Option<BTreeSet<MembershipId>>,
}

impl Transaction for UpdateGroup {
    type Output = Group;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Group, Stop> {
        let organization = self.by.organization;
        let (loaded, live) = load(unit, &self.by, self.group).await?;
        let updated = GroupEvent::Updated {
            name: Personal::of(organization, self.name.clone()),
            external_id: self.external_id.clone().unwrap_or(live.external_id),
            at: unit.now_for(&loaded),
        };
        let group = unit.append(loaded, vec![updated]);
        if let Some(collections) = &self.collections {
            set_rights(unit, &self.by, self.group, &self.present, collections).await?;
        }
        if let Some(members) = &self.members {
            set_members(unit, &self.by, self.group, &self.present, members).await?;
        }
        Ok(group)
    }
}

/// Says who is in a group, and nothing else.
#[derive(Debug, Clone)]
pub struct SetGroupMembers {
    /// Who wants it.
    pub by: Standing,
    /// Which.
    pub group: GroupId,
    /// What it consists of by the read models.
    pub present: Contents,
    /// Who is in it from now on.
    pub members: BTreeSet<MembershipId>,
}

impl Transaction for SetGroupMembers {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        load(unit, &self.by, self.group).await?;
        set_members(unit, &self.by, self.group, &self.present, &self.members).await
    }
}
