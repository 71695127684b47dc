//! The life of a server: rebuilding its read models, starting, resting.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::process;
use crate::report::Row;

/// How long a started server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);

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
