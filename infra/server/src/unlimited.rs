//! No limits, for load tests: `ANNALOCK_RATE_LIMITS=off`.

use async_trait::async_trait;
use commands::ports::shared_state::{RateKey, RateLimiter, Rule, Verdict};
use std::time::Duration;

/// Allows everything.
#[derive(Debug, Clone, Copy)]
pub struct Unlimited;

fn allowed(rule: Rule) -> Verdict {
    Verdict {
        allowed: true,
        remaining: rule.limit,
        retry_after: Duration::ZERO,
    }
}

#[async_trait]
impl RateLimiter for Unlimited {
    async fn hit(&self, _: &RateKey, rule: Rule) -> Verdict {
        allowed(rule)
    }

    async fn peek(&self, _: &RateKey, rule: Rule) -> Verdict {
        allowed(rule)
    }

    async fn forget(&self, _: &RateKey) {}
}
