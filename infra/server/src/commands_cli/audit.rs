//! `annalock audit`: the history.

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
    account::{Found, find, log::RecordAuditExport},
    context::Context,
    execute::Executor,
    ports::Ids,
};
use domain::{account::address::normalise, event::Position, id::UserId, time::Timestamp};
use projections::{audit::read, generation};
use std::{
    fs::File,
    io::{BufWriter, Write},
    sync::Arc,
    time::Duration,
};

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
        Audit::Checkpoint { public_key } => proof::checkpoint(&opened, public_key).await,
        Audit::Verify(verify) => verify::database(&opened, config, &verify).await,
    };
    opened.close().await;
    result
}

async fn export(opened: &Opened, export: &AuditExport) -> Result<()> {
    let Some(who) = &export.user else {
        bail!("organizations have no log yet: there are none")
    };
    let from = moment(export.from.as_deref(), Timestamp(0))?;
    let to = moment(export.to.as_deref(), Timestamp(clock::now().0 + 1))?;
    let executor = Executor::new(
        opened.stores.store(),
        Arc::clone(&opened.stores.keyring) as _,
        opened.stores.snapshots(),
        Arc::new(SystemClock),
        Arc::new(RandomIds),
        opened.keys.installation()?,
        16,
    );
    let user = user(opened, &executor, who).await?;
    caught_up(opened).await?;
    let records = match &export.output {
        Some(path) => {
            let file = File::create(path).with_context(|| path.display().to_string())?;
            write(opened, export, user, (from, to), BufWriter::new(file)).await?
        }
        None => {
            write(
                opened,
                export,
                user,
                (from, to),
                BufWriter::new(std::io::stdout().lock()),
            )
            .await?
        }
    };
    // reading the log is itself told by the log
    let context = Context::system(RandomIds.new_id(), None);
    executor
        .transact(&context, &RecordAuditExport { user, records })
        .await?;
    tracing::info!(records, "exported");
    Ok(())
}

/// An account by its id or address.
async fn user(opened: &Opened, executor: &Executor, who: &str) -> Result<UserId> {
    if let Ok(id) = who.parse() {
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
fn moment(text: Option<&str>, default: Timestamp) -> Result<Timestamp> {
    let Some(text) = text else { return Ok(default) };
    let whole = if text.len() == "2026-11-01".len() {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Timestamp::parse(&whole).with_context(|| format!("{text} is no date: write 2026-11-01 or 2026-11-01T00:00:00Z"))
}

/// Waits until the log has reached the head, so that nothing that happened before is missing.
async fn caught_up(opened: &Opened) -> Result<()> {
    let head = opened.stores.store().head().await?;
    for _ in 0..600 {
        let generations = generation::all(&opened.stores.pool).await?;
        let live = generations.iter().find(|g| g.projector == "audit" && g.state == "live");
        if live.is_some_and(|live| live.position >= head) || head == Position::START {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the audit log is behind: is `annalock run` running?")
}

async fn write(
    opened: &Opened,
    export: &AuditExport,
    user: UserId,
    range: (Timestamp, Timestamp),
    mut out: impl Write,
) -> Result<u64> {
    if export.proof {
        return proof::write(opened, user, range, export.old_checkpoint.as_deref(), out).await;
    }
    let (mut after, mut count) = (Position::START, 0);
    loop {
        let page = read::of_user(&opened.stores.pool, user, range, after, PAGE).await?;
        for record in &page {
            serde_json::to_writer(&mut out, record)?;
            out.write_all(b"\n")?;
        }
        count += page.len() as u64;
        match page.last() {
            Some(last) if page.len() as i64 == PAGE => after = last.position,
            _ => break,
        }
    }
    out.flush()?;
    Ok(count)
}
