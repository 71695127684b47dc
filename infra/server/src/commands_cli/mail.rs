//! `annalock mail`: outgoing mail.

use super::open::Opened;
use crate::{cli::Mail, config::Config, post};
use anyhow::{Result, bail};
use std::io::Write;

/// The most letters listed.
const LISTED: u32 = 10_000;

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached, or there is no such letter.
pub async fn run(config: &Config, command: Mail) -> Result<()> {
    let opened = Opened::open(config).await?;
    let result = work(&opened, command).await;
    opened.close().await;
    result
}

async fn work(opened: &Opened, command: Mail) -> Result<()> {
    let queue = post::queue(opened.stores.pool.clone(), &opened.stores);
    let mut out = std::io::stdout().lock();
    match command {
        Mail::List => {
            for letter in queue
                .list(None, LISTED)
                .await?
                .iter()
                .filter(|letter| letter.sent_at.is_none())
            {
                let next = letter.next_attempt_at.map(|at| at.iso()).unwrap_or_default();
                writeln!(
                    out,
                    "{}\t{}\t{}\ttries {}\tnext {next}\t{}",
                    letter.id,
                    letter.letter,
                    letter.state.as_str(),
                    letter.attempts,
                    letter.last_error.as_deref().unwrap_or_default(),
                )?;
            }
        }
        Mail::Retry { id } => {
            let count = queue.retry(id).await?;
            if let (Some(id), 0) = (id, count) {
                bail!("no letter {id} waits or was given up");
            }
            writeln!(out, "{count} letters are tried again")?;
        }
    }
    Ok(())
}
