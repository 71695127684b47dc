//! `annalock run`: from settings to a program that answers, and back to nothing running.

use crate::banner;
use crate::clock::SystemClock;
use crate::compose::{self, Composed, Shell};
use crate::config::{Config, ServicePorts, setting};
use crate::data_dir::{DataDir, Sharing};
use crate::database::Database;
use crate::listen::{Bound, Listeners, bind};
use crate::ops_http;
use crate::readiness::Readiness;
use crate::service::{self, Service};
use crate::shutdown::{DRAIN, Shutdown};
use crate::tls::{self, authority::Authority, store::CertStore, store::Origin};
use anyhow::{Context, Result, anyhow};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Connections the listener for operators may have.
const OPS_CONNECTIONS: u32 = 64;

/// Runs until a signal; everything acknowledged is finished and everything started is stopped on return.
///
/// # Errors
/// One sentence when the program cannot start.
pub async fn run(config: Config, names: &[String]) -> Result<()> {
    let services = service::choose(names).map_err(|e| anyhow!(e))?;
    let shutdown = Shutdown::on_signals().context("signals cannot be handled")?;
    let metrics = telemetry::init_metrics()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let config = Arc::new(config);
    let data = Arc::new(DataDir::open(&config.data_dir, sharing(&config))?);
    let places = Places::take(&config, &services)?;
    let readiness = Readiness::default();
    readiness.set("start", false, "starting");

    let ops = Listeners::new(OPS_CONNECTIONS);
    if let Some(bound) = places.ops {
        ops.serve(bound, ops_http::router(readiness.clone(), metrics.clone()), None)?;
    }
    shutdown
        .tasks
        .spawn(ops_http::upkeep(metrics, shutdown.background.clone()));
    let origin = certificate_origin(&config, &data);
    let acceptor = match &places.https {
        Some(_) => Some(acceptor(&origin, &shutdown)?),
        None => None,
    };
    if !config.uses_kurrentdb() {
        tls::install_default_provider();
    }

    let database = tokio::select! {
        opened = Database::open(&config, &data) => opened?,
        () = shutdown.requested.cancelled() => return Ok(()),
    };
    database.report(&readiness);
    let shell = Shell {
        config: Arc::clone(&config),
        data: Arc::clone(&data),
        services,
        database_url: database.url().to_owned(),
        readiness: readiness.clone(),
        shutdown: shutdown.clone(),
    };
    let listeners = Listeners::new(config.max_connections);
    let outcome = tokio::select! {
        composed = compose::build(&shell) => match composed {
            Ok(composed) => serve(&listeners, composed, Places { ops: None, ..places }, acceptor),
            Err(e) => Err(e),
        },
        () = shutdown.requested.cancelled() => Ok(()),
    };
    if outcome.is_ok() && !shutdown.requested.is_cancelled() {
        tls::install_default_provider();
        readiness.set("start", true, "started");
        banner::print(&config, &data, &origin);
        shutdown.requested.cancelled().await;
    }
    readiness.set("start", false, "stopping");
    let left = listeners.finish(DRAIN).await;
    if left > 0 {
        tracing::warn!(connections = left, "some requests did not finish in time");
    }
    shutdown.settle().await;
    ops.finish(DRAIN).await;
    database.close().await;
    tracing::info!("stopped");
    outcome
}

/// Whether other processes may use the data folder: not while the private PostgreSQL or the stand-in for Redis is used.
fn sharing(config: &Config) -> Sharing {
    if config.database_url.is_some() && config.redis_url.is_some() {
        Sharing::Together
    } else {
        Sharing::Alone
    }
}

/// The addresses of this run, taken before anything slow begins.
struct Places {
    https: Option<Bound>,
    http: Option<Bound>,
    ops: Option<Bound>,
    services: Vec<(Service, Bound)>,
}

impl Places {
    fn take(config: &Config, services: &[Service]) -> Result<Self> {
        let take = |address: Option<SocketAddr>, name| address.map(|a| bind(a, name)).transpose();
        let mut own = Vec::new();
        if let ServicePorts::On(address) = config.service_ports {
            for service in services {
                if let Some(port) = service.port() {
                    own.push((*service, bind((address, port).into(), setting::SERVICE_PORTS)?));
                }
            }
        }
        Ok(Self {
            https: take(config.https_bind, setting::HTTPS_BIND)?,
            http: take(config.http_bind, setting::HTTP_BIND)?,
            ops: take(config.ops_bind, setting::OPS_BIND)?,
            services: own,
        })
    }
}

fn serve(listeners: &Listeners, composed: Composed, places: Places, acceptor: Option<TlsAcceptor>) -> Result<()> {
    if let Some(bound) = places.https {
        listeners.serve(bound, composed.public.clone(), acceptor)?;
    }
    if let Some(bound) = places.http {
        listeners.serve(bound, composed.public.clone(), None)?;
    }
    for (service, bound) in places.services {
        if let Some((_, router)) = composed.by_service.iter().find(|(s, _)| *s == service) {
            listeners.serve(bound, router.clone(), None)?;
        }
    }
    Ok(())
}

/// Where the certificate comes from: the operator's files, or our own authority for the hosts clients will name.
pub fn certificate_origin(config: &Config, data: &DataDir) -> Origin {
    if let Some(files) = &config.tls {
        return Origin::Files {
            cert: files.cert.clone(),
            key: files.key.clone(),
        };
    }
    let mut names = vec![config.public_host().to_owned()];
    if let Some(bind) = config.https_bind
        && !bind.ip().is_unspecified()
    {
        names.push(bind.ip().to_string());
    }
    Origin::Local {
        authority: Authority::in_folder(&data.tls()),
        names,
    }
}

fn acceptor(origin: &Origin, shutdown: &Shutdown) -> Result<TlsAcceptor> {
    let certificates = Arc::new(CertStore::open(origin, &SystemClock)?);
    let config = tls::server_config(Arc::clone(&certificates))?;
    let fresh = certificates.keep_fresh(origin.clone(), Arc::new(SystemClock), shutdown.background.clone());
    shutdown.tasks.spawn(fresh);
    Ok(TlsAcceptor::from(Arc::new(config)))
}
