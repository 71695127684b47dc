//! Which tokens of a family are good: a pure state machine over their hashes.
//!
//! A token stays good until [`GRACE`] after its successor was *first presented*. A successor that nobody presents never
//! retires it: some clients keep their first token for ever and throw newer ones away. Browsers refresh from several
//! tabs at once, so a token just replaced is still taken. One older than that is a sign of a copied token.

use domain::time::Timestamp;
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// How long a token is still taken after its successor was first presented.
pub const GRACE: Duration = Duration::from_secs(60);

/// How many replaced tokens are remembered at most. Only a client that goes through more than this many tokens within
/// [`GRACE`] finds an early one refused too soon.
pub const RETIRED_MAX: usize = 16;

/// A token whose successor was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// Its hash.
    pub hash: TokenHash,
    /// The last moment it is taken.
    pub good_until: Timestamp,
}

/// The tokens of one family that mean something, as hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Replaced ones, oldest first; at most [`RETIRED_MAX`].
    pub retired: Vec<Retired>,
    /// The newest that was ever presented, or the first one.
    pub current: TokenHash,
    /// The successor of `current`: handed out, never presented so far.
    pub next: TokenHash,
}

/// Where a presented token stands in its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The successor, presented for the first time: [`Chain::advance`] must follow.
    Next,
    /// The newest presented one.
    Current,
    /// Replaced, but within [`GRACE`].
    Retired,
    /// None of these: too old, or made up.
    Stale,
}

impl Chain {
    /// The chain of a login: its first token, and the one after it.
    pub fn new(first: TokenHash, successor: TokenHash) -> Self {
        Self {
            retired: Vec::new(),
            current: first,
            next: successor,
        }
    }

    /// Where the token with `hash` stands at `now`. Takes the same time whichever entry it is like.
    pub fn place(&self, hash: &TokenHash, now: Timestamp) -> Place {
        let retired = self.retired.iter().fold(Choice::from(0), |found, old| {
            found | (old.hash.ct_eq(hash) & Choice::from(u8::from(now <= old.good_until)))
        });
        match (
            bool::from(self.next.ct_eq(hash)),
            bool::from(self.current.ct_eq(hash)),
            bool::from(retired),
        ) {
            (true, ..) => Place::Next,
            (_, true, _) => Place::Current,
            (.., true) => Place::Retired,
            _ => Place::Stale,
        }
    }

    /// The successor was presented at `now`: it becomes the current one, `successor` the one after it.
    pub fn advance(&mut self, successor: TokenHash, now: Timestamp) {
        self.retired.retain(|old| now <= old.good_until);
        if self.retired.len() == RETIRED_MAX {
            self.retired.remove(0);
        }
        let good_until = Timestamp(now.0.saturating_add(GRACE.as_millis() as i64));
        self.retired.push(Retired {
            hash: self.current,
            good_until,
        });
        self.current = std::mem::replace(&mut self.next, successor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Token `n` of a family, as a hash.
    fn token(n: u8) -> TokenHash {
        [n; 32]
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_000_000 + seconds * 1000)
    }

    /// Presents token `n` the way an adapter does.
    fn present(chain: &mut Chain, n: u8, now: Timestamp) -> Place {
        let place = chain.place(&token(n), now);
        if place == Place::Next {
            chain.advance(token(n + 1), now);
        }
        place
    }

    fn login() -> Chain {
        Chain::new(token(0), token(1))
    }

    #[test]
    fn a_client_that_throws_new_tokens_away_keeps_its_first_one_for_ever() {
        let mut chain = login();
        for day in 0..1000 {
            assert_eq!(present(&mut chain, 0, at(day * 86_400)), Place::Current);
        }
        assert_eq!(chain, login());
    }

    #[test]
    fn a_token_is_good_for_a_minute_after_its_successor_was_presented_and_not_a_millisecond_longer() {
        let mut chain = login();
        assert_eq!(present(&mut chain, 1, at(0)), Place::Next);
        assert_eq!(present(&mut chain, 0, at(60)), Place::Retired);
        assert_eq!(present(&mut chain, 0, Timestamp(at(60).0 + 1)), Place::Stale);
    }

    #[test]
    fn presenting_the_successor_again_does_not_lengthen_the_life_of_the_token_before() {
        let mut chain = login();
        assert_eq!(present(&mut chain, 1, at(0)), Place::Next);
        assert_eq!(present(&mut chain, 1, at(59)), Place::Current);
        assert_eq!(present(&mut chain, 0, at(61)), Place::Stale);
    }

    #[test]
    fn each_replaced_token_has_its_own_minute() {
        let mut chain = login();
        assert_eq!(present(&mut chain, 1, at(0)), Place::Next);
        assert_eq!(present(&mut chain, 2, at(30)), Place::Next);
        assert_eq!(present(&mut chain, 0, at(59)), Place::Retired);
        assert_eq!(present(&mut chain, 1, at(61)), Place::Retired);
        assert_eq!(present(&mut chain, 0, at(61)), Place::Stale);
        assert_eq!(present(&mut chain, 1, at(91)), Place::Stale);
        assert_eq!(present(&mut chain, 2, at(91)), Place::Current);
    }

    #[test]
    fn what_was_never_handed_out_is_stale() {
        let mut chain = login();
        assert_eq!(present(&mut chain, 2, at(0)), Place::Stale);
        assert_eq!(present(&mut chain, 200, at(0)), Place::Stale);
    }

    #[test]
    fn a_client_in_a_loop_cannot_grow_its_chain() {
        let mut chain = login();
        for n in 1..=100 {
            assert_eq!(present(&mut chain, n, at(0)), Place::Next);
        }
        assert_eq!(chain.retired.len(), RETIRED_MAX);
        assert_eq!(present(&mut chain, 99, at(0)), Place::Retired);
        assert_eq!(present(&mut chain, 1, at(0)), Place::Stale);
    }
}
