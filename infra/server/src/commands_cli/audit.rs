//! `annalock audit`: the history.

pub mod format;
mod proof;
pub mod verify;

use super::open::Opened;
use crate::{
    cli::{Audit, AuditExport},
    clock::{self, RandomIds, SystemClock},
    config::Config,
};
use anyhow::{Context as _, Result, bail};
use commands::{
    account::{
        Found, find,
        log::{RecordAuditExport, RecordAuditLook},
    },
    context::Context,
    execute::Executor,
    ports::Ids,
};
use domain::{
    account::{address::normalise, user::User},
    event::Position,
    id::{CipherId, CollectionId, GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    organization::{
        moment::{Moment, Owner},
        profile::Organization,
    },
    time::Timestamp,
};
use format::{Format, Writer};
use projections::{
    audit::{
        read::{self, Cursor, Filter, Log, Order},
        record::AuditRecord,
    },
    generation,
};
use read_api::history;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// Records read at once.
const PAGE: i64 = 5_000;

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached, there is no such account, or the file cannot be written.
pub async fn run(config: &Config, command: Audit) -> Result<()> {
    let opened = Opened::open(config).await?;
    let result = match command {
        Audit::Export(export) => self::export(&opened, &export).await,
        Audit::Replay { organization, at } => past(&opened, &Asked::Organization(organization), at.as_deref()).await,
        Audit::Access { item, at } => past(&opened, &Asked::Item(item), at.as_deref()).await,
        Audit::Checkpoint {
            organization,
            public_key,
        } => proof::checkpoint(&opened, organization.map(OrganizationId), public_key).await,
        Audit::Verify(verify) => verify::database(&opened, config, &verify).await,
    };
    opened.close().await;
    result
}

fn executor(opened: &Opened) -> Result<Executor> {
    Ok(Executor::new(
        opened.stores.store(),
        Arc::clone(&opened.stores.keyring) as _,
        opened.stores.snapshots(),
        Arc::new(SystemClock),
        Arc::new(RandomIds),
        opened.keys.installation()?,
        16,
    ))
}

async fn export(opened: &Opened, export: &AuditExport) -> Result<()> {
    if export.proof && export.format != Format::Jsonl {
        bail!("proofs stand in JSON lines: leave --format out");
    }
    let executor = executor(opened)?;
    let log = match (&export.user, &export.organization) {
        (Some(who), _) => Log::All(user(opened, &executor, who).await?),
        (None, Some(id)) => Log::Organization(organization(&executor, id.parse().context("--organization")?).await?),
        (None, None) => bail!("whose? Say --user or --organization"),
    };
    let chosen = Chosen {
        log,
        filter: filter(export)?,
        after: export.after.as_deref().map(str::parse).transpose().context("--after")?,
    };
    let until = caught_up(opened).await?;
    let Output { out, holds } = Output::of(export)?;
    // first, so that nobody has any of it unnoticed, whatever becomes of the rest
    note(&executor, log, asked(export)).await?;
    let out = BufWriter::new(out);
    let records = if export.proof {
        proof::write(opened, chosen, export, out).await?
    } else {
        let writer = Writer::new(export.format, out, holds);
        write(opened, &chosen, until, writer).await?
    };
    tracing::info!(records, "exported");
    Ok(())
}

/// Where records go.
struct Output {
    out: Box<dyn Write>,
    /// Whether there are records already.
    holds: bool,
}

impl Output {
    /// A file that is gone on with keeps what stands in it; else it is made anew.
    fn of(export: &AuditExport) -> Result<Self> {
        let Some(path) = &export.output else {
            let out = Box::new(std::io::stdout().lock());
            return Ok(Self { out, holds: false });
        };
        let name = || path.display().to_string();
        if export.after.is_none() {
            let out = Box::new(File::create(path).with_context(name)?);
            return Ok(Self { out, holds: false });
        }
        let mut options = File::options();
        let mut file = options
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .with_context(name)?;
        let holds = file.metadata().with_context(name)?.len() > 0;
        if holds && export.proof {
            bail!(
                "{} is there already, and proofs are sealed as a whole: write what follows into another file",
                name()
            );
        }
        if holds {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).with_context(name)?;
            file.read_exact(&mut last).with_context(name)?;
            if last != *b"\n" {
                bail!(
                    "{} ends amid a record: take out that one, and go on behind the cursor of the one before it",
                    name()
                );
            }
        }
        let out = Box::new(file);
        Ok(Self { out, holds })
    }
}

/// What is asked for, as the note says it.
fn asked(export: &AuditExport) -> Value {
    let said = [
        ("format", Some(json!(export.format.name()))),
        ("from", export.from.as_ref().map(|from| json!(from))),
        ("to", export.to.as_ref().map(|to| json!(to))),
        ("types", (!export.kinds.is_empty()).then(|| json!(export.kinds))),
        ("actingUserId", export.actor.map(|actor| json!(actor))),
        ("object", export.object.as_ref().map(|object| json!(object))),
        ("after", export.after.as_ref().map(|after| json!(after))),
        ("proof", export.proof.then_some(json!(true))),
    ];
    let said = said
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect())
}

/// Reading the log is itself told by the log.
async fn note(executor: &Executor, log: Log, asked: Value) -> Result<()> {
    let context = Context::system(RandomIds.new_id(), None);
    match log {
        Log::All(user) | Log::Person(user) => {
            executor.transact(&context, &RecordAuditExport { user, asked }).await?;
        }
        Log::Organization(organization) => {
            let told = RecordAuditLook {
                log: Owner::Organization(organization),
                asked: json!({ "exported": asked }),
            };
            executor.transact(&context, &told).await?;
        }
    }
    Ok(())
}

/// Which records of which log, from where on.
struct Chosen {
    log: Log,
    filter: Filter,
    after: Option<Cursor>,
}

impl Chosen {
    async fn page(&self, opened: &Opened, after: Option<Cursor>) -> Result<Vec<(Cursor, AuditRecord)>> {
        let pool = &opened.stores.pool;
        Ok(read::page(pool, self.log, &self.filter, Order::Oldest, after, PAGE).await?)
    }
}

fn filter(export: &AuditExport) -> Result<Filter> {
    let micros = |text: &Option<String>| -> Result<Option<i64>> {
        let text = text.as_deref();
        text.map(|text| Ok(moment(text)?.0.saturating_mul(1_000))).transpose()
    };
    let mut filter = Filter {
        from: micros(&export.from)?,
        to: micros(&export.to)?,
        kinds: export.kinds.clone(),
        acting_user: export.actor.map(UserId),
        ..Filter::default()
    };
    if let Some(object) = &export.object {
        let (kind, id) = object.split_once(':').context("--object is KIND:ID, as cipher:ID")?;
        let id: Uuid = id.parse().context("--object")?;
        match kind {
            "cipher" | "item" => filter.cipher = Some(CipherId(id)),
            "collection" => filter.collection = Some(CollectionId(id)),
            "group" => filter.group = Some(GroupId(id)),
            "policy" => filter.policy = Some(PolicyId(id)),
            "member" => filter.membership = Some(MembershipId(id)),
            other => bail!("{other} is no kind of object: cipher, collection, group, policy or member"),
        }
    }
    Ok(filter)
}

async fn organization(executor: &Executor, id: Uuid) -> Result<OrganizationId> {
    let id = OrganizationId(id);
    match executor.state::<Organization>(id).await? {
        Organization::Absent => bail!("there is no such organization, and there never was"),
        _ => Ok(id),
    }
}

/// `audit replay` and `audit access`.
async fn past(opened: &Opened, asked: &Asked, at: Option<&str>) -> Result<()> {
    let at = at.map_or_else(|| Ok(clock::now()), moment)?;
    let until = at.0.saturating_add(1).saturating_mul(1_000);
    let executor = executor(opened)?;
    caught_up(opened).await?;
    let then = async |organization, item| -> Result<Moment> {
        let streams = read::streams_of(&opened.stores.pool, organization, item, until).await?;
        Ok(executor.moment(organization, &streams, until).await?)
    };
    let (answer, log, what) = match asked {
        Asked::Organization(id) => {
            let id = organization(&executor, *id).await?;
            let answer = history::replay(&then(id, None).await?, at);
            (answer, Owner::Organization(id), json!({ "replayAt": at.iso() }))
        }
        Asked::Item(id) => {
            let item = CipherId(*id);
            let owner = executor.owner_of(item, until).await?;
            let log = owner.context("there was no such item then")?;
            let moment = match log {
                Owner::Organization(id) => Some(then(id, Some(item)).await?),
                Owner::Person(_) => None,
            };
            let what = json!({ "accessAt": at.iso(), "cipherId": item });
            (history::access(item, owner, moment.as_ref(), at), log, what)
        }
    };
    let context = Context::system(RandomIds.new_id(), None);
    executor
        .transact(&context, &RecordAuditLook { log, asked: what })
        .await?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &answer)?;
    Ok(writeln!(out)?)
}

/// Of what the past is asked.
enum Asked {
    Organization(Uuid),
    Item(Uuid),
}

/// An account by its id or address.
async fn user(opened: &Opened, executor: &Executor, who: &str) -> Result<UserId> {
    if let Ok(id) = who.parse::<UserId>() {
        // one that is deleted has a history, and one that never was has none
        if executor.state::<User>(id).await? == User::default() {
            bail!("there never was an account with this id");
        }
        return Ok(id);
    }
    let address = normalise(who).with_context(|| format!("{who} is neither an id nor an address"))?;
    let addresses = opened.keys.addresses()?;
    match find(executor, &addresses, &address).await? {
        Some(Found { id, .. }) => Ok(id),
        None => bail!("there is no account with this address"),
    }
}

/// A date or a date and time.
fn moment(text: &str) -> Result<Timestamp> {
    let whole = if text.len() == "2026-11-01".len() {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Timestamp::parse(&whole).with_context(|| format!("{text} is no date: write 2026-11-01 or 2026-11-01T00:00:00Z"))
}

/// Waits until the log has reached the head, so that nothing that happened before is missing. The head.
async fn caught_up(opened: &Opened) -> Result<Position> {
    let head = opened.stores.store().head().await?;
    for _ in 0..600 {
        let generations = generation::all(&opened.stores.pool).await?;
        let live = generations.iter().find(|g| g.projector == "audit" && g.state == "live");
        if live.is_some_and(|live| live.position >= head) || head == Position::START {
            return Ok(head);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the audit log is behind: is `annalock run` running?")
}

/// Writes what lies at or before `until`: the note of this very export does not.
async fn write<W: Write>(opened: &Opened, chosen: &Chosen, until: Position, mut writer: Writer<W>) -> Result<u64> {
    let (mut after, mut count) = (chosen.after, 0_u64);
    loop {
        let page = chosen.page(opened, after).await?;
        for (cursor, record) in page.iter().take_while(|(cursor, _)| cursor.position <= until) {
            writer.put(*cursor, record)?;
            count += 1;
        }
        match page.last() {
            Some((last, _)) if page.len() as i64 == PAGE && last.position <= until => {
                writer.flush()?;
                tracing::info!(records = count, cursor = %last, "exporting");
                after = Some(*last);
            }
            _ => break,
        }
    }
    writer.flush()?;
    Ok(count)
}
