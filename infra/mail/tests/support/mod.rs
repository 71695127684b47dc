//! What the tests of mail need: a mail server that does as it is told, a private Postgres, keys.
#![allow(dead_code)] // each test binary uses its share of this

pub mod keys;
pub mod postgres;
pub mod sink;

use domain::time::Timestamp;
use mail::{Letter, Outgoing, Site};
use std::time::{Duration, Instant};
use uuid::Uuid;

pub fn site() -> Site {
    Site::new("https://vault.example.org").unwrap()
}

/// A letter with a link, ready to send.
pub fn outgoing(n: u128, to: &str) -> Outgoing {
    let letter = Letter::VerifyRegistration {
        email: to.to_owned(),
        token: "t0k=n".to_owned(),
    };
    Outgoing {
        id: Uuid::from_u128(n),
        to: to.to_owned(),
        letter: letter.kind(),
        content: letter.render(&site()),
        at: Timestamp(1_795_361_680_123),
    }
}

/// Waits until `condition` holds; fails the test after 20 s.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_secs(20), "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
