//! The generic cell rate algorithm, in microseconds. `scripts/gcra.lua` is the same for Redis.
//!
//! Source: ITU-T I.371, Annex A ("virtual scheduling"); `tat` is its theoretical arrival time.

use commands::ports::shared_state::{Rule, Verdict};
use std::time::Duration;

/// Judges one more at `now`, when everything counted is free again at `tat`. The second value is the new `tat`, if it
/// was allowed.
pub(crate) fn hit(tat: u64, now: u64, rule: Rule) -> (Verdict, Option<u64>) {
    let (interval, window) = (rule.interval_micros(), rule.window_micros());
    let next = tat.max(now) + interval;
    let ahead = next - now;
    if ahead > window {
        return (refused(ahead - window), None);
    }
    (allowed((window - ahead) / interval), Some(next))
}

/// What [`hit`] would say; `remaining` includes the one asked about.
pub(crate) fn peek(tat: u64, now: u64, rule: Rule) -> Verdict {
    let (interval, window) = (rule.interval_micros(), rule.window_micros());
    let ahead = tat.max(now) - now;
    if ahead + interval > window {
        return refused(ahead + interval - window);
    }
    allowed((window - ahead) / interval)
}

fn allowed(remaining: u64) -> Verdict {
    let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
    Verdict {
        allowed: true,
        remaining,
        retry_after: Duration::ZERO,
    }
}

fn refused(wait: u64) -> Verdict {
    Verdict {
        allowed: false,
        remaining: 0,
        retry_after: Duration::from_micros(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule::new(3, Duration::from_secs(30));
    const SECOND: u64 = 1_000_000;

    #[test]
    fn the_limit_passes_at_once_and_then_one_per_interval() {
        let (mut tat, now) = (0, 100 * SECOND);
        for left in [2, 1, 0] {
            let (verdict, next) = hit(tat, now, RULE);
            assert_eq!((verdict.allowed, verdict.remaining), (true, left));
            tat = next.unwrap();
        }
        let (verdict, next) = hit(tat, now, RULE);
        assert_eq!(verdict, refused(10 * SECOND));
        assert_eq!(next, None, "what is refused is not counted");
        assert!(!hit(tat, now + 10 * SECOND - 1, RULE).0.allowed);
        assert!(hit(tat, now + 10 * SECOND, RULE).0.allowed);
    }

    #[test]
    fn a_look_says_what_a_hit_would_say() {
        let (mut tat, now) = (0, 100 * SECOND);
        for step in 0..40 {
            let now = now + step * 3 * SECOND;
            let (look, (real, next)) = (peek(tat, now, RULE), hit(tat, now, RULE));
            assert_eq!((look.allowed, look.retry_after), (real.allowed, real.retry_after));
            assert_eq!(look.remaining, if real.allowed { real.remaining + 1 } else { 0 });
            tat = next.unwrap_or(tat);
        }
    }

    #[test]
    fn over_any_stretch_no_more_pass_than_the_rule_says() {
        let rule = Rule::new(7, Duration::from_secs(60));
        let (mut tat, mut passed) = (0, Vec::new());
        for now in (0..600 * SECOND).step_by(137_911) {
            if let (_, Some(next)) = hit(tat, now, rule) {
                tat = next;
                passed.push(now);
            }
        }
        for (i, start) in passed.iter().enumerate() {
            let within = passed[i..].iter().take_while(|at| **at < start + 60 * SECOND).count();
            assert!(
                within <= 14,
                "{within} in one minute: the burst of 7 and at most 7 freed meanwhile"
            );
        }
        assert!((76..=77).contains(&passed.len()), "{}", passed.len());
    }
}
