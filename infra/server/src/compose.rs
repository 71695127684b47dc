//! Puts the parts together: which adapter stands behind which port, and which routes stand where.

use crate::{
    accounts,
    directory::ReadModelDirectory,
    feed::Feed,
    keys::Keys,
    sessions::LiveSessions,
    system::{self, RandomIds, SystemClock},
};
use anyhow::Context as _;
use axum::{Router, extract::DefaultBodyLimit, http::StatusCode};
use commands::{
    execute::Executor,
    ports::{EventStore, Seal, shared_state::RateLimiter},
};
use eventstore_postgres::PostgresStore;
use projections::{feed::Subscription, live::Live, runner::Runner};
use read_api::{About, ReadApi, sync::Bodies};
use sealing::{CACHED_SUBJECTS, Keyring, table::PostgresKeyTable};
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use web::Authenticator;
use write_api::{WriteApi, account::Signups};

/// How many folded states are kept to start reading from.
const BASELINES: usize = 65_536;
/// How many bytes of `/sync` bodies are kept.
const SYNC_BYTES: usize = 64 << 20;
/// The largest body of an ordinary request: bytes.
const MAX_BODY: usize = 4 << 20;

/// What the parts are made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database.
    pub database_url: String,
    /// How many connections for reading.
    pub database_connections: u32,
    /// Where clients find the server, without a slash at the end.
    pub public_url: String,
    /// Who may register.
    pub signups: Signups,
    /// Whether tries are counted.
    pub rate_limits: bool,
}

/// The stores and keys every subcommand works with.
pub struct Stores {
    /// Connections for reading.
    pub pool: PgPool,
    /// Events.
    pub store: Arc<PostgresStore>,
    /// Seals and opens personal data.
    pub keyring: Arc<Keyring>,
}

impl Stores {
    /// Connects, and brings all schemas up to date.
    ///
    /// # Errors
    /// What is missing or cannot be reached.
    pub async fn open(settings: &Settings, keys: &Keys) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(settings.database_connections)
            .min_connections(2)
            .acquire_timeout(Duration::from_secs(5))
            .connect(&settings.database_url)
            .await
            .context("the database cannot be reached")?;
        migrate(&pool).await?;
        let events = eventstore_postgres::Settings {
            max_append_bytes: 96 << 20,
            ..Default::default()
        };
        let store = PostgresStore::connect(&pool, events)
            .await
            .context("the event store cannot be reached")?;
        let keyring = Keyring::new(
            Arc::new(PostgresKeyTable::new(pool.clone())),
            keys.encryption()?,
            CACHED_SUBJECTS,
        );
        Ok(Self {
            pool,
            store: Arc::new(store),
            keyring: Arc::new(keyring),
        })
    }

    /// All events with their metadata, for projectors.
    pub fn feed(&self) -> Feed {
        Feed::with_metadata(
            Arc::clone(&self.store) as Arc<dyn EventStore>,
            Arc::clone(&self.keyring) as Arc<dyn Seal>,
        )
    }
}

/// Brings all schemas up to date.
///
/// # Errors
/// What the database says.
pub async fn migrate(pool: &PgPool) -> anyhow::Result<()> {
    eventstore_postgres::migrate(pool).await.context("schema es")?;
    ops::migrate(pool).await.context("schema ops")?;
    projections::generation::migrate(pool)
        .await
        .context("schema projection")?;
    Ok(())
}

/// The program, put together.
pub struct App {
    /// All services under their prefixes.
    pub router: Router,
    /// Projectors and other work in the background; stopped by aborting.
    pub background: Vec<JoinHandle<()>>,
    /// What the projector tells this process.
    pub live: Arc<Live>,
    /// Stores and keys.
    pub stores: Stores,
}

/// Puts the program together over open stores.
///
/// # Errors
/// What is missing.
pub async fn compose(settings: &Settings, keys: &Keys, stores: Stores) -> anyhow::Result<App> {
    let store: Arc<dyn EventStore> = Arc::clone(&stores.store) as _;
    let seal: Arc<dyn Seal> = Arc::clone(&stores.keyring) as _;
    let live = Arc::new(Live::default());
    let mut background = run_projectors(&stores, &live);

    let auth = Authenticator {
        tokens: Arc::new(keys.tokens(&settings.public_url)?),
        sessions: Arc::new(LiveSessions {
            live: Arc::clone(&live),
            pool: stores.pool.clone(),
        }),
        now: system::now,
    };
    let read = ReadApi {
        pool: stores.pool.clone(),
        live: Arc::clone(&live),
        auth,
        about: Arc::new(About {
            public_url: settings.public_url.clone(),
            registration: settings.signups.open,
        }),
        bodies: Arc::new(Bodies::new(SYNC_BYTES)),
    };
    let executor = Executor::new(
        store,
        seal,
        Arc::new(SystemClock),
        Arc::new(RandomIds),
        keys.installation()?,
        BASELINES,
    );
    let limiter = settings
        .rate_limits
        .then(|| Arc::new(redis_adapter::InProcess::default()) as Arc<dyn RateLimiter>);
    let account = Arc::new(accounts::ports(keys, stores.pool.clone(), limiter, settings.signups)?);
    background.push(accounts::record_refusals(Arc::clone(&account), executor.clone()));
    let write = WriteApi {
        executor,
        read: read.clone(),
        directory: Arc::new(ReadModelDirectory(stores.pool.clone())),
        account,
    };
    Ok(App {
        router: router(read, write),
        background,
        live,
        stores,
    })
}

/// Starts the projectors. The sync-critical one does not look at metadata.
fn run_projectors(stores: &Stores, live: &Arc<Live>) -> Vec<JoinHandle<()>> {
    let (store, seal) = (Arc::clone(&stores.store), Arc::clone(&stores.keyring));
    projections::catalog::projectors(Some(Arc::clone(live)))
        .into_iter()
        .enumerate()
        .map(|(index, projector)| {
            let critical = index == 0;
            let feed: Arc<dyn Subscription> = if critical {
                Arc::new(Feed::without_metadata(Arc::clone(&store) as _, Arc::clone(&seal) as _))
            } else {
                Arc::new(Feed::with_metadata(Arc::clone(&store) as _, Arc::clone(&seal) as _))
            };
            let told = critical.then(|| Arc::clone(live));
            tokio::spawn(Runner::new(projector, stores.pool.clone(), feed, told).run())
        })
        .collect()
}

/// All services under their prefixes. What is not there is an empty 404, whoever asks.
fn router(read: ReadApi, write: WriteApi) -> Router {
    let api = read_api::api_routes()
        .into_router()
        .with_state(read.clone())
        .merge(write_api::api_routes().into_router().with_state(write.clone()));
    let identity = read_api::identity_routes()
        .into_router()
        .with_state(read.clone())
        .merge(write_api::identity_routes().into_router().with_state(write));
    let public = read_api::health::routes().into_router().with_state(read);
    Router::new()
        .nest("/api", api)
        .nest("/identity", identity)
        .merge(public)
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(MAX_BODY))
}
