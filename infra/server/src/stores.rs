//! The stores and keys every subcommand works with.

use crate::{config::Config, feed::Feed, keys::Keys};
use anyhow::{Context as _, Result};
use commands::ports::{EventStore, Seal};
use eventstore_postgres::PostgresStore;
use sealing::{CACHED_SUBJECTS, Keyring, table::PostgresKeyTable};
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{sync::Arc, time::Duration};

/// The most bytes of one append: an import of 40,000 items.
const MAX_APPEND: usize = 96 << 20;

/// Event store, read models and keys, open.
#[derive(Clone)]
pub struct Stores {
    /// Connections to the read models.
    pub pool: PgPool,
    /// Events.
    pub store: Arc<dyn EventStore>,
    /// Seals and opens personal data.
    pub keyring: Arc<Keyring>,
    postgres: Arc<PostgresStore>,
}

impl Stores {
    /// Connects, and brings all schemas up to date.
    ///
    /// # Errors
    /// What is missing or cannot be reached.
    pub async fn open(config: &Config, database_url: &str, keys: &Keys) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(config.database_connections)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .connect(database_url)
            .await
            .context("the database cannot be reached")?;
        migrate(&pool).await?;
        let settings = eventstore_postgres::Settings {
            max_append_bytes: MAX_APPEND,
            ..Default::default()
        };
        let postgres = PostgresStore::connect(&pool, settings)
            .await
            .context("the event store cannot be reached")?;
        let postgres = Arc::new(postgres);
        let keyring = Keyring::new(
            Arc::new(PostgresKeyTable::new(pool.clone())),
            keys.encryption()?,
            CACHED_SUBJECTS,
        );
        Ok(Self {
            pool,
            store: Arc::clone(&postgres) as _,
            keyring: Arc::new(keyring),
            postgres,
        })
    }

    /// All events with their metadata.
    pub fn feed(&self) -> Feed {
        Feed::with_metadata(Arc::clone(&self.store), Arc::clone(&self.keyring) as Arc<dyn Seal>)
    }

    /// All events, metadata left empty.
    pub fn feed_without_metadata(&self) -> Feed {
        Feed::without_metadata(Arc::clone(&self.store), Arc::clone(&self.keyring) as Arc<dyn Seal>)
    }

    /// Lets go of the database. What is waiting to be appended is appended first.
    pub async fn close(&self) {
        self.postgres.close().await;
        self.pool.close().await;
    }
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
