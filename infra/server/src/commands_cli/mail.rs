//! `annalock mail`: outgoing mail.

use crate::cli::Mail;
use crate::config::Config;
use anyhow::{Result, bail};

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached or the command is not part of this build.
pub async fn run(_config: &Config, command: Mail) -> Result<()> {
    bail!("`mail` is not part of this build: {command:?}");
}
