//! Measures the whole server over HTTP, beside what the machine can do by other means.
//!
//! `cargo run --release -p tests --bin bench -- [--quick] [--seconds N] [--json FILE] [--database URL] [workload…]`. The server is the
//! release program, with a data folder, a PostgreSQL and ports of its own, and is gone afterwards. The client shares the
//! machine with it. Without names, all workloads run, in the order of [`WORKLOADS`];
//! one that fails does not keep the others from running, but the exit code says so.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../bench/bench.rs"]
mod bench;
#[path = "../bench/company.rs"]
mod company;
#[path = "../bench/life.rs"]
mod life;
#[path = "../bench/limits.rs"]
mod limits;
#[path = "../bench/load.rs"]
mod load;
#[path = "../bench/process.rs"]
mod process;
#[path = "../bench/reading.rs"]
mod reading;
#[path = "../bench/report.rs"]
mod report;
#[path = "../bench/sharing.rs"]
mod sharing;
#[path = "../bench/vaults.rs"]
mod vaults;
#[path = "../bench/wire.rs"]
mod wire;
#[path = "../bench/writing.rs"]
mod writing;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bench::Bench;

/// Names of workloads. Those that need little data come first.
const WORKLOADS: [&str; 18] = [
    "start",
    "revision-date",
    "sync-100",
    "sync-1000",
    "update",
    "create",
    "login",
    "mix",
    "import",
    "organization",
    "organization-import",
    "organization-large",
    "organization-largest",
    "sync-100-crowded",
    "sync-10000",
    "sync-cold",
    "rebuild",
    "sync-memory",
];

struct Options {
    duration: Duration,
    json: Option<PathBuf>,
    /// A PostgreSQL in place of one of the server's own, to be looked at meanwhile.
    database: Option<String>,
    workloads: Vec<String>,
}

fn options() -> Result<Options> {
    let mut options = Options {
        duration: Duration::from_secs(4),
        json: None,
        database: None,
        workloads: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.duration = Duration::from_secs(1),
            "--seconds" => {
                let seconds = arguments.next().context("--seconds needs a number")?.parse()?;
                options.duration = Duration::from_secs(seconds);
            }
            "--json" => options.json = Some(arguments.next().context("--json needs a file")?.into()),
            "--database" => options.database = Some(arguments.next().context("--database needs a URL")?),
            name if WORKLOADS.contains(&name) => options.workloads.push(name.to_owned()),
            other => bail!("{other} is no workload; there are {}", WORKLOADS.join(", ")),
        }
    }
    if options.workloads.is_empty() {
        options.workloads = WORKLOADS.map(str::to_owned).into();
    }
    Ok(options)
}

// one thread: the server and its database need the other core
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = options()?;
    if cfg!(debug_assertions) {
        eprintln!("built without --release: these numbers say nothing");
    }
    let mut bench = Bench::start(options.duration, options.database.as_deref()).await;
    report::head();
    let mut failed = Vec::new();
    for workload in &options.workloads {
        if let Err(why) = run(&mut bench, workload).await {
            eprintln!("{workload} failed: {why:#}");
            failed.push(workload.as_str());
        }
    }
    if let Some(path) = options.json {
        let bytes = serde_json::to_vec_pretty(&bench.rows)?;
        std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("failed: {}", failed.join(", "))
    }
}

async fn run(bench: &mut Bench, workload: &str) -> Result<()> {
    match workload {
        "start" => life::start(bench).await,
        "revision-date" => reading::revision_date(bench).await,
        "sync-100" => reading::sync(bench, 100, "sync 100").await,
        "sync-1000" => reading::sync(bench, 1_000, "sync 1,000").await,
        "sync-10000" => reading::sync(bench, reading::LARGE, "sync 10,000").await,
        "sync-100-crowded" => reading::sync_crowded(bench).await,
        "sync-cold" => reading::sync_cold(bench).await,
        "sync-memory" => reading::sync_memory(bench).await,
        "update" => writing::update(bench).await,
        "create" => writing::create(bench).await,
        "login" => writing::login(bench).await,
        "mix" => writing::mix(bench).await,
        "import" => writing::import(bench).await,
        "organization" => sharing::small(bench).await,
        "organization-import" => sharing::import(bench).await,
        "organization-large" => sharing::large(bench).await,
        "organization-largest" => sharing::largest(bench).await,
        "rebuild" => life::rebuild(bench).await,
        other => bail!("{other} is no workload"),
    }
}
