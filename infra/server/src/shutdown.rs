//! Ends the program in order: first no new connections, then requests in flight are finished, then background work
//! stops, then the database.

use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests in flight may take to finish.
pub const DRAIN: Duration = Duration::from_secs(20);
/// How long background work may take to stop.
pub const SETTLE: Duration = Duration::from_secs(10);

/// Passed to everything that runs until the end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled by a signal: accept nothing new, close what is idle, and let long-lived answers (web sockets) end.
    pub requested: CancellationToken,
    /// Cancelled when no request is in flight any more: projectors and timers stop.
    pub background: CancellationToken,
    /// Background work that must have ended before the database stops.
    pub tasks: TaskTracker,
}

impl Shutdown {
    /// Starts to listen for SIGTERM and SIGINT. A second signal ends the program at once.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::default();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let requested = shutdown.requested.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = term.recv() => "SIGTERM",
                    _ = int.recv() => "SIGINT",
                }
            };
            let name = next().await;
            tracing::info!(signal = name, "stopping; a second signal stops at once");
            requested.cancel();
            let name = next().await;
            tracing::warn!(signal = name, "stopped at once");
            std::process::exit(130);
        });
        Ok(shutdown)
    }

    /// Stops background work and waits for it, at most [`SETTLE`].
    pub async fn settle(&self) {
        self.background.cancel();
        self.tasks.close();
        if tokio::time::timeout(SETTLE, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "background work did not stop in time");
        }
    }
}
