use super::{Grants, check_grantees, gives_oneself, set_grants};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    crypto::EncString,
    id::CollectionId,
    organization::{
        access::Standing,
        collection::{Collection, CollectionEvent},
    },
};

/// Edits a collection: its name, and who has rights in it. Those who manage it do.
#[derive(Debug, Clone)]
pub struct UpdateCollection {
    /// Who wants it; knows their rights in the collection.
    pub by: Standing,
    /// Which.
    pub collection: CollectionId,
    /// Its name now; `None` leaves it.
    pub name: Option<EncString>,
    /// What a directory calls it now; `None` leaves it.
    pub external_id: Option<Option<String>>,
    /// Who has rights in it by the read models, of those who are spoken of.
    pub present: Grants,
    /// The others: they keep what they have.
    pub kept: Grants,
    /// Who has rights in it from now on; `None` leaves them.
    pub grants: Option<Grants>,
}

impl Transaction for UpdateCollection {
    type Output = Collection;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Collection, Stop> {
        let organization = self.by.organization;
        let loaded = unit.load::<Collection>(self.collection).await?;
        let Some(live) = loaded.state.within(organization).cloned() else {
            return refuse(OrganizationError::NotFound);
        };
        must(self.by.may_manage(self.collection), OrganizationError::Forbidden)?;
        if live.default_of.is_some() {
            return refuse(OrganizationError::Invalid(
                "You cannot edit a collection with the type as DefaultUserCollection.",
            ));
        }
        if let Some(grants) = &self.grants {
            let managed = grants.values().chain(self.kept.values()).any(|rights| rights.manage);
            must(
                managed || self.by.settings.allow_admin_access_to_all_collection_items,
                OrganizationError::Invalid("At least one member or group must have can manage permission."),
            )?;
            must(
                !gives_oneself(&self.by, self.collection, grants),
                OrganizationError::Oneself("You cannot add yourself to a collection."),
            )?;
            check_grantees(unit, organization, grants).await?;
        }
        let at = unit.now_for(&loaded);
        let updated = CollectionEvent::Updated {
            name: self.name.clone().unwrap_or_else(|| live.name.clone()),
            external_id: self.external_id.clone().unwrap_or_else(|| live.external_id.clone()),
            at,
        };
        // told even where only rights changed: whoever reads the log looks for the collection
        let collection = unit.append(loaded, vec![updated]);
        if let Some(grants) = &self.grants {
            let present = self.present.keys().copied();
            set_grants(unit, organization, self.collection, present, grants).await?;
        }
        Ok(collection)
    }
}
