//! `annalock migrate`: brings the database to the schema of this version.

use crate::config::Config;
use crate::data_dir::{DataDir, Sharing};
use crate::database::Database;
use anyhow::Result;

/// Runs the command: starts the private database where none is given, migrates, stops it.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn run(config: &Config) -> Result<()> {
    let sharing = if config.database_url.is_some() {
        Sharing::Together
    } else {
        Sharing::Alone
    };
    let data = DataDir::open(&config.data_dir, sharing)?;
    let database = Database::open(config, &data).await?;
    database.close().await;
    Ok(())
}
