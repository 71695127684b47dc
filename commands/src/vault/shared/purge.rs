use super::{Stop, refuse};
use crate::{
    execute::{Transaction, Unit},
    vault::cipher::CipherError,
};
use domain::{
    id::CipherId,
    organization::{
        access::Standing,
        profile::{Organization, OrganizationEvent},
    },
    vault::cipher::{Cipher, CipherEvent},
};

/// Deletes all items of an organization for good, in one append. For owners and admins.
#[derive(Debug, Clone)]
pub struct PurgeShared {
    /// Who wants it.
    pub by: Standing,
    /// The items. What is not the organization's, or gone already, is left out.
    pub ciphers: Vec<CipherId>,
}

impl Transaction for PurgeShared {
    type Output = ();
    type Error = CipherError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        if !self.by.role.is_admin() {
            return refuse(CipherError::NotFound);
        }
        let organization = unit.load::<Organization>(self.by.organization).await?;
        if organization.state.live().is_none() {
            return refuse(CipherError::NotFound);
        }
        let at = unit.now_for(&organization);
        unit.append(organization, vec![OrganizationEvent::VaultPurged { at }]);
        for loaded in unit.load_many::<Cipher>(&self.ciphers).await? {
            let theirs = loaded
                .state
                .live()
                .is_some_and(|cipher| cipher.organization == Some(self.by.organization));
            if theirs {
                let at = unit.now_for(&loaded);
                unit.follow(loaded, vec![CipherEvent::Deleted { at }]);
            }
        }
        Ok(())
    }
}
