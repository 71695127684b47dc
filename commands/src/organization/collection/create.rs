use super::{Grants, check_grantees, set_grants};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    crypto::EncString,
    id::CollectionId,
    organization::{
        access::Standing,
        collection::{Collection, CollectionEvent},
        grant::{Grantee, Rights},
    },
};

/// Makes a collection. Somebody must manage it: where nobody named does, the one who makes it, unless they stand above all.
#[derive(Debug, Clone)]
pub struct CreateCollection {
    /// Who makes it.
    pub by: Standing,
    /// A new id.
    pub collection: CollectionId,
    /// Its name.
    pub name: EncString,
    /// What a directory calls it.
    pub external_id: Option<String>,
    /// Who has rights in it.
    pub grants: Grants,
}

impl Transaction for CreateCollection {
    type Output = Collection;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Collection, Stop> {
        must(self.by.may_create_collections(), OrganizationError::Forbidden)?;
        let organization = self.by.organization;
        let mut grants = self.grants.clone();
        let managed = grants.values().any(|rights| rights.manage);
        let above = self.by.role.is_admin() && self.by.settings.allow_admin_access_to_all_collection_items;
        if !managed {
            must(
                above || self.by.role.permissions().edit_any_collection || self.grants.is_empty(),
                OrganizationError::Invalid("At least one member or group must have can manage permission."),
            )?;
            if !above && !self.by.role.permissions().edit_any_collection {
                grants.insert(Grantee::Member(self.by.membership), Rights::MANAGE);
            }
        }
        check_grantees(unit, organization, &grants).await?;
        let loaded = unit.fresh::<Collection>(self.collection);
        let at = unit.now_for(&loaded);
        let created = CollectionEvent::Created {
            organization,
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            default_of: None,
            at,
        };
        let collection = unit.append(loaded, vec![created]);
        set_grants(unit, organization, self.collection, std::iter::empty(), &grants).await?;
        Ok(collection)
    }
}
