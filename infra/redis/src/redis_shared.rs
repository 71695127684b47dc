//! Shared state in Redis: one server, a cluster, or the master of a group watched by sentinels.
//!
//! Every operation touches one key, so that a cluster needs no hash tags. All keys begin with `annalock:`, all have an
//! expiry, and none holds a name or an address in the clear.

mod address;
mod channels;
mod link;

pub use address::AddressError;

use crate::in_process::InProcess;
use address::Address;
use async_trait::async_trait;
use bytes::Bytes;
use channels::Channels;
use commands::ports::shared_state::{
    Backplane, Cache, LAST_POSITION_KEPT, LastPosition, MAX_CACHED_BYTES, MAX_MESSAGE_BYTES, RateKey, RateLimiter,
    Rule, SharedStateError, Subscription, Verdict,
};
use domain::{event::Position, id::UserId};
use link::Link;
use redis::{Script, cmd};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};

/// Shared state in Redis. Connects when first used, and again whenever the connection is lost.
pub struct RedisShared {
    link: Arc<Link>,
    channels: Channels,
    gcra: Script,
    last_position: Script,
    /// What this process let through itself: judges alone while Redis is away.
    own: InProcess,
}

impl RedisShared {
    /// Reads an address; does not connect.
    ///
    /// `redis://[user:password@]host[:port][/database]`, `redis+cluster://[user:password@]host[:port],…` (some of the
    /// nodes), `redis+sentinel://[user:password@]host[:port],…/service[/database][?sentinel_user=…&sentinel_password=…]`
    /// (some of the sentinels). Each with `rediss` for TLS under the roots of the system, or with `ca=…`, a PEM file,
    /// under that authority; for TLS the process must have installed a provider of cryptography.
    ///
    /// # Errors
    /// [`AddressError`], which repeats no part of the address.
    pub fn new(url: &str) -> Result<Self, AddressError> {
        Ok(Self {
            link: Arc::new(Link::new(Address::parse(url)?)),
            channels: Channels::new(),
            gcra: Script::new(include_str!("../scripts/gcra.lua")),
            last_position: Script::new(include_str!("../scripts/last_position.lua")),
            own: InProcess::default(),
        })
    }

    /// Asks whether Redis is there, for health checks.
    ///
    /// # Errors
    /// [`SharedStateError::Unavailable`].
    pub async fn ping(&self) -> Result<(), SharedStateError> {
        self.link
            .call(|mut live| async move { cmd("PING").exec_async(&mut live).await })
            .await
    }

    /// Asks the count of `key`; `None` if Redis cannot be reached.
    async fn judge(&self, key: &RateKey, rule: Rule, count: bool) -> Option<Verdict> {
        let name = rate_name(key);
        let answer: Result<(u8, u32, u64), _> = self
            .link
            .call(|mut live| {
                let mut call = self.gcra.key(&name);
                call.arg(rule.interval_micros())
                    .arg(rule.window_micros())
                    .arg(u8::from(count));
                async move { call.invoke_async(&mut live).await }
            })
            .await;
        let Ok((allowed, remaining, wait)) = answer else {
            metrics::counter!("annalock_rate_limit_fallbacks_total").increment(1);
            return None;
        };
        Some(Verdict {
            allowed: allowed == 1,
            remaining,
            retry_after: Duration::from_micros(wait),
        })
    }
}

/// The key of a count. Who it is about is a digest: addresses have no business in Redis, and keys stay short.
fn rate_name(key: &RateKey) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(key.who.as_bytes());
    let mut name = format!("annalock:rate:{}:", key.action);
    for byte in &digest[..16] {
        let _ = write!(name, "{byte:02x}"); // writing to a String does not fail
    }
    name
}

fn cache_name(key: &str) -> String {
    format!("annalock:cache:{key}")
}

fn position_name(user: UserId) -> String {
    format!("annalock:position:{user}")
}

fn millis(time: Duration) -> u64 {
    const YEAR: u128 = 366 * 86_400_000;
    u64::try_from(time.as_millis().clamp(1, YEAR)).expect("a year of milliseconds fits")
}

#[async_trait]
impl RateLimiter for RedisShared {
    async fn hit(&self, key: &RateKey, rule: Rule) -> Verdict {
        match self.judge(key, rule, true).await {
            Some(verdict) => {
                if verdict.allowed {
                    self.own.hit_now(key, rule); // so that an outage does not begin with empty counts
                }
                verdict
            }
            None => self.own.hit_now(key, rule),
        }
    }

    async fn peek(&self, key: &RateKey, rule: Rule) -> Verdict {
        match self.judge(key, rule, false).await {
            Some(verdict) => verdict,
            None => self.own.peek_now(key, rule),
        }
    }

    async fn forget(&self, key: &RateKey) {
        self.own.forget_now(key);
        // a count that stays because Redis is away only refuses more than it must, until it expires
        let _ = self.delete_name(rate_name(key)).await;
    }
}

impl RedisShared {
    async fn delete_name(&self, name: String) -> Result<(), SharedStateError> {
        let mut del = cmd("DEL");
        del.arg(name);
        let del = &del;
        self.link
            .call(|mut live| async move { del.exec_async(&mut live).await })
            .await
    }
}

#[async_trait]
impl Backplane for RedisShared {
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), SharedStateError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(SharedStateError::TooLarge {
                len: message.len(),
                max: MAX_MESSAGE_BYTES,
            });
        }
        let mut publish = cmd("PUBLISH");
        publish
            .arg(format!("{}{channel}", channels::PREFIX))
            .arg(message.as_ref());
        let publish = &publish;
        self.link
            .call(|mut live| async move { publish.exec_async(&mut live).await })
            .await
    }

    async fn subscribe(&self, channel: &str) -> Result<Subscription, SharedStateError> {
        self.channels.subscribe(&self.link, channel).await
    }
}

#[async_trait]
impl LastPosition for RedisShared {
    async fn set(&self, user: UserId, position: Position) -> Result<(), SharedStateError> {
        let name = position_name(user);
        self.link
            .call(|mut live| {
                let mut call = self.last_position.key(&name);
                call.arg(format!("{:020}", position.0)).arg(millis(LAST_POSITION_KEPT));
                async move { call.invoke_async::<()>(&mut live).await }
            })
            .await
    }

    async fn get(&self, user: UserId) -> Result<Option<Position>, SharedStateError> {
        let mut get = cmd("GET");
        get.arg(position_name(user));
        let get = &get;
        let known: Option<u64> = self
            .link
            .call(|mut live| async move { get.query_async(&mut live).await })
            .await?;
        Ok(known.map(Position))
    }
}

#[async_trait]
impl Cache for RedisShared {
    async fn get(&self, key: &str) -> Option<Bytes> {
        let mut get = cmd("GET");
        get.arg(cache_name(key));
        let get = &get;
        let value: Result<Option<Vec<u8>>, _> = self
            .link
            .call(|mut live| async move { get.query_async(&mut live).await })
            .await;
        value.ok().flatten().map(Bytes::from)
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Duration) {
        if value.len() > MAX_CACHED_BYTES {
            let _ = self.delete(key).await; // as far as it can be reached
            return;
        }
        let mut set = cmd("SET");
        set.arg(cache_name(key)).arg(value.as_ref()).arg("PX").arg(millis(ttl));
        let set = &set;
        // a cache that cannot be reached is an empty one; the link has told the log
        let _ = self
            .link
            .call(|mut live| async move { set.exec_async(&mut live).await })
            .await;
    }

    async fn delete(&self, key: &str) -> Result<(), SharedStateError> {
        self.delete_name(cache_name(key)).await
    }
}
