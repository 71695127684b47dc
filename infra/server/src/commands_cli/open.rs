//! The stores for a command, whether the server runs or not.

use crate::{
    config::Config,
    data_dir::{DataDir, Sharing},
    database::Database,
    keys::Keys,
    stores::Stores,
};
use anyhow::{Context as _, Result};
use private_postgres::Layout;

/// Stores for the time of one command.
pub struct Opened {
    /// The stores.
    pub stores: Stores,
    /// The keys.
    pub keys: Keys,
    /// The private database and the data folder, where this command had to start it.
    own: Option<(Database, DataDir)>,
}

impl Opened {
    /// Connects to the database of the settings; else to the private one of a server that is running on this data
    /// folder; else starts the private one.
    ///
    /// # Errors
    /// One sentence when none of them can be had.
    pub async fn open(config: &Config) -> Result<Self> {
        crate::tls::install_default_provider();
        let keys_path = config.data_dir.join("keys");
        if let Some(url) = &config.database_url {
            let keys = Keys::open(&keys_path)?;
            return Ok(Self {
                stores: Stores::open(config, url.expose(), &keys).await?,
                keys,
                own: None,
            });
        }
        match DataDir::open(&config.data_dir, Sharing::Alone) {
            Ok(data) => {
                let keys = Keys::open(data.keys())?;
                let database = Database::open(config, &data).await?;
                let stores = Stores::open(config, database.url(), &keys).await?;
                Ok(Self {
                    stores,
                    keys,
                    own: Some((database, data)),
                })
            }
            Err(held) => {
                let layout = Layout::of(&config.data_dir.join("postgres"));
                if !layout.has_socket() {
                    return Err(held);
                }
                let keys = Keys::open(&keys_path)?;
                let stores = Stores::open(config, &layout.url(), &keys)
                    .await
                    .context("the running server's database cannot be used")?;
                Ok(Self {
                    stores,
                    keys,
                    own: None,
                })
            }
        }
    }

    /// Lets go of everything; stops what was started.
    pub async fn close(self) {
        self.stores.close().await;
        if let Some((database, _data)) = self.own {
            database.close().await;
        }
    }
}
