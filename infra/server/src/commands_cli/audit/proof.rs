//! Checkpoints, and exports with proofs.

use super::{Chosen, Opened, PAGE};
use crate::cli::AuditExport;
use anyhow::{Context as _, Result, bail};
use domain::{
    event::Position,
    id::OrganizationId,
    proof::{
        checkpoint::Checkpoint,
        export::{Consistency, FORMAT, Header, LeafProof, Lines, Seal, Text},
    },
};
use ops::log_tree::{Follower, LogTree, Prover, check};
use projections::audit::{
    read::{Cursor, Log},
    record::AuditRecord,
};
use serde::Serialize;
use std::io::Write;

/// A record and its proof, as one object.
#[derive(Serialize)]
struct Proved<'a> {
    #[serde(flatten)]
    record: &'a AuditRecord,
    proof: LeafProof,
}

/// `audit checkpoint`: takes up what is new, signs, prints.
pub(super) async fn checkpoint(opened: &Opened, of: Option<OrganizationId>, public_key: bool) -> Result<()> {
    let log = opened.keys.log()?;
    let key = opened.keys.checkpoints(&log)?;
    let mut out = std::io::stdout().lock();
    if public_key {
        writeln!(out, "{}", key.public())?;
        return Ok(());
    }
    let mut follower = Follower::new(crate::proof::tree(&log, &opened.stores));
    follower.catch_up().await?;
    match log_of(follower.tree(), of).sign(&key).await? {
        Some((_, note)) => write!(out, "{note}")?,
        None => bail!("there is no event yet, and so no checkpoint"),
    }
    Ok(())
}

/// The tree of the log of an organization, or of everything.
fn log_of(all: &LogTree, organization: Option<OrganizationId>) -> LogTree {
    organization.map_or_else(|| all.clone(), |organization| all.of(organization))
}

/// The records chosen with their proofs, between a header and a seal; how many records.
pub(super) async fn write(
    opened: &Opened,
    mut chosen: Chosen,
    export: &AuditExport,
    mut out: impl Write,
) -> Result<u64> {
    let log = opened.keys.log()?;
    let key = opened.keys.checkpoints(&log)?;
    let mut follower = Follower::new(crate::proof::tree(&log, &opened.stores));
    follower.catch_up().await?;
    let organization = match chosen.log {
        Log::Organization(organization) if !export.whole_log => Some(organization),
        Log::Organization(_) | Log::All(_) | Log::Person(_) => None,
    };
    let since = follower.tree().parts_since().await?;
    if organization.is_some() && since > Position::START {
        tracing::warn!(
            position = since.0,
            "what is older than the log of the organization is left out: --whole-log proves it"
        );
        let ordinal = i16::MAX;
        let first = Cursor {
            position: since,
            ordinal,
        };
        chosen.after = chosen.after.max(Some(first));
    }
    let tree = log_of(follower.tree(), organization);
    let log = tree.log().clone();
    let (size, note) = tree.sign(&key).await?.context("there is no event yet")?;
    let mut prover = Prover::new(tree.clone(), size);
    // all that is signed is to be in the read models, and nothing that came later in the export
    let end = prover.end().await?;
    super::caught_up(opened).await?;
    let consistency = match &export.old_checkpoint {
        None => None,
        Some(path) => {
            let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let old = Checkpoint::open(&old, &log, key.public(), check).with_context(|| path.display().to_string())?;
            let hashes = prover.consistency(old.size).await?.into_iter().map(Text).collect();
            Some(Consistency {
                old_size: old.size,
                hashes,
            })
        }
    };
    let mut lines = Lines::default();
    let mut put = |line: String| -> Result<()> {
        lines.push(line.as_bytes());
        out.write_all(line.as_bytes())?;
        Ok(out.write_all(b"\n")?)
    };
    put(serde_json::to_string(&Header {
        annalock_proof: FORMAT,
        log: log.0.clone(),
        checkpoint: note,
        consistency,
    })?)?;
    let (mut after, mut count) = (chosen.after, 0);
    loop {
        let page = chosen.page(opened, after).await?;
        for (_, record) in page.iter().take_while(|(cursor, _)| cursor.position <= end) {
            let (index, leaf, inclusion) = prover.event(record.position).await?;
            let proof = LeafProof::new(index, &leaf, inclusion);
            put(serde_json::to_string(&Proved { record, proof })?)?;
            count += 1;
        }
        match page.last() {
            Some((last, _)) if page.len() as i64 == PAGE && last.position <= end => after = Some(*last),
            _ => break,
        }
    }
    let seal = Seal {
        annalock_seal: key.sign(&lines.checkpoint(&log)),
    };
    serde_json::to_writer(&mut out, &seal)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(count)
}
