//! The life of a server: rebuilding its read models, starting, resting.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::process::{self, Cpu};
use crate::report::Row;

/// How long a started server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);

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
    bench.server.stop().await;
    let began = Instant::now();
    bench.server.start_again().await;
    bench.add(Row {
        workload: "second start until ready".to_owned(),
        value: began.elapsed().as_secs_f64() * 1_000.0,
        unit: "ms",
        note: "to 20 ms".to_owned(),
        load_average,
        ..Row::default()
    });
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
