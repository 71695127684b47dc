use crate::{execute::Command, organization::OrganizationError};
use domain::{
    id::CollectionId,
    organization::{
        access::Standing,
        collection::{Collection, CollectionEvent},
    },
    time::Timestamp,
};

/// Deletes a collection; the items in it stay, in no collection if it was the only one.
#[derive(Debug, Clone)]
pub struct DeleteCollection {
    /// Who wants it; knows their rights in the collection.
    pub by: Standing,
    /// Which.
    pub collection: CollectionId,
}

impl Command for DeleteCollection {
    type Aggregate = Collection;
    type Error = OrganizationError;

    fn id(&self) -> CollectionId {
        self.collection
    }

    fn decide(&self, collection: &Collection, now: Timestamp) -> Result<Vec<CollectionEvent>, OrganizationError> {
        let live = collection
            .within(self.by.organization)
            .ok_or(OrganizationError::NotFound)?;
        if !self.by.may_delete(self.collection) {
            return Err(OrganizationError::Forbidden);
        }
        if live.default_of.is_some() {
            return Err(OrganizationError::Invalid(
                "You cannot delete a collection with the type as DefaultUserCollection.",
            ));
        }
        Ok(vec![CollectionEvent::Deleted { at: now }])
    }
}
