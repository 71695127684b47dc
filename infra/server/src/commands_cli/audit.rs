//! `annalock audit`: the history.

use crate::cli::Audit;
use crate::config::Config;
use anyhow::{Result, bail};

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached or the command is not part of this build.
pub async fn run(_config: &Config, command: Audit) -> Result<()> {
    bail!("`audit` is not part of this build: {command:?}");
}
