//! `annalock migrate`: brings the database to the schema of this version.

use super::open::Opened;
use crate::config::Config;
use anyhow::Result;

/// Runs the command: starts the private database where none is given, migrates, stops it.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn run(config: &Config) -> Result<()> {
    Opened::open(config).await?.close().await;
    Ok(())
}
