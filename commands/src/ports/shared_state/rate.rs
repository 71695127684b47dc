//! Rate limits: how often something may be done, whichever process is asked.

use async_trait::async_trait;
use std::time::Duration;

/// What is counted: an action, and who or where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RateKey {
    /// The action: `login`, `password-hint`. Two actions never share a count.
    pub action: &'static str,
    /// Who or where, in a normalised form: an address, a user id. Adapters keep a digest of it only.
    pub who: String,
}

impl RateKey {
    /// The count of `action` by `who`.
    pub fn new(action: &'static str, who: impl Into<String>) -> Self {
        Self {
            action,
            who: who.into(),
        }
    }
}

/// At most `limit` times in a row, then one more every `per / limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many at once; 0 counts as 1.
    pub limit: u32,
    /// How long it takes until all of them are free again.
    pub per: Duration,
}

impl Rule {
    /// `limit` times per `per`.
    pub const fn new(limit: u32, per: Duration) -> Self {
        Self { limit, per }
    }

    /// Microseconds until one more is free: `per / limit`, rounded up, at least 1. `per` counts as a year at most, so
    /// that every sum with the present time stays exact in the 53 bits that Redis scripts calculate with.
    pub fn interval_micros(&self) -> u64 {
        const YEAR: u128 = 366 * 86_400_000_000;
        let interval = self
            .per
            .as_micros()
            .min(YEAR)
            .div_ceil(u128::from(self.limit.max(1)))
            .max(1);
        u64::try_from(interval).expect("a year of microseconds fits")
    }

    /// Microseconds that `limit` of them take: how far ahead of now the count may run.
    pub fn window_micros(&self) -> u64 {
        self.interval_micros() * u64::from(self.limit.max(1))
    }
}

/// The answer of a limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// It may be done.
    pub allowed: bool,
    /// How many more may follow at once.
    pub remaining: u32,
    /// When it may be tried again; zero if it was allowed.
    pub retry_after: Duration,
}

/// Counts and refuses. One value per key: the moment at which everything counted is free again (GCRA, the generic cell
/// rate algorithm). Refused tries are not counted.
///
/// Fails to a limiter of its own: an adapter whose store cannot be reached goes on with what its process has
/// seen, so an outage makes limits looser by the number of processes at most and never lifts them.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one and tells whether it was still within `rule`.
    async fn hit(&self, key: &RateKey, rule: Rule) -> Verdict;

    /// What [`RateLimiter::hit`] would answer, without counting; `remaining` includes the one asked about.
    async fn peek(&self, key: &RateKey, rule: Rule) -> Verdict;

    /// Forgets what was counted, as after a success.
    async fn forget(&self, key: &RateKey);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_always_lets_its_whole_limit_through_however_it_divides() {
        for (limit, per) in [(7, 60_000_000), (5, 1), (0, 1_000), (3, 1_000_000), (1, 0)] {
            let rule = Rule::new(limit, Duration::from_micros(per));
            assert!(rule.interval_micros() >= 1);
            assert_eq!(rule.window_micros() / rule.interval_micros(), u64::from(limit.max(1)));
        }
    }

    #[test]
    fn an_absurd_rule_does_not_overflow() {
        let rule = Rule::new(u32::MAX, Duration::MAX);
        assert!((1..1 << 46).contains(&rule.window_micros()));
        assert!(Rule::new(1, Duration::MAX).window_micros() < 1 << 46);
    }
}
