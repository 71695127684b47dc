//! The database of this process: given by setting, or a private one that we run.

use crate::config::Config;
use crate::data_dir::{DataDir, Sharing};
use crate::readiness::Readiness;
use anyhow::Result;
use private_postgres::{Health, Layout, Options, PrivatePostgres};
use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// A running private server answers within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// An address, and the server behind it if it is ours.
#[derive(Debug)]
pub struct Database {
    url: String,
    private: Option<PrivatePostgres>,
}

impl Database {
    /// Starts the private PostgreSQL unless `ANNALOCK_DATABASE_URL` names another.
    ///
    /// # Errors
    /// One sentence from [`private_postgres::StartError`].
    pub async fn open(config: &Config, data: &DataDir) -> Result<Self> {
        if let Some(url) = &config.database_url {
            return Ok(Self {
                url: url.expose().to_owned(),
                private: None,
            });
        }
        let options = Options {
            bin: config.postgres_bin.clone(),
            ..Options::new(data.postgres())
        };
        let private = PrivatePostgres::start(options).await?;
        Ok(Self {
            url: private.url(),
            private: Some(private),
        })
    }

    /// For a command beside `run`: the database of the program that runs on this data folder, if one does, else as
    /// [`Database::open`]. Keep the data folder until the database is closed.
    ///
    /// # Errors
    /// As [`Database::open`], and when the data folder is in use but its database does not answer.
    pub async fn for_command(config: &Config) -> Result<(Self, Option<DataDir>)> {
        if let Some(url) = &config.database_url {
            return Ok((
                Self {
                    url: url.expose().to_owned(),
                    private: None,
                },
                None,
            ));
        }
        let layout = Layout::of(&config.data_dir.join("postgres"));
        if layout.has_socket() && answers(&layout.url()).await {
            return Ok((
                Self {
                    url: layout.url(),
                    private: None,
                },
                None,
            ));
        }
        let data = DataDir::open(&config.data_dir, Sharing::Alone)?;
        Ok((Self::open(config, &data).await?, Some(data)))
    }

    /// Address for sqlx; it may hold a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tells `readiness` about the private server from now on, as check `postgres`.
    pub fn report(&self, readiness: &Readiness) {
        let Some(private) = &self.private else { return };
        let (mut health, readiness) = (private.health(), readiness.clone());
        health.mark_changed();
        tokio::spawn(async move {
            while health.changed().await.is_ok() {
                match health.borrow_and_update().clone() {
                    Health::Ready => readiness.set("postgres", true, "private server"),
                    Health::Restarting(why) => readiness.set("postgres", false, format!("restarting: {why}")),
                    Health::Stopped => readiness.set("postgres", false, "stopped"),
                }
            }
        });
    }

    /// Stops the private server, if there is one. Close pools before.
    pub async fn close(self) {
        if let Some(private) = self.private {
            private.stop().await;
        }
    }
}

async fn answers(url: &str) -> bool {
    match tokio::time::timeout(ANSWER_WITHIN, PgConnection::connect(url)).await {
        Ok(Ok(connection)) => connection.close().await.is_ok(),
        _ => false,
    }
}
