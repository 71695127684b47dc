//! Where somebody stands in an organization.

use super::DirectoryError;
use async_trait::async_trait;
use domain::{
    id::{CollectionId, OrganizationId, UserId},
    organization::access::Standing,
};

/// Which collections a question is about.
#[derive(Debug, Clone, Copy)]
pub enum About<'c> {
    /// None: what the role says is enough.
    Role,
    /// These.
    Collections(&'c [CollectionId]),
    /// All of the organization.
    All,
}

/// Tells where people stand: the one answer to every "may X do Y to Z", from which
/// [`domain::organization::access`] says what follows.
#[async_trait]
pub trait Access: Send + Sync {
    /// Where `user` stands in `organization`, as new as the last acknowledged change; `None` if they are not confirmed there.
    ///
    /// # Errors
    /// [`DirectoryError`]; safe to retry.
    async fn standing(
        &self,
        user: UserId,
        organization: OrganizationId,
        about: About<'_>,
    ) -> Result<Option<Standing>, DirectoryError>;
}
