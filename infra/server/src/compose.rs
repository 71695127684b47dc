//! Puts the parts together: which routers answer, which work runs in the background.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::readiness::Readiness;
use crate::service::Service;
use crate::shutdown::Shutdown;
use anyhow::Result;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

/// What the program shell hands over.
#[derive(Debug)]
pub struct Shell {
    /// All settings.
    pub config: Arc<Config>,
    /// The data folder, locked by us.
    pub data: Arc<DataDir>,
    /// Services to run, sorted.
    pub services: Vec<Service>,
    /// The database; it may hold a password.
    pub database_url: String,
    /// Where parts tell how they are; `/readyz` shows it.
    pub readiness: Readiness,
    /// Spawn background work on `shutdown.tasks`; it ends when `shutdown.background` is cancelled. Long-lived answers
    /// (web sockets) end when `shutdown.requested` is.
    pub shutdown: Shutdown,
}

/// What the listeners serve.
#[derive(Debug)]
pub struct Composed {
    /// The common listener: every chosen service under its prefix, and `/alive`.
    pub public: Router,
    /// Each service at the root path, for its own port.
    pub by_service: Vec<(Service, Router)>,
}

/// Builds routers and starts background work.
///
/// With events in KurrentDB no cryptography is installed yet when this is called: create its client first, then call
/// [`crate::tls::install_default_provider`].
///
/// # Errors
/// When a part cannot be built; the program then ends.
pub async fn build(shell: &Shell) -> Result<Composed> {
    let alive = || Router::new().route("/alive", get(async || "alive"));
    let by_service: Vec<(Service, Router)> = shell
        .services
        .iter()
        .filter(|s| s.prefix().is_some())
        .map(|s| (*s, alive()))
        .collect();
    let mut public = alive();
    for (service, router) in &by_service {
        if let Some(prefix) = service.prefix() {
            public = public.nest(prefix, router.clone());
        }
    }
    Ok(Composed { public, by_service })
}
