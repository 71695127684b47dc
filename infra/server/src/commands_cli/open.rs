//! The stores for a command, whether the server runs or not.

use crate::{config::Config, data_dir::DataDir, database::Database, keys::Keys, stores::Stores};
use anyhow::Result;

/// Stores for the time of one command.
pub struct Opened {
    /// The stores.
    pub stores: Stores,
    /// The keys.
    pub keys: Keys,
    database: Database,
    /// Held where this command had to start the private database, so that no server starts beside it.
    _data: Option<DataDir>,
}

impl Opened {
    /// Connects to the database as [`Database::for_command`] finds it.
    ///
    /// # Errors
    /// One sentence when there is none to be had.
    pub async fn open(config: &Config) -> Result<Self> {
        let (database, data) = Database::for_command(config).await?;
        match open(config, &database).await {
            Ok((stores, keys)) => Ok(Self {
                stores,
                keys,
                database,
                _data: data,
            }),
            Err(e) => {
                database.close().await;
                Err(e)
            }
        }
    }

    /// Lets go of everything; stops what was started.
    pub async fn close(self) {
        self.stores.close().await;
        self.database.close().await;
    }
}

async fn open(config: &Config, database: &Database) -> Result<(Stores, Keys)> {
    let keys = Keys::open(config.data_dir.join("keys"))?;
    let stores = Stores::open(config, database.url(), &keys).await?;
    Ok((stores, keys))
}
