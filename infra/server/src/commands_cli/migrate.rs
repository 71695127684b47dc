//! `annalock migrate`: brings the database to the schema of this version.

use crate::config::Config;
use crate::database::Database;
use anyhow::Result;

/// Runs the command: starts the private database where none is given and none runs, migrates, stops it.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn run(config: &Config) -> Result<()> {
    let (database, data) = Database::for_command(config).await?;
    database.close().await;
    drop(data);
    Ok(())
}
