//! What people own, by the read models.

use async_trait::async_trait;
use commands::ports::{Directory, DirectoryError};
use domain::id::{CipherId, DeviceId, FolderId, UserId};
use projections::sync::read;
use read_api::ReadApi;
use sqlx::PgPool;

/// [`Directory`] over the tables of the sync projector, as new as the last acknowledged change.
pub struct ReadModelDirectory(pub ReadApi);

impl ReadModelDirectory {
    async fn pool(&self, user: UserId) -> Result<&PgPool, DirectoryError> {
        let fresh = self.0.fresh(user).await;
        fresh.map_err(|problem| DirectoryError(format!("the read models are behind: {}", problem.status())))
    }
}

fn error(e: sqlx::Error) -> DirectoryError {
    DirectoryError(e.to_string())
}

#[async_trait]
impl Directory for ReadModelDirectory {
    async fn ciphers_of(&self, user: UserId) -> Result<Vec<CipherId>, DirectoryError> {
        read::cipher_ids_of(self.pool(user).await?, user).await.map_err(error)
    }

    async fn folders_of(&self, user: UserId) -> Result<Vec<FolderId>, DirectoryError> {
        let mut connection = self.pool(user).await?.acquire().await.map_err(error)?;
        let folders = read::folders_of(&mut connection, user).await.map_err(error)?;
        Ok(folders.into_iter().map(|(id, _)| id).collect())
    }

    async fn devices_of(&self, user: UserId) -> Result<Vec<DeviceId>, DirectoryError> {
        let devices = read::devices_of(self.pool(user).await?, user).await.map_err(error)?;
        Ok(devices.into_iter().map(|(id, _)| id).collect())
    }
}
