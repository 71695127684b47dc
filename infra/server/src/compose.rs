//! Puts the parts together: which adapter stands behind which port, which routers answer, which work runs in the
//! background.

use crate::{
    access::ReadModelAccess,
    address,
    clock::{self, RandomIds, SystemClock},
    config::{Config, Signups},
    data_dir::DataDir,
    directory::ReadModelDirectory,
    elsewhere::OtherProcesses,
    keys::Keys,
    post, proof,
    readiness::Readiness,
    service::Service,
    sessions::LiveSessions,
    shutdown::Shutdown,
    stores::Stores,
    tail::Tail,
};
use anyhow::{Context as _, Result};
use async_trait::async_trait;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, StatusCode},
    middleware::{self, Next},
    response::IntoResponse,
};
use commands::{
    execute::Executor,
    ports::{
        Seal, TxtError, TxtRecords,
        shared_state::{LastPosition, RateLimiter},
    },
};
use domain::{event::Position, organization::claim::DomainName};
use passwords::{Argon2Hasher, HmacProofs};
use projections::{feed::Subscription, generation, live::Live, runner::Runner};
use read_api::{About, ReadApi, sync::Bodies};
use redis_adapter::{InProcess, RedisShared};
use std::{any::Any, sync::Arc, thread::available_parallelism, time::Duration};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use web::{Authenticator, Problem};
use write_api::{
    WriteApi,
    account::{AccountPorts, Signups as WhoMayRegister},
};

/// How many folded states are kept to start reading from.
const BASELINES: usize = 65_536;
/// How long events gather for the sync-critical projector while nobody waits for them.
const GATHER: Duration = Duration::from_millis(20);
/// The same where other processes may wait for it, which it does not know of.
const GATHER_SHARED: Duration = Duration::from_millis(2);
/// How long events gather for the audit log.
const GATHER_LOG: Duration = Duration::from_millis(100);
/// The largest body of an ordinary request: bytes.
const MAX_BODY: usize = 4 << 20;

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
    let keys = Keys::open(shell.data.keys())?;
    let stores = Stores::open(&shell.config, &shell.database_url, &keys).await?;
    let gather = if shell.config.redis_url.is_some() {
        GATHER_SHARED
    } else {
        GATHER
    };
    let live = Arc::new(Live::gathering(gather));
    let tail = Arc::new(Tail::new(stores.feed()));
    let log = Arc::new(Live::gathering(GATHER_LOG));
    run_projectors(shell, &stores, &tail, [&live, &log]);
    let write = apis(shell, &keys, &stores, [&live, &log])?;
    post::start(shell, &keys, &stores, &tail, &write).await?;
    proof::start(shell, &keys, &stores)?;
    tidy(shell, &write);
    close_at_end(shell, stores.clone(), Arc::clone(&write.account));
    wait_until_caught_up(&shell.readiness, &stores, &live).await?;
    look_at_claims(shell, &write);
    Ok(routers(shell, &write))
}

/// The ports of all routes.
fn apis(shell: &Shell, keys: &Keys, stores: &Stores, [live, log]: [&Arc<Live>; 2]) -> Result<WriteApi> {
    let config = &shell.config;
    let public_url = config.public_url.as_str().trim_end_matches('/').to_owned();
    let auth = Authenticator {
        tokens: Arc::new(keys.tokens(&issuer(config), config)?),
        sessions: Arc::new(LiveSessions {
            live: Arc::clone(live),
            pool: stores.pool.clone(),
        }),
        now: clock::now,
    };
    let open = config.signups == Signups::Open;
    let shared = match &config.redis_url {
        Some(url) => Some(Arc::new(RedisShared::new(url.expose()).context("ANNALOCK_REDIS_URL")?)),
        None => None,
    };
    let positions = shared.clone().map(|shared| shared as Arc<dyn LastPosition>);
    let read = ReadApi::new(
        stores.pool.clone(),
        [Arc::clone(live), Arc::clone(log)],
        config.read_wait,
        Arc::new(OtherProcesses {
            positions: positions.clone(),
            store: stores.store(),
        }),
        auth,
        Arc::new(About {
            public_url,
            registration: open,
        }),
        Arc::new(Bodies::new(
            (config.sync_memory_mib as usize) << 20,
            config.database_connections as usize,
        )),
    );
    let seal: Arc<dyn Seal> = Arc::clone(&stores.keyring) as _;
    let executor = Executor::new(
        stores.store(),
        seal,
        stores.snapshots(),
        Arc::new(SystemClock),
        Arc::new(RandomIds),
        keys.installation()?,
        BASELINES,
    );
    let account = AccountPorts::new(
        Arc::new(Argon2Hasher::new(available_parallelism()?)?),
        Arc::new(keys.addresses()?),
        Arc::new(HmacProofs::new(&*keys.secret("proofs")?)),
        Arc::new(ops::PostgresRefreshTokens::new(
            stores.pool.clone(),
            &*keys.secret("refresh")?,
        )),
        limiter(config, shared),
        (
            WhoMayRegister {
                open,
                invited: config.signups != Signups::Closed,
                verify: config.signups_verify,
            },
            config.founders.clone(),
        ),
    );
    Ok(WriteApi {
        executor,
        directory: Arc::new(ReadModelDirectory(read.clone())),
        access: Arc::new(ReadModelAccess(read.clone())),
        positions,
        read,
        account: Arc::new(account),
        names: names(config),
        signed: Arc::new(proof::Signed::new(keys, stores)?),
        noted: Arc::default(),
    })
}

/// Looks up names; without a resolver each look-up says why.
fn names(config: &Config) -> Arc<dyn TxtRecords> {
    match dns::Resolver::new(config.dns_resolver) {
        Ok(resolver) => Arc::new(resolver),
        Err(error) => {
            tracing::warn!(%error, "domains cannot be claimed");
            Arc::new(Nameless(error.to_string()))
        }
    }
}

/// Stands where no resolver can be used.
struct Nameless(String);

#[async_trait]
impl TxtRecords for Nameless {
    async fn txt(&self, _: &DomainName) -> Result<Vec<String>, TxtError> {
        Err(TxtError(self.0.clone()))
    }
}

/// `scheme://host[:port]` of the public address.
fn issuer(config: &Config) -> String {
    config.public_url.origin().ascii_serialization()
}

/// Counts tries: in Redis where there is one, else in this process; not at all where it is switched off for load tests.
fn limiter(config: &Config, shared: Option<Arc<RedisShared>>) -> Arc<dyn RateLimiter> {
    match shared {
        _ if !config.rate_limits => Arc::new(crate::unlimited::Unlimited),
        Some(shared) => shared,
        None => Arc::new(InProcess::default()),
    }
}

/// Starts the projectors: the sync-critical one, and that of the audit log.
fn run_projectors(shell: &Shell, stores: &Stores, tail: &Arc<Tail>, lives: [&Arc<Live>; 2]) {
    let projectors = projections::catalog::projectors(Some(Arc::clone(lives[0])));
    for (projector, live) in projectors.into_iter().zip(lives) {
        let told = Some(Arc::clone(live));
        let feed = Arc::clone(tail) as Arc<dyn Subscription>;
        let runner = Runner::new(projector, stores.pool.clone(), feed, told);
        let runner = runner.keep_retired_for(shell.config.rebuild_grace);
        let stop = shell.shutdown.background.clone();
        shell.shutdown.tasks.spawn(async move {
            stop.run_until_cancelled(runner.run()).await;
        });
    }
}

/// Writes gathered refusals and forgets sessions that ended by themselves.
fn tidy(shell: &Shell, app: &WriteApi) {
    let (account, executor, stop) = (
        Arc::clone(&app.account),
        app.executor.clone(),
        shell.shutdown.background.clone(),
    );
    shell.shutdown.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        let mut hours = tokio::time::interval(Duration::from_secs(3600));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => account.refusals.flush(&executor).await,
                _ = hours.tick() => {
                    if let Err(error) = account.sessions.delete_expired(clock::now()).await {
                        tracing::warn!(%error, "expired sessions are not deleted");
                    }
                }
            }
        }
        account.refusals.finish(&executor).await;
    });
}

/// Looks at claimed domains now and every hour; where something kept it from that, in a minute, and each time it still does, in twice
/// the time.
fn look_at_claims(shell: &Shell, app: &WriteApi) {
    let (app, stop) = (app.clone(), shell.shutdown.background.clone());
    shell.shutdown.tasks.spawn(async move {
        const HOUR: Duration = Duration::from_secs(3_600);
        let mut after_a_failure = HOUR / 60;
        while let Some(looked) = stop.run_until_cancelled(app.look_at_claims()).await {
            let wait = match looked {
                Ok(()) => {
                    after_a_failure = HOUR / 60;
                    HOUR
                }
                Err(problem) => {
                    tracing::warn!(status = %problem.status(), "claimed domains are not looked at");
                    let wait = after_a_failure;
                    after_a_failure = (wait * 2).min(HOUR);
                    wait
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
    });
}

/// Closes the stores when all other background work has ended.
fn close_at_end(shell: &Shell, stores: Stores, account: Arc<AccountPorts>) {
    let stop = shell.shutdown.background.clone();
    shell.shutdown.tasks.spawn(async move {
        stop.cancelled().await;
        account.background.close();
        account.background.wait().await;
        stores.close().await;
    });
}

/// Ready means: there are read models, and they have reached the head that was there at the start.
async fn wait_until_caught_up(readiness: &Readiness, stores: &Stores, live: &Live) -> Result<()> {
    let head = stores.store().head().await?;
    readiness.set("sync", false, "read models catch up");
    while !are_there(stores).await? {
        // the projectors make them, at the very first start as well
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if head > Position::START {
        while !live.reached(head, Duration::from_secs(5)).await {
            tracing::info!(position = %live.position(), %head, "read models catch up");
        }
    }
    readiness.set("sync", true, "read models are up to date");
    Ok(())
}

/// Whether both projectors have tables that are read from.
async fn are_there(stores: &Stores) -> Result<bool> {
    let generations = generation::all(&stores.pool).await?;
    let is_live = |projector| {
        generations
            .iter()
            .any(|g| g.projector == projector && g.state == "live")
    };
    Ok(["sync", "audit"].into_iter().all(is_live))
}

/// All services under their prefixes, and each at the root. What is not there is an empty 404, whoever asks.
fn routers(shell: &Shell, app: &WriteApi) -> Composed {
    let finish = |router: Router| {
        let config = Arc::clone(&shell.config);
        router
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| {
                Problem::internal().into_response()
            }))
            .layer(middleware::from_fn(web::drain::leave_no_body))
            .layer(cors(&shell.config))
            .layer(middleware::from_fn(move |request: Request, next: Next| {
                let answered = next.run(address::note(request, &config.trusted_proxies));
                async { web::headers::private(answered.await) }
            }))
    };
    let health = || read_api::health::routes().into_router().with_state(app.read.clone());
    let mut public = health();
    let mut by_service = Vec::new();
    for service in shell.services.iter().copied() {
        let (Some(prefix), Some(router)) = (service.prefix(), router_of(service, app)) else {
            continue;
        };
        public = public.nest(prefix, router.clone());
        by_service.push((service, finish(router)));
    }
    Composed {
        public: finish(public),
        by_service,
    }
}

/// Which pages may call: those of the public address, and the desktop client, whose pages come from its own files.
fn cors(config: &Config) -> CorsLayer {
    const DESKTOP: [&str; 2] = ["file://", "bw-desktop-file://bundle"];
    let origins: Vec<HeaderValue> = DESKTOP
        .into_iter()
        .map(str::to_owned)
        .chain([issuer(config)])
        .filter_map(|origin| origin.parse().ok())
        .collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(tower_http::cors::AllowMethods::mirror_request())
        .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
        .allow_credentials(true)
        .max_age(Duration::from_secs(3600))
}

fn router_of(service: Service, app: &WriteApi) -> Option<Router> {
    let read = app.read.clone();
    match service {
        Service::Api => Some(write_api::api_router(app).merge(write_api::public::router(app.clone()))),
        Service::Identity => Some(
            read_api::identity_routes()
                .into_router()
                .with_state(read)
                .merge(write_api::identity_routes().into_router().with_state(app.clone())),
        ),
        // their work comes later; what is there already is being asked whether they live
        Service::Events => Some(
            read_api::health::routes()
                .into_router()
                .with_state(read)
                .merge(write_api::events_routes().into_router().with_state(app.clone())),
        ),
        Service::Notifications | Service::Icons | Service::Sso | Service::Scim => {
            Some(read_api::health::routes().into_router().with_state(read))
        }
        Service::Admin | Service::Billing | Service::EventsProcessor => None,
    }
}
