//! The life of a server: rebuilding its read models, starting, resting.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::cluster::{Cluster, Durability};
use tests::server::Server;

use crate::bench::Bench;
use crate::process::{self, Cpu};
use crate::report::Row;

/// How long a started server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// How often a start is measured.
const STARTS: usize = 5;

/// Each read model again from the history, while the server runs without load.
pub async fn rebuild(bench: &mut Bench) -> Result<()> {
    bench.need(5, crate::reading::LARGE).await;
    let copy = bench.copy_limit().await?;
    for name in ["sync", "audit"] {
        let load_average = process::load_average();
        let cpu = || (Cpu::of(std::process::id()), Cpu::of(bench.server.pid()));
        let (before, began) = (cpu(), Instant::now());
        let (code, said) = bench.server.run(&["projections", "rebuild", name]).await;
        let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
        anyhow::ensure!(code == Some(0), "the rebuild failed: {said}");
        let said = without_colors(&said);
        let last = said.lines().rfind(|line| line.contains("rebuilding"));
        let last = last.with_context(|| format!("the rebuild did not say how far it was: {said}"))?;
        let number = |field| {
            value(last, field)
                .and_then(|text| text.parse::<f64>().ok())
                .unwrap_or_default()
        };
        let events = number("position");
        // the command is a child of ours that was waited for, and did its work in the server's database
        let each = |ms: f64| ms / 1_000.0 / events * 100_000.0;
        let (ours, database) = (
            each(after.0.since(before.0).server_ms),
            each(after.1.since(before.1).database_ms),
        );
        bench.add(Row {
            workload: format!("rebuild {name}"),
            value: number("events_per_second"),
            unit: "events/s",
            limit: Some(copy.clone()),
            note: format!(
                "{events:.0} events, {seconds:.1} s with start and switch; CPU for each 100,000: {ours:.2} s, {database:.2} s in the database"
            ),
            load_average,
            ..Row::default()
        });
    }
    Ok(())
}

/// A second start, and the memory of a server that does nothing.
pub async fn start(bench: &mut Bench) -> Result<()> {
    let load_average = process::load_average();
    let took = later_start(&bench.server).await;
    bench.add(start_row("second start until ready", took, load_average));
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(Durability::Full)).await?;
    let database = cluster.database().await;
    let beside = Server::start_with(&[("ANNALOCK_DATABASE_URL", &database.url)]).await;
    let load_average = process::load_average();
    let took = later_start(&beside).await;
    beside.stop().await;
    drop((beside, database, cluster));
    bench.add(start_row("the same, PostgreSQL runs already", took, load_average));
    tokio::time::sleep(REST).await;
    let resting = process::memory_mib(bench.server.pid(), "VmRSS").context("the server runs")?;
    bench.add(Row {
        workload: "resting memory of the server process".to_owned(),
        value: resting,
        unit: "MiB",
        load_average,
        ..Row::default()
    });
    Ok(())
}

/// The middle one of some starts, in milliseconds, of a server that was there before.
async fn later_start(server: &Server) -> f64 {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        server.stop().await;
        let began = Instant::now();
        server.start_again().await;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took[STARTS / 2].as_secs_f64() * 1_000.0
}

fn start_row(workload: &str, took: f64, load_average: Option<f64>) -> Row {
    Row {
        workload: workload.to_owned(),
        value: took,
        unit: "ms",
        note: format!("to 5 ms, the middle one of {STARTS}"),
        load_average,
        ..Row::default()
    }
}

/// What stands after `field=`, without quotation marks.
fn value<'a>(line: &'a str, field: &str) -> Option<&'a str> {
    let start = line.find(&format!("{field}="))? + field.len() + 1;
    let rest = line[start..].trim_start_matches('"');
    rest.split(['"', ' ', ',']).next()
}

/// The text without the sequences that color it.
fn without_colors(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('\u{1b}');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    out
}
