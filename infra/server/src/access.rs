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
        let fresh = self.0.with_rights(user).await;
        let pool =
            fresh.map_err(|problem| DirectoryError(format!("the read models are behind: {}", problem.status())))?;
        let error = |e: sqlx::Error| DirectoryError(e.to_string());
        let mut connection = pool.acquire().await.map_err(error)?;
        let about = match about {
            About::Role => shared::About::Role,
            About::Collections(ids) => shared::About::Collections(ids),
            About::All => shared::About::All,
        };
        let found = shared::standing(&mut connection, user, organization, about).await;
        found.map_err(error)
    }
}
