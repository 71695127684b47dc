//! `annalock audit verify`: of an export, with nothing but the public key; of the database, with everything there is.

use super::Opened;
use crate::{cli::AuditVerify, config::Config};
use anyhow::{Context as _, Result, bail};
use domain::{
    event::Position,
    proof::{export::Checker, note::PublicKey},
};
use indicatif::{ProgressBar, ProgressStyle};
use ops::log_tree::{Known, LAG, check};
use projections::audit::compare;
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

/// Compares the events of the database with the trees and all checkpoints that are known, and the audit log with the events.
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
    // before the tree is looked at: what the log has taken by then the tree must have had time for
    let worked = compare::position(&opened.stores.pool).await?;
    let bar = Bar::new();
    let tree = crate::proof::tree(&log, &opened.stores);
    let verified = tree
        .verify(&key, checkpoints, worked, &|events, all| bar.show(events, all))
        .await;
    bar.clear();
    let verified = verified?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} events are as the log holds them, and as the logs of {} organizations do; {} checkpoints hold; {} events came since",
        verified.events, verified.organizations, verified.checkpoints, verified.later
    )?;
    if verified.parts_since > Position::START {
        writeln!(
            out,
            "the logs of organizations begin behind position {}: no event before it names any",
            verified.parts_since
        )?;
    }
    let bar = Bar::new();
    let compared = compare::compare(
        &opened.stores.pool,
        &opened.stores.feed(),
        (verified.position, LAG),
        &|at, all| bar.show(at.0, all.0),
    )
    .await;
    bar.clear();
    let compared = compared?;
    if compared.position == Position::START {
        writeln!(
            out,
            "there is no audit log to compare yet: the server makes it from the events"
        )?;
        return Ok(());
    }
    writeln!(
        out,
        "{} records of the audit log are what {} events say, up to position {}",
        compared.records, compared.events, compared.position
    )?;
    if compared.unknown_addresses > 0 {
        writeln!(
            out,
            "{} of them have an address that is not compared: the key it is sealed with is gone",
            compared.unknown_addresses
        )?;
    }
    Ok(())
}

/// How far it is, on a terminal.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% {per_sec}, {eta} left") {
                bar.set_style(style);
            }
            bar
        }))
    }

    fn show(&self, at: u64, all: u64) {
        match &self.0 {
            Some(bar) => {
                bar.set_length(all);
                bar.set_position(at);
            }
            None => tracing::debug!(at, all, "verifying"),
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
