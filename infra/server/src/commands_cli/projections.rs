//! `annalock projections`: read models.

use super::open::Opened;
use crate::{
    cli::{Parked, Projections},
    config::Config,
};
use anyhow::{Result, bail};
use domain::event::Position;
use indicatif::{ProgressBar, ProgressStyle};
use projections::{
    catalog, generation, park,
    projector::Projector,
    rebuild::{self, Options, Progress},
    runner::Runner,
};
use serde_json::json;
use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

/// Runs the command.
///
/// # Errors
/// When the database cannot be reached, there is no such projector, or tables differ.
pub async fn run(config: &Config, command: Projections) -> Result<()> {
    let opened = Opened::open(config).await?;
    let result = match command {
        Projections::List => list(),
        Projections::Status { json } => status(&opened, json).await,
        Projections::Rebuild { name, verify: true } | Projections::Verify { name } => {
            verify(&opened, name, config.rebuild_grace).await
        }
        Projections::Rebuild { name, verify: false } => rebuild(&opened, name, !config.rebuild_grace.is_zero()).await,
        Projections::Rollback { name } => rollback(&opened, name).await,
        Projections::Parked(command) => parked(&opened, command).await,
    };
    opened.close().await;
    result
}

fn list() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for projector in catalog::projectors(None) {
        let tables: Vec<&str> = projector.tables().iter().map(|(table, _)| *table).collect();
        writeln!(
            out,
            "{}\tversion {}\t{}",
            projector.name(),
            projector.version(),
            tables.join(", ")
        )?;
    }
    Ok(())
}

async fn status(opened: &Opened, as_json: bool) -> Result<()> {
    let head = opened.stores.store().head().await?;
    let generations = generation::all(&opened.stores.pool).await?;
    let parked = park::list(&opened.stores.pool).await?;
    let mut out = std::io::stdout().lock();
    for generation in generations {
        let count = parked.iter().filter(|p| p.generation == generation.number).count();
        let lag = head.0.saturating_sub(generation.position.0);
        if as_json {
            let line = json!({
                "projector": generation.projector, "generation": generation.number, "version": generation.version,
                "state": generation.state, "position": generation.position.0, "head": head.0, "lag": lag, "parked": count,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{}\tgeneration {}\tversion {}\t{}\tposition {} of {head}\tbehind {lag}\tparked {count}",
                generation.projector, generation.number, generation.version, generation.state, generation.position,
            )?;
        }
    }
    Ok(())
}

/// The projectors meant by `name`: that one, or all.
fn chosen(name: Option<String>) -> Result<Vec<Arc<dyn Projector>>> {
    let all = catalog::projectors(None);
    let Some(name) = name else { return Ok(all) };
    let names: Vec<&str> = all.iter().map(|projector| projector.name()).collect();
    let known = names.join(", ");
    let found: Vec<_> = all.into_iter().filter(|projector| projector.name() == name).collect();
    if found.is_empty() {
        bail!("there is no projector {name}; there are {known}")
    } else {
        Ok(found)
    }
}

async fn rebuild(opened: &Opened, name: Option<String>, keep: bool) -> Result<()> {
    for projector in chosen(name)? {
        let report = Report::new(projector.name());
        let (feed, options) = (
            opened.stores.feed_of(&*projector),
            Options {
                keep,
                ..Options::default()
            },
        );
        rebuild::run(&*projector, &opened.stores.pool, &feed, options, &|p| report.show(p)).await?;
        report.done();
    }
    Ok(())
}

async fn rollback(opened: &Opened, name: String) -> Result<()> {
    for projector in chosen(Some(name))? {
        let report = Report::new(projector.name());
        let feed = opened.stores.feed_of(&*projector);
        let now = rebuild::rollback(&*projector, &opened.stores.pool, &feed, &|p| report.show(p)).await?;
        report.done();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}\tgeneration {}\tlive again", now.projector, now.number)?;
    }
    Ok(())
}

/// Builds beside and compares. The live tables must keep up meanwhile: by the server, else by us.
async fn verify(opened: &Opened, name: Option<String>, grace: Duration) -> Result<()> {
    let mut differing = Vec::new();
    for projector in chosen(name)? {
        let feed = opened.stores.feed_of(&*projector);
        let runner = Runner::new(
            Arc::clone(&projector),
            opened.stores.pool.clone(),
            Arc::clone(&feed),
            None,
        );
        let running = tokio::spawn(runner.keep_retired_for(grace).run());
        first_generation(opened, projector.name()).await?;
        let report = Report::new(projector.name());
        let options = Options {
            swap: false,
            ..Options::default()
        };
        let compared = rebuild::run(&*projector, &opened.stores.pool, &feed, options, &|progress| {
            report.show(progress)
        })
        .await;
        running.abort();
        let comparison = compared?;
        report.done();
        let mut out = std::io::stdout().lock();
        for (table, rows, difference) in comparison.iter().flat_map(|c| &c.tables) {
            match difference {
                None => writeln!(out, "{}.{table}\t{rows} rows\tequal", projector.name())?,
                Some(key) => {
                    writeln!(out, "{}.{table}\t{rows} rows\tdiffers at {key}", projector.name())?;
                    differing.push(format!("{}.{table}", projector.name()));
                }
            }
        }
    }
    if differing.is_empty() {
        Ok(())
    } else {
        bail!("rebuilt tables differ from the live ones: {}", differing.join(", "))
    }
}

/// Waits until there is something to compare with.
async fn first_generation(opened: &Opened, projector: &str) -> Result<()> {
    for _ in 0..600 {
        let live = generation::all(&opened.stores.pool).await?;
        if live
            .iter()
            .any(|generation| generation.projector == projector && generation.state == "live")
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("{projector} has no live tables")
}

async fn parked(opened: &Opened, command: Parked) -> Result<()> {
    let pool = &opened.stores.pool;
    match command {
        Parked::List => {
            let mut out = std::io::stdout().lock();
            for event in park::list(pool).await? {
                writeln!(
                    out,
                    "{}\tgeneration {}\tposition {}\t{}\t{}\ttries {}\t{}",
                    event.projector,
                    event.generation,
                    event.position,
                    event.stream,
                    event.type_name,
                    event.tries,
                    event.error,
                )?;
            }
            Ok(())
        }
        Parked::Retry(event) => {
            if park::retry(pool, &event.projector, Position(event.position)).await? {
                return Ok(());
            }
            bail!(
                "no event at position {} is parked for {}",
                event.position,
                event.projector
            )
        }
        Parked::Skip(event) => {
            if park::skip(pool, &event.projector, Position(event.position)).await? {
                return Ok(());
            }
            bail!(
                "no event at position {} is parked for {}",
                event.position,
                event.projector
            )
        }
    }
}

/// Shows how far a rebuild is: as a bar on a terminal, as lines in the log otherwise.
struct Report {
    name: &'static str,
    bar: Option<ProgressBar>,
}

impl Report {
    fn new(name: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:40} {percent}% {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(name);
            bar
        });
        Self { name, bar }
    }

    fn show(&self, progress: &Progress) {
        let (percent, rate, left) = (progress.percent(), progress.rate(), progress.remaining());
        match &self.bar {
            Some(bar) => {
                bar.set_position(percent as u64);
                bar.set_message(format!("{rate:.0} events/s, {:.0} s left", left.as_secs_f64()));
            }
            None => tracing::info!(
                projector = self.name,
                position = progress.position.0,
                head = progress.head.0,
                percent = format!("{percent:.1}"),
                events_per_second = format!("{rate:.0}"),
                seconds_left = format!("{:.1}", left.as_secs_f64()),
                "rebuilding"
            ),
        }
    }

    fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}
