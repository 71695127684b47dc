//! `annalock projections`: read models.

use crate::cli::Projections;
use crate::config::Config;
use anyhow::{Result, bail};

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached or the command is not part of this build.
pub async fn run(_config: &Config, command: Projections) -> Result<()> {
    bail!("`projections` is not part of this build: {command:?}");
}
