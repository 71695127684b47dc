//! The database of this process: given by setting, or a private one that we run.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::readiness::Readiness;
use anyhow::Result;
use private_postgres::{Health, Options, PrivatePostgres};

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
