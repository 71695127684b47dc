//! What was measured, as a table and as JSON.

use serde::Serialize;

/// One measurement.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    pub workload: String,
    pub in_flight: Option<usize>,
    pub value: f64,
    pub unit: &'static str,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// CPU of the server process for each request.
    pub server_cpu_ms: Option<f64>,
    /// CPU of its PostgreSQL for each request.
    pub database_cpu_ms: Option<f64>,
    /// What the machine can do at most, by other means, in the same unit and the same run.
    pub limit: Option<Limit>,
    pub note: String,
    /// The load of the machine when the measurement began: what else ran counts.
    pub load_average: Option<f64>,
}

/// What a measurement is compared with.
#[derive(Debug, Clone, Serialize)]
pub struct Limit {
    pub of: String,
    /// `None`: not to be had here.
    pub value: Option<f64>,
    pub p99_ms: Option<f64>,
}

impl Row {
    /// Measured value over limit.
    pub fn ratio(&self) -> Option<f64> {
        self.limit.as_ref()?.value.map(|limit| self.value / limit)
    }
}

const HEAD: [&str; 12] = [
    "workload",
    "in flight",
    "value",
    "unit",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "db CPU ms",
    "limit",
    "limit p99",
    "ratio",
    "note",
];

/// Prints the head of the table.
pub fn head() {
    line(&HEAD.map(str::to_owned));
    println!("|{}", "---|".repeat(HEAD.len()));
}

/// Prints a row of the table.
pub fn show(row: &Row) {
    let limit = row.limit.as_ref();
    line(&[
        row.workload.clone(),
        row.in_flight.map(|n| n.to_string()).unwrap_or_default(),
        number(Some(row.value)),
        row.unit.to_owned(),
        number(row.p50_ms),
        number(row.p99_ms),
        number(row.server_cpu_ms),
        number(row.database_cpu_ms),
        limit.map_or_else(String::new, |l| match l.value {
            Some(value) => format!("{} {}", l.of, number(Some(value))),
            None => format!("{}: not installed", l.of),
        }),
        number(limit.and_then(|l| l.p99_ms)),
        row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        row.note.clone(),
    ]);
}

fn line(cells: &[String; 12]) {
    println!("| {} |", cells.join(" | "));
}

/// Three significant digits at least.
fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) if value.abs() >= 0.1 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}
