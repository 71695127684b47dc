//! Checkpoints, and exports with proofs.

use super::{Chosen, Opened, PAGE};
use crate::cli::AuditExport;
use anyhow::{Context as _, Result, bail};
use commands::ports::Seal as _;
use domain::{
    event::{Aggregate as _, Position, StoredEvent},
    id::{MembershipId, OrganizationId, UserId},
    organization::membership::Membership,
    proof::{
        checkpoint::Checkpoint,
        export::{Consistency, FORMAT, Header, LeafProof, Lines, Seal, Text},
        leaf::Leaf,
    },
};
use ops::log_tree::{Follower, LogTree, Prover, check};
use projections::audit::{
    compare::Told,
    read::{Cursor, Filter, Log},
    record::AuditRecord,
};
use serde::Serialize;
use std::{collections::HashMap, io::Write};

/// A record and its proof, as one object.
#[derive(Serialize)]
struct Proved<'a> {
    #[serde(flatten)]
    record: &'a AuditRecord,
    proof: &'a LeafProof,
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

/// The records chosen with their proofs, between a header and a seal; how many records. Each is what its stored event says, and
/// no record of these events is missing; where the log of an organization is exported whole, no event of it is.
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
    let whole = organization.is_some() && chosen.after.is_none() && chosen.filter == Filter::default();
    let tree = log_of(follower.tree(), organization);
    let log = tree.log().clone();
    let (size, note) = tree.sign(&key).await?.context("there is no event yet")?;
    let mut prover = Prover::new(tree.clone(), size);
    if organization.is_some() {
        leave_out_older(follower.tree(), &mut prover, &mut chosen).await?;
    }
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
    let mut events = Events {
        opened,
        prover,
        next: whole.then_some(0),
        members: HashMap::new(),
        at: None,
    };
    let (mut after, mut count) = (chosen.after, 0);
    loop {
        let page = chosen.page(opened, after).await?;
        for (cursor, record) in page.iter().take_while(|(cursor, _)| cursor.position <= end) {
            let (proof, with_address) = events.prove(&chosen, *cursor, record).await?;
            let without;
            let record = if with_address {
                record
            } else {
                // nobody can say any more that it is what the event said
                without = AuditRecord {
                    ip: None,
                    ..record.clone()
                };
                &without
            };
            put(serde_json::to_string(&Proved { record, proof })?)?;
            count += 1;
        }
        match page.last() {
            Some((last, _)) if page.len() as i64 == PAGE && last.position <= end => after = Some(*last),
            _ => break,
        }
    }
    events.end(size)?;
    let seal = Seal {
        annalock_seal: key.sign(&lines.checkpoint(&log)),
    };
    serde_json::to_writer(&mut out, &seal)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(count)
}

/// What is older than the logs of organizations is in none of them.
async fn leave_out_older(all: &LogTree, prover: &mut Prover, chosen: &mut Chosen) -> Result<()> {
    let since = all.parts_since().await?;
    if since == Position::START {
        return Ok(());
    }
    let first = prover.position_of(0).await?;
    if first <= since {
        bail!(
            "the log of the organization is said to begin behind position {since}, and holds the event at position {first}"
        );
    }
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
    Ok(())
}

/// Goes along the events that records are of.
struct Events<'a> {
    opened: &'a Opened,
    prover: Prover,
    /// The index of the next event, where none may be left out.
    next: Option<u64>,
    /// Whose memberships are, and from which event on.
    members: HashMap<MembershipId, Option<(Position, UserId)>>,
    /// The event of the last record, and its proof.
    at: Option<(Told, LeafProof)>,
}

impl Events<'_> {
    /// The proof of the event of `record`, if the event says what the record does; and whether it says the address too.
    async fn prove(&mut self, chosen: &Chosen, cursor: Cursor, record: &AuditRecord) -> Result<(&LeafProof, bool)> {
        let same = self.at.take_if(|(told, _)| told.position() == cursor.position);
        let (mut told, proof) = match same {
            Some(same) => same,
            None => self.begin(chosen, cursor.position).await?,
        };
        told.take(cursor.ordinal, record)?;
        let with_address = !told.is_address_unknown();
        Ok((&self.at.insert((told, proof)).1, with_address))
    }

    /// Goes on to the event at `position`: what its records are to be, and its proof.
    async fn begin(&mut self, chosen: &Chosen, position: Position) -> Result<(Told, LeafProof)> {
        self.end_of_event()?;
        let (index, leaf, inclusion) = self.prover.event(position).await?;
        if let Some(next) = &mut self.next {
            if index != *next {
                bail!("the event at index {next} of the log has no record: it was dropped, or is parked");
            }
            *next += 1;
        }
        let event = event_of(self.opened, &leaf, position).await?;
        let behind = |cursor: Cursor| chosen.after.is_none_or(|after| cursor > after);
        let told = Told::by(event)?;
        let member = match told.membership().filter(|_| told.member().is_none()) {
            Some(membership) => self.member(membership, position).await?,
            None => None,
        };
        let told = told
            .about(member)
            .read(|cursor, record| behind(cursor) && chosen.filter.takes(chosen.log, cursor.ordinal, record));
        Ok((told, LeafProof::new(index, &leaf, inclusion)))
    }

    /// Whose a membership was by `position`, from its own stored events.
    async fn member(&mut self, membership: MembershipId, position: Position) -> Result<Option<UserId>> {
        let since = match self.members.get(&membership) {
            Some(known) => *known,
            None => {
                let stream = Membership::stream(membership);
                let stores = &self.opened.stores;
                let read = stores.store().read_streams(&[(stream, 0)]).await?;
                let mut since = None;
                for event in stores.keyring.open(read.into_iter().flatten().collect()).await? {
                    let at = event.position;
                    if let Some(user) = Told::by(event)?.member() {
                        since = Some((at, user));
                        break;
                    }
                }
                self.members.insert(membership, since);
                since
            }
        };
        Ok(since.filter(|(at, _)| *at <= position).map(|(_, user)| user))
    }

    /// No record of the last event is missing.
    fn end_of_event(&mut self) -> Result<()> {
        match self.at.take() {
            Some((told, _)) => Ok(told.end()?),
            None => Ok(()),
        }
    }

    /// No event is missing from a log of `size` events that is exported whole.
    fn end(&mut self, size: u64) -> Result<()> {
        self.end_of_event()?;
        match self.next.filter(|next| *next != size) {
            Some(next) => bail!("the event at index {next} of the log has no record: it was dropped, or is parked"),
            None => Ok(()),
        }
    }
}

/// The stored event that `leaf` is of, personal data opened.
async fn event_of(opened: &Opened, leaf: &Leaf, position: Position) -> Result<StoredEvent> {
    let stores = &opened.stores;
    let mut read = stores.store().read_stream(&leaf.stream, leaf.revision, 1).await?;
    read.retain(|event| event.position == position && Leaf::of(event) == *leaf);
    let mut read = stores.keyring.open(read).await?;
    read.pop()
        .with_context(|| format!("the event at position {position} is not what its digests are of: it was changed"))
}
