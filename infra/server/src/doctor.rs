//! `annalock doctor`: looks at everything the program rests on and says what is wrong, without changing anything.

mod local;
mod remote;

use crate::config::{Config, ConfigErrors};
use anyhow::Result;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Well.
    Ok,
    /// Works, but should be looked at.
    Warn,
    /// Wrong.
    Fail,
    /// Not used here.
    Skip,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub status: Status,
    /// A sentence.
    pub detail: String,
}

impl Finding {
    fn new(check: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self {
            check,
            status,
            detail: detail.into(),
        }
    }

    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, detail)
    }

    fn warn(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, detail)
    }

    fn fail(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, detail)
    }

    fn skip(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Skip, detail)
    }
}

/// Prints the report; the exit code is 1 when something is wrong.
///
/// # Errors
/// When the report cannot be printed.
pub fn run(config: Result<Config, ConfigErrors>, json: bool) -> Result<ExitCode> {
    let findings = match config {
        Err(errors) => errors
            .0
            .iter()
            .map(|e| Finding::fail("settings", e.to_string()))
            .collect(),
        Ok(config) => tokio::runtime::Runtime::new()?.block_on(examine(&config)),
    };
    let failed = findings.iter().any(|f| f.status == Status::Fail);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{:#}", serde_json::json!({ "ok": !failed, "checks": findings }))?;
    } else {
        for Finding { check, status, detail } in &findings {
            let word = format!("{status:?}").to_lowercase();
            writeln!(out, "{word:<5} {check:<18} {detail}")?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine(config: &Config) -> Vec<Finding> {
    crate::tls::install_default_provider();
    let mut findings = vec![local::settings(config)];
    findings.extend(local::data_folder(config));
    findings.push(local::disk(config));
    findings.push(local::clock());
    findings.push(local::certificate(config));
    findings.extend(remote::database(config).await);
    findings.push(remote::redis(config).await);
    findings.push(remote::smtp(config).await);
    findings
}
