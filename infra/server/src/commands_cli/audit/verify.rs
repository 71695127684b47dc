//! `annalock audit verify`: of an export, with nothing but the public key; of the database, with everything there is.

use super::Opened;
use crate::{cli::AuditVerify, config::Config};
use anyhow::{Context as _, Result, bail};
use domain::proof::{export::Checker, note::PublicKey};
use indicatif::{ProgressBar, ProgressStyle};
use ops::log_tree::{Known, check};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, IsTerminal, Write},
    path::Path,
};

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn public_key(path: &Path) -> Result<PublicKey> {
    text(path)?.parse().with_context(|| path.display().to_string())
}

/// Checks an export.
///
/// # Errors
/// The first thing that does not hold, or a file that cannot be read.
pub fn file(verify: &AuditVerify) -> Result<()> {
    let (Some(path), Some(key)) = (&verify.file, &verify.key) else {
        bail!("name an export and, by --key, a file with the public key")
    };
    let old = verify.old_checkpoint.as_deref().map(text).transpose()?;
    let mut checker = Checker::new(public_key(key)?, old.as_deref(), check)?;
    let mut file = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
    let mut line = String::new();
    while file.read_line(&mut line).with_context(|| path.display().to_string())? > 0 {
        checker.line(line.strip_suffix('\n').unwrap_or(&line))?;
        line.clear();
    }
    let checked = checker.finish()?;
    let origin = &checked.checkpoint.origin;
    if let Some(id) = verify.organization
        && !origin.0.ends_with(&format!("/organization/{id}"))
    {
        bail!("this is an export of {origin}")
    }
    if verify.complete && checked.missing > 0 {
        bail!(
            "{} events of {} are not in the export",
            checked.missing,
            checked.checkpoint.origin
        )
    }
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} records hold, in a log of {} events ({})",
        checked.records, checked.checkpoint.size, checked.checkpoint.origin
    )?;
    if checked.missing == 0 {
        writeln!(out, "no event of the log is missing")?;
    }
    if let Some(old) = checked.extends {
        writeln!(out, "the first {old} events are those of the older checkpoint")?;
    }
    Ok(())
}

/// Compares the events of the database with the tree and all checkpoints that are known.
pub(super) async fn database(opened: &Opened, config: &Config, verify: &AuditVerify) -> Result<()> {
    let log = opened.keys.log()?;
    let key = match &verify.key {
        Some(path) => public_key(path)?,
        None => opened.keys.checkpoints(&log)?.public().clone(),
    };
    let known = |source: &str, note: String| Known {
        source: source.to_owned(),
        note,
    };
    let history = crate::proof::history(&config.data_dir)?;
    let mut checkpoints: Vec<Known> = history
        .into_iter()
        .map(|note| known("checkpoints/history", note))
        .collect();
    if let Some(path) = &verify.old_checkpoint {
        checkpoints.push(known(&path.display().to_string(), text(path)?));
    }
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        bar
    });
    let progress = |events: u64, all: u64| match &bar {
        Some(bar) => {
            bar.set_length(all);
            bar.set_position(events);
        }
        None => tracing::debug!(events, all, "verifying"),
    };
    let tree = crate::proof::tree(&log, &opened.stores);
    let verified = tree.verify(&key, checkpoints, &progress).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let verified = verified?;
    writeln!(
        std::io::stdout().lock(),
        "{} events are as the log holds them, and as the logs of {} organizations do; {} checkpoints hold; {} events came since",
        verified.events,
        verified.organizations,
        verified.checkpoints,
        verified.later
    )?;
    Ok(())
}
