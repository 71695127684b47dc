//! Shared state of one process: what `run all` uses where no Redis is set. Bounded in memory.

mod bounded;

use crate::gcra;
use async_trait::async_trait;
use bounded::Bounded;
use bytes::Bytes;
use commands::ports::shared_state::{
    Backplane, Cache, Heard, LAST_POSITION_KEPT, LastPosition, MAX_CACHED_BYTES, MAX_MESSAGE_BYTES, RateKey,
    RateLimiter, Rule, SharedStateError, Subscription, Verdict,
};
use domain::{event::Position, id::UserId};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast, time::Instant};

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rate counts. The count used longest ago goes first, and every try is a use: to have the count of one's own
    /// tries forgotten takes this many tries under other keys between any two of them.
    pub counts: usize,
    /// Last positions. Where one had to go, unknown users count as being at the highest that went.
    pub positions: usize,
    /// Bytes of cached keys and values.
    pub cache_bytes: usize,
    /// Messages a slow subscriber may lag behind before it misses some.
    pub backlog: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            counts: 200_000,
            positions: 200_000,
            cache_bytes: 32 * 1024 * 1024,
            backlog: 1024,
        }
    }
}

/// Shared state of one process.
pub struct InProcess {
    started: Instant,
    counts: Mutex<Bounded<RateKey, u64>>,
    positions: Mutex<Positions>,
    cache: Mutex<Bounded<String, Kept>>,
    channels: Mutex<HashMap<String, broadcast::Sender<Heard>>>,
    backlog: usize,
}

struct Positions {
    of_users: Bounded<UserId, (Position, Instant)>,
    /// The highest position that had to go, and until when it counts.
    floor: Option<(Position, Instant)>,
}

struct Kept {
    value: Bytes,
    until: Instant,
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl InProcess {
    /// Empty.
    pub fn new(limits: Limits) -> Self {
        Self {
            started: Instant::now(),
            counts: Mutex::new(Bounded::new(limits.counts)),
            positions: Mutex::new(Positions {
                of_users: Bounded::new(limits.positions),
                floor: None,
            }),
            cache: Mutex::new(Bounded::new(limits.cache_bytes)),
            channels: Mutex::new(HashMap::new()),
            backlog: limits.backlog.max(1),
        }
    }

    /// Microseconds since this was made.
    fn now_micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX / 2)
    }

    /// [`RateLimiter::hit`], without waiting.
    pub(crate) fn hit_now(&self, key: &RateKey, rule: Rule) -> Verdict {
        let (now, mut counts) = (self.now_micros(), lock(&self.counts));
        let tat = counts.get(key).copied().unwrap_or(0);
        let (verdict, next) = gcra::hit(tat, now, rule);
        if let Some(next) = next {
            counts.put(key.clone(), 1, next, |_| ());
        }
        verdict
    }

    /// [`RateLimiter::peek`], without waiting.
    pub(crate) fn peek_now(&self, key: &RateKey, rule: Rule) -> Verdict {
        let (now, mut counts) = (self.now_micros(), lock(&self.counts));
        gcra::peek(counts.get(key).copied().unwrap_or(0), now, rule)
    }

    /// [`RateLimiter::forget`], without waiting.
    pub(crate) fn forget_now(&self, key: &RateKey) {
        lock(&self.counts).remove(key);
    }
}

/// Nothing panics while a lock is held, and each map is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl RateLimiter for InProcess {
    async fn hit(&self, key: &RateKey, rule: Rule) -> Verdict {
        self.hit_now(key, rule)
    }

    async fn peek(&self, key: &RateKey, rule: Rule) -> Verdict {
        self.peek_now(key, rule)
    }

    async fn forget(&self, key: &RateKey) {
        self.forget_now(key);
    }
}

#[async_trait]
impl Backplane for InProcess {
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), SharedStateError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(SharedStateError::TooLarge {
                len: message.len(),
                max: MAX_MESSAGE_BYTES,
            });
        }
        let mut channels = lock(&self.channels);
        if let Some(sender) = channels.get(channel)
            && sender.send(Heard::Message(message)).is_err()
        {
            channels.remove(channel); // the last subscriber has gone
        }
        Ok(())
    }

    async fn subscribe(&self, channel: &str) -> Result<Subscription, SharedStateError> {
        let mut channels = lock(&self.channels);
        channels.retain(|name, sender| name == channel || sender.receiver_count() > 0);
        let sender = channels
            .entry(channel.to_owned())
            .or_insert_with(|| broadcast::Sender::new(self.backlog));
        Ok(Subscription::new(sender.subscribe()))
    }
}

#[async_trait]
impl LastPosition for InProcess {
    async fn set(&self, user: UserId, position: Position) -> Result<(), SharedStateError> {
        let now = Instant::now();
        let mut all = lock(&self.positions);
        let Positions { of_users, floor } = &mut *all;
        let known = of_users
            .get(&user)
            .filter(|(_, until)| *until > now)
            .map(|(known, _)| *known);
        if known.is_none_or(|known| known <= position) {
            of_users.put(user, 1, (position, now + LAST_POSITION_KEPT), |(gone, until)| {
                if until > now {
                    let known = floor
                        .filter(|(_, until)| *until > now)
                        .map_or(Position::START, |(known, _)| known);
                    *floor = Some((known.max(gone), now + LAST_POSITION_KEPT));
                }
            });
        }
        Ok(())
    }

    async fn get(&self, user: UserId) -> Result<Option<Position>, SharedStateError> {
        let now = Instant::now();
        let mut all = lock(&self.positions);
        let own = all.of_users.get(&user).copied();
        Ok(own
            .or(all.floor)
            .filter(|(_, until)| *until > now)
            .map(|(position, _)| position))
    }
}

#[async_trait]
impl Cache for InProcess {
    async fn get(&self, key: &str) -> Option<Bytes> {
        let mut cache = lock(&self.cache);
        let kept = cache.get(key)?;
        if kept.until > Instant::now() {
            return Some(kept.value.clone());
        }
        cache.remove(key);
        None
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Duration) {
        let mut cache = lock(&self.cache);
        if value.len() > MAX_CACHED_BYTES {
            cache.remove(key);
            return;
        }
        // a day past any use if the sum cannot be represented
        let now = Instant::now();
        let until = now.checked_add(ttl).unwrap_or(now + Duration::from_secs(86_400));
        let weight = key.len() + value.len() + size_of::<Kept>();
        cache.put(key.to_owned(), weight, Kept { value, until }, |_| ());
    }

    async fn delete(&self, key: &str) -> Result<(), SharedStateError> {
        lock(&self.cache).remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::UserId;

    fn small() -> InProcess {
        InProcess::new(Limits {
            counts: 2,
            positions: 2,
            cache_bytes: 500,
            backlog: 2,
        })
    }

    fn user(n: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn a_user_whose_position_had_to_go_waits_for_the_highest_that_went() {
        let state = small();
        for n in 1..=4_u64 {
            LastPosition::set(&state, user(u128::from(n)), Position(n * 10))
                .await
                .unwrap();
        }
        assert_eq!(LastPosition::get(&state, user(4)).await, Ok(Some(Position(40))));
        assert_eq!(LastPosition::get(&state, user(1)).await, Ok(Some(Position(20))));
    }

    #[tokio::test(start_paused = true)]
    async fn positions_are_forgotten_when_nobody_can_be_that_far_behind() {
        let state = small();
        for n in 1..=3_u64 {
            LastPosition::set(&state, user(u128::from(n)), Position(n))
                .await
                .unwrap();
        }
        tokio::time::advance(LAST_POSITION_KEPT).await;
        for n in 1..=4 {
            assert_eq!(LastPosition::get(&state, user(n)).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn a_flood_of_keys_does_not_free_the_one_that_is_being_tried() {
        let state = small();
        let (rule, own) = (Rule::new(1, Duration::from_secs(60)), RateKey::new("login", "own"));
        assert!(state.hit(&own, rule).await.allowed);
        for n in 0..50 {
            state.hit(&RateKey::new("login", n.to_string()), rule).await;
            assert!(!state.hit(&own, rule).await.allowed);
        }
    }

    #[tokio::test]
    async fn the_cache_stays_within_its_bytes() {
        let state = small();
        for n in 0..100 {
            Cache::set(
                &state,
                &n.to_string(),
                Bytes::from(vec![0; 100]),
                Duration::from_secs(60),
            )
            .await;
        }
        assert!(Cache::get(&state, "99").await.is_some());
        assert!(Cache::get(&state, "0").await.is_none());
        assert!(lock(&state.cache).weight() <= 500);
    }

    #[tokio::test]
    async fn a_subscriber_that_is_too_slow_is_told_that_it_missed_something() {
        let state = small();
        let mut slow = state.subscribe("c").await.unwrap();
        for n in 0..4_u8 {
            state.publish("c", Bytes::from(vec![n])).await.unwrap();
        }
        assert_eq!(slow.next().await, Some(Heard::Missed));
        assert_eq!(slow.next().await, Some(Heard::Message(Bytes::from_static(&[2]))));
    }

    #[tokio::test]
    async fn channels_without_subscribers_are_let_go() {
        let state = small();
        for n in 0..100 {
            drop(state.subscribe(&n.to_string()).await.unwrap());
        }
        assert!(lock(&state.channels).len() <= 1);
    }
}
