//! Where people stand in organizations, by the read models.

use async_trait::async_trait;
use commands::ports::{About, Access, DirectoryError};
use domain::{
    id::{OrganizationId, UserId},
    organization::access::Standing,
};
use projections::sync::shared;
use read_api::ReadApi;

/// [`Access`] over the tables of the sync projector, as new as the last acknowledged change.
pub struct ReadModelAccess(pub ReadApi);

#[async_trait]
impl Access for ReadModelAccess {
    async fn standing(
        &self,
        user: UserId,
        organization: OrganizationId,
        about: About<'_>,
    ) -> Result<Option<Standing>, DirectoryError> {
        let about = match about {
            About::Role => shared::About::Role,
            About::Collections(ids) => shared::About::Collections(ids),
            About::All => shared::About::All,
        };
        let found = self.0.stands(user, organization, about).await;
        found
            .map_err(|problem| DirectoryError(format!("it cannot be told where somebody stands: {}", problem.status())))
    }
}
