//! What stands behind the ports of accounts.

use crate::keys::Keys;
use anyhow::Context as _;
use async_trait::async_trait;
use commands::{
    execute::Executor,
    ports::shared_state::{RateKey, RateLimiter, Rule, Verdict},
};
use ops::PostgresRefreshTokens;
use passwords::{Argon2Hasher, HmacProofs};
use sqlx::PgPool;
use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use write_api::account::{AccountPorts, Signups};

/// How often refused logins that were gathered are written.
const FLUSH: Duration = Duration::from_secs(5);

/// The ports, with keys of this installation. `limiter` counts tries; none lets everything through.
///
/// # Errors
/// What is missing.
pub fn ports(
    keys: &Keys,
    pool: PgPool,
    limiter: Option<Arc<dyn RateLimiter>>,
    signups: Signups,
) -> anyhow::Result<AccountPorts> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let passwords = Argon2Hasher::new(cores).context("passwords cannot be hashed")?;
    Ok(AccountPorts::new(
        Arc::new(passwords),
        Arc::new(keys.addresses()?),
        Arc::new(HmacProofs::new(&*keys.secret("proofs")?)),
        Arc::new(PostgresRefreshTokens::new(pool, &*keys.secret("refresh")?)),
        limiter.unwrap_or_else(|| Arc::new(Unlimited)),
        signups,
    ))
}

/// Writes refused logins into the log as they become due.
pub fn record_refusals(ports: Arc<AccountPorts>, executor: Executor) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(FLUSH);
        loop {
            ticks.tick().await;
            ports.refusals.flush(&executor).await;
        }
    })
}

/// Lets everything through: for load tests.
struct Unlimited;

#[async_trait]
impl RateLimiter for Unlimited {
    async fn hit(&self, _: &RateKey, rule: Rule) -> Verdict {
        Verdict {
            allowed: true,
            remaining: rule.limit,
            retry_after: Duration::ZERO,
        }
    }

    async fn peek(&self, key: &RateKey, rule: Rule) -> Verdict {
        self.hit(key, rule).await
    }

    async fn forget(&self, _: &RateKey) {}
}
