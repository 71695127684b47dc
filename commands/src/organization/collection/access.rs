use super::{Grants, check_grantees, gives_oneself, set_grants};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    id::CollectionId,
    organization::{
        access::Standing,
        collection::{Collection, CollectionEvent},
    },
};

/// Gives rights in many collections at once, beside those that are there.
#[derive(Debug, Clone)]
pub struct GrantMany {
    /// Who wants it; knows their rights in all of them.
    pub by: Standing,
    /// In which.
    pub collections: Vec<CollectionId>,
    /// To whom.
    pub grants: Grants,
}

impl Transaction for GrantMany {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        must(
            !self.collections.is_empty(),
            OrganizationError::Invalid("No collections were provided."),
        )?;
        check_grantees(unit, organization, &self.grants).await?;
        let mut collections = self.collections.clone();
        collections.sort_unstable();
        collections.dedup();
        for loaded in unit.load_many::<Collection>(&collections).await? {
            let id = loaded.id;
            let Some(live) = loaded.state.within(organization).cloned() else {
                return refuse(OrganizationError::NotFound);
            };
            must(self.by.may_manage(id), OrganizationError::Forbidden)?;
            must(
                live.default_of.is_none(),
                OrganizationError::Invalid(
                    "You cannot add access to collections with the type as DefaultUserCollection.",
                ),
            )?;
            must(
                !gives_oneself(&self.by, id, &self.grants),
                OrganizationError::Oneself("You cannot add yourself to a collection."),
            )?;
            let updated = CollectionEvent::Updated {
                name: live.name,
                external_id: live.external_id,
                at: unit.now_for(&loaded),
            };
            unit.append(loaded, vec![updated]);
            set_grants(unit, organization, id, std::iter::empty(), &self.grants).await?;
        }
        Ok(())
    }
}
