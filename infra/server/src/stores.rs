//! The stores and keys every subcommand works with.

use crate::{clock::RandomIds, config::Config, feed::Feed, keys::Keys};
use anyhow::{Context as _, Result};
use commands::ports::{EventStore, Ids, Seal, Snapshots};
use eventstore_kurrentdb::{KurrentSettings, KurrentStore, StagedStore};
use eventstore_postgres::PostgresStore;
use ops::PostgresSnapshots;
use projections::{feed::Subscription, projector::Projector};
use sealing::{CACHED_SUBJECTS, Keyring, table::PostgresKeyTable};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{sync::Arc, time::Duration};

/// The most bytes of one append: an import of 40,000 items.
const MAX_APPEND: usize = 96 << 20;
/// How often commands that a crash left half done are looked for, where the store has no groups of its own.
const RESUME: Duration = Duration::from_secs(10);

/// Event store, read models and keys, open.
#[derive(Clone)]
pub struct Stores {
    /// Connections to the read models.
    pub pool: PgPool,
    /// Seals and opens personal data.
    pub keyring: Arc<Keyring>,
    snapshots: Arc<PostgresSnapshots>,
    events: Events,
}

/// The event store of the settings.
#[derive(Clone)]
enum Events {
    /// The same database as the read models, or another PostgreSQL.
    Postgres(Arc<PostgresStore>),
    /// KurrentDB; groups over several streams are staged, and what a crash left staged is finished in the background.
    Kurrent {
        store: Arc<StagedStore>,
        _resuming: Arc<AbortOnDrop>,
    },
}

/// Ends background work with the last one who needs it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stores {
    /// Connects, and brings all schemas up to date.
    ///
    /// # Errors
    /// What is missing or cannot be reached.
    pub async fn open(config: &Config, database_url: &str, keys: &Keys) -> Result<Self> {
        // its client must come before any other user of TLS: it sets the cryptography of the process and refuses to share it
        let kurrent = match &config.event_store_url {
            Some(url) if config.uses_kurrentdb() => Some(kurrent(url.expose()).await?),
            _ => None,
        };
        crate::tls::install_default_provider();
        let pool = PgPoolOptions::new()
            .max_connections(config.database_connections)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(named(database_url).context("the database cannot be reached")?)
            .await
            .context("the database cannot be reached")?;
        migrate(&pool).await?;
        let keyring = Keyring::new(
            Arc::new(PostgresKeyTable::new(pool.clone())),
            keys.encryption()?,
            CACHED_SUBJECTS,
        );
        let events = match (kurrent, &config.event_store_url) {
            (Some(events), _) => events,
            (None, Some(url)) => elsewhere(url.expose()).await?,
            (None, None) => postgres(&pool).await?,
        };
        let snapshots = PostgresSnapshots::open(pool.clone()).await.context("schema ops")?;
        Ok(Self {
            pool,
            snapshots: Arc::new(snapshots),
            events,
            keyring: Arc::new(keyring),
        })
    }

    /// Where events are kept.
    pub fn store(&self) -> Arc<dyn EventStore> {
        match &self.events {
            Events::Postgres(store) => Arc::clone(store) as _,
            Events::Kurrent { store, .. } => Arc::clone(store) as _,
        }
    }

    /// Where folds of long streams are saved.
    pub fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::clone(&self.snapshots) as _
    }

    /// All events, read from the store.
    pub fn feed(&self) -> Feed {
        Feed::with_metadata(self.store(), Arc::clone(&self.keyring) as Arc<dyn Seal>)
    }

    /// All events, as a projector wants them.
    pub fn feed_of(&self, projector: &dyn Projector) -> Arc<dyn Subscription> {
        if projector.wants_metadata() {
            Arc::new(self.feed())
        } else {
            let seal = Arc::clone(&self.keyring) as Arc<dyn Seal>;
            Arc::new(Feed::without_metadata(self.store(), seal))
        }
    }

    /// Lets go of the database. What is waiting to be appended is appended first.
    pub async fn close(&self) {
        if let Events::Postgres(store) = &self.events {
            store.close().await;
        }
        self.pool.close().await;
    }
}

/// The database, and this process as it shall see it: by a name of its own, for who takes over a projector asks who else is there.
fn named(database_url: &str) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = database_url.parse()?;
    Ok(options.application_name(&format!("annalock-{}", RandomIds.new_id().simple())))
}

async fn postgres(pool: &PgPool) -> Result<Events> {
    let settings = eventstore_postgres::Settings {
        max_append_bytes: MAX_APPEND,
        ..Default::default()
    };
    let store = PostgresStore::connect(pool, settings).await;
    Ok(Events::Postgres(Arc::new(
        store.context("the event store cannot be reached")?,
    )))
}

/// Events in another PostgreSQL than the read models.
async fn elsewhere(url: &str) -> Result<Events> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await;
    let pool = pool.context("ANNALOCK_EVENT_STORE_URL")?;
    eventstore_postgres::migrate(&pool).await.context("schema es")?;
    postgres(&pool).await
}

async fn kurrent(url: &str) -> Result<Events> {
    let store = KurrentStore::connect(url, KurrentSettings::default()).await;
    let store = Arc::new(StagedStore::new(Arc::new(store.context("ANNALOCK_EVENT_STORE_URL")?)));
    store
        .resume()
        .await
        .context("what was left staged cannot be finished")?;
    let resuming = store.keep_resuming(RESUME);
    let _resuming = Arc::new(AbortOnDrop(resuming));
    Ok(Events::Kurrent { store, _resuming })
}

/// Brings all schemas up to date.
///
/// # Errors
/// What the database says.
pub async fn migrate(pool: &PgPool) -> Result<()> {
    eventstore_postgres::migrate(pool).await.context("schema es")?;
    ops::migrate(pool).await.context("schema ops")?;
    projections::generation::migrate(pool)
        .await
        .context("schema projection")?;
    Ok(())
}
