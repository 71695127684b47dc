//! Logs to standard error and metrics for Prometheus: set up once, at the start of the program.
//!
//! What is not here: which metrics exist (each crate names its own), and the listener that serves them
//! (`infra/server`, `ops_http.rs`).

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

pub use metrics_exporter_prometheus::PrometheusHandle;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Upper bounds of the buckets of every histogram whose name ends in `_seconds`.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The same for `_events`, `_rows` and `_bytes`: powers of four.
const COUNTS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Checks a filter as `info,annalock=debug,sqlx=warn` without installing it.
///
/// # Errors
/// A sentence that names the part that cannot be read.
pub fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map(drop).map_err(|e| e.to_string())
}

/// Sends log lines that pass `filter` to standard error.
///
/// # Errors
/// When the filter cannot be read or a logger is already set.
pub fn init_log(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    // notices of the database ("already exists, skipping") are noise unless they are asked for
    let filter = EnvFilter::try_new(format!("sqlx=warn,{filter}")).context("the log filter cannot be read")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    }
    .map_err(|e| anyhow::anyhow!("logging could not be set up: {e}"))
}

/// Installs the recorder behind the `metrics` macros and returns the handle that renders it as Prometheus text. Call
/// [`PrometheusHandle::run_upkeep`] every few seconds, or histograms grow without bound.
///
/// # Errors
/// When a recorder is already set.
pub fn init_metrics() -> anyhow::Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?;
    for suffix in ["_events", "_rows", "_bytes"] {
        builder = builder.set_buckets_for_metric(Matcher::Suffix(suffix.into()), &COUNTS)?;
    }
    builder.install_recorder().context("metrics could not be set up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_histograms_with_buckets() {
        let handle = init_metrics().unwrap();
        metrics::histogram!("answer_seconds").record(0.003);
        metrics::counter!("answers_total", "status" => "200").increment(2);
        handle.run_upkeep();
        let text = handle.render();
        assert!(text.contains("answer_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("answer_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
        assert!(text.contains("answers_total{status=\"200\"} 2"), "{text}");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_told_before_it_is_used() {
        check_filter("info,sqlx=warn").unwrap();
        assert!(check_filter("info,sqlx=loud").is_err());
    }
}
