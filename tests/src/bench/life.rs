//! The life of a server: rebuilding its read models, starting, resting.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::cluster::{Cluster, Durability};
use tests::server::Server;

use crate::bench::Bench;
use crate::process;
use crate::report::Row;

/// How long a started server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// How often a start is measured.
const STARTS: usize = 5;

/// All read models again from the history, while the server runs without load.
pub async fn rebuild(bench: &mut Bench) -> Result<()> {
    bench.need(5, crate::reading::LARGE).await;
    let copy = bench.copy_limit().await?;
    let load_average = process::load_average();
    let began = Instant::now();
    let (code, said) = bench.server.run(&["projections", "rebuild"]).await;
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(code == Some(0), "the rebuild failed: {said}");
    let said = without_colors(&said);
    let mut last: Vec<(String, f64, f64)> = Vec::new();
    for line in said.lines().filter(|line| line.contains("rebuilding")) {
        let name = after(line, "projector")
            .context("a line of progress names the projector")?
            .to_owned();
        let number = |field| after(line, field).and_then(|text| text.parse::<f64>().ok());
        let found = (
            name,
            number("position").unwrap_or_default(),
            number("events_per_second").unwrap_or_default(),
        );
        last.retain(|(other, ..)| *other != found.0);
        last.push(found);
    }
    anyhow::ensure!(!last.is_empty(), "the rebuild did not say how far it was: {said}");
    for (name, position, rate) in last {
        bench.add(Row {
            workload: format!("rebuild {name}"),
            value: rate,
            unit: "events/s",
            limit: Some(copy.clone()),
            note: format!("{position:.0} events; all read models took {seconds:.1} s with start and switch"),
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
fn after<'a>(line: &'a str, field: &str) -> Option<&'a str> {
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
