//! A private PostgreSQL: one cluster in a folder of ours, run by us from the binaries of the system.
//!
//! [`PrivatePostgres::start`] makes the cluster when there is none, starts the server, waits for its recovery and
//! supervises it: a server that dies is started again, pools reconnect by themselves. It listens on a Unix socket in a
//! folder of mode 0700 and nowhere else. Settings are durable: `fsync`, `full_page_writes` and `synchronous_commit` are
//! on, given on the command line, so that no file in the cluster can turn them off.
//!
//! What is not here: upgrades between major versions of PostgreSQL (a sentence says so), replicas, and backups.
//!
//! Source: ENGINE section 15; PostgreSQL manual, "Server Setup and Operation".

mod account;
mod binaries;
mod cluster;
mod error;
mod folder;
mod log_file;
mod old_server;
mod ready;
mod settings;
mod supervisor;

pub use account::Account;
pub use binaries::{Binaries, MIN_MAJOR, candidates};
pub use cluster::cluster_major;
pub use error::StartError;
pub use folder::Layout;

use std::path::PathBuf;
use std::sync::Arc;
use supervisor::{ChildState, Supervisor};
use tokio::sync::watch;

/// Starts that may fail one after the other before [`PrivatePostgres::start`] gives up; together they take about 5 s.
const START_TRIES: u32 = 8;

/// What to run and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything of this server: cluster, socket, log, lock. Made when missing.
    pub folder: PathBuf,
    /// The folder with `initdb` and `postgres`; `None` = look for them.
    pub bin: Option<PathBuf>,
    /// Names tried, in this order, for the account that runs the server when we are root. When none of them exists the
    /// first is created as a system user.
    pub accounts: Vec<String>,
}

impl Options {
    /// The usual: binaries found by us, account `annalock`, else `postgres`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            bin: None,
            accounts: vec!["annalock".into(), "postgres".into()],
        }
    }
}

/// How the server is, as seen by its supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It accepts connections.
    Ready,
    /// It died or is recovering; it is being started again. The text says why.
    Restarting(String),
    /// Stopped by us.
    Stopped,
}

/// A running private server. Dropping it stops the server and waits for that; [`PrivatePostgres::stop`] does the same
/// without blocking a worker thread.
#[derive(Debug)]
pub struct PrivatePostgres {
    layout: Layout,
    major: u32,
    supervisor: Arc<Supervisor>,
    health: watch::Receiver<Health>,
    monitor: tokio::task::JoinHandle<()>,
    _lock: folder::Lock,
}

impl PrivatePostgres {
    /// Starts the server and returns when it accepts connections; waits without limit while it recovers from a crash.
    /// A server that a killed predecessor of us left running is stopped first.
    ///
    /// # Errors
    /// One clear sentence each: see [`StartError`]. Nothing is left running after an error.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let prepared = tokio::task::spawn_blocking(move || cluster::prepare(&options))
            .await
            .map_err(|e| StartError::Interrupted(e.to_string()))??;
        let supervisor = Arc::new(Supervisor::start(prepared.launch)?);
        let layout = prepared.layout;
        let guard = StopOnDrop(Some(Arc::clone(&supervisor)));
        let ready = ready::wait_first(&layout, &mut supervisor.state(), START_TRIES).await?;
        ready::ensure_database(&layout).await?;
        guard.disarm();
        let (tell, health) = watch::channel(Health::Ready);
        let monitor = tokio::spawn(ready::monitor(layout.clone(), supervisor.state(), ready, tell));
        Ok(Self {
            layout,
            major: prepared.major,
            supervisor,
            health,
            monitor,
            _lock: prepared.lock,
        })
    }

    /// The address for sqlx: Unix socket, superuser `annalock`, database `annalock`.
    pub fn url(&self) -> String {
        self.layout.url()
    }

    /// Major version of the server, as 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Where its files are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Follows the server's health.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Process id of the server, while one runs.
    pub fn pid(&self) -> Option<i32> {
        self.supervisor.pid()
    }

    /// Stops the server: open transactions are rolled back, everything committed is written (SIGINT, "fast"), and its
    /// processes are gone on return. A server that does not end within 60 s is told to end at once (SIGQUIT): safe, for
    /// the next start recovers from the log.
    pub async fn stop(self) {
        let supervisor = Arc::clone(&self.supervisor);
        // The thread is joined where blocking is allowed; a runtime that shuts down meanwhile runs it to the end too.
        if tokio::task::spawn_blocking(move || supervisor.stop()).await.is_err() {
            tracing::warn!("stopping the private PostgreSQL was interrupted");
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.monitor.abort();
        self.supervisor.stop();
    }
}

/// Stops the server when a start fails half way.
struct StopOnDrop(Option<Arc<Supervisor>>);

impl StopOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(supervisor) = &self.0 {
            supervisor.stop();
        }
    }
}
