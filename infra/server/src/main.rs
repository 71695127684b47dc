//! The program `annalock`: reads the command line and hands over. What serves requests is put together in `compose.rs`.

mod access;
mod address;
mod banner;
mod cli;
mod clock;
mod commands_cli;
mod compose;
mod config;
mod data_dir;
mod database;
mod directory;
mod doctor;
mod elsewhere;
mod feed;
mod healthcheck;
mod keys;
mod listen;
mod ops_http;
mod post;
mod proof;
mod readiness;
mod run;
mod service;
mod sessions;
mod shutdown;
mod stores;
mod tail;
mod tls;
mod unlimited;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use cli::{Audit, Cli, Command, Settings};
use config::Config;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "annalock: {e:#}"); // nobody there to read it
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let file = cli.config;
    match cli.command {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "annalock", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(command) => settings(file, &command),
        // whoever was given an export has neither settings nor a database
        Command::Audit(Audit::Verify(verify)) if verify.file.is_some() => {
            commands_cli::audit::verify::file(&verify)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor { json } => doctor::run(Config::of_this_process(file), json),
        command => {
            let config = Config::of_this_process(file)?;
            telemetry::init_log(&config.log, config.log_format)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(work(config, command))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn work(config: Config, command: Command) -> Result<()> {
    match command {
        Command::Run { services } => run::run(config, &services).await,
        Command::Healthcheck => healthcheck::run(&config).await,
        Command::Migrate => commands_cli::migrate::run(&config).await,
        Command::Projections(command) => commands_cli::projections::run(&config, command).await,
        Command::Audit(command) => commands_cli::audit::run(&config, command).await,
        Command::Mail(command) => commands_cli::mail::run(&config, command).await,
        Command::Completions { .. } | Command::Config(_) | Command::Doctor { .. } => Ok(()), // done without a runtime
    }
}

fn settings(file: Option<PathBuf>, command: &Settings) -> Result<ExitCode> {
    let config = Config::of_this_process(file)?;
    let mut out = std::io::stdout().lock();
    match command {
        Settings::Check => {
            for warning in &config.warnings {
                writeln!(out, "warning: {warning}")?;
            }
            writeln!(out, "the settings can be used")?;
        }
        Settings::Show { json: true } => writeln!(out, "{:#}", config::show::json(&config))?,
        Settings::Show { json: false } => write!(out, "{}", config::show::text(&config))?,
    }
    Ok(ExitCode::SUCCESS)
}
