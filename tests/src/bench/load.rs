//! Load: so many requests in flight, each on its own connection, for a while; and what came of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, stream::FuturesUnordered};

use crate::wire::{Connection, Reply};

/// A request, ready to send, and which kind of the mix it is (from 0).
pub struct Request {
    pub kind: usize,
    pub bytes: Bytes,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seconds: f64,
    /// Sorted latencies of answers 2xx in microseconds, by kind.
    pub kinds: Vec<Vec<u32>>,
    /// Answers other than 2xx, by status; 0: the connection broke.
    pub refused: BTreeMap<u16, u64>,
    pub body_bytes: u64,
}

impl Outcome {
    /// Answers 2xx.
    pub fn answered(&self) -> usize {
        self.kinds.iter().map(Vec::len).sum()
    }

    /// Answers 2xx for each second.
    pub fn per_second(&self) -> f64 {
        self.answered() as f64 / self.seconds.max(1e-9)
    }

    /// A latency of all kinds together in milliseconds: 0.99 for p99.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut all: Vec<u32> = self.kinds.iter().flatten().copied().collect();
        all.sort_unstable();
        quantile(&all, share)
    }

    /// A latency of one kind in milliseconds.
    pub fn quantile_of(&self, kind: usize, share: f64) -> Option<f64> {
        quantile(self.kinds.get(kind)?, share)
    }

    /// What went wrong, for people; empty if nothing did.
    pub fn complaint(&self) -> String {
        let each = self.refused.iter().map(|(status, count)| match status {
            0 => format!("{count} broken connections"),
            status => format!("{count} x {status}"),
        });
        each.collect::<Vec<_>>().join(", ")
    }

    fn take(&mut self, kind: usize, reply: std::io::Result<Reply>, took: Duration) {
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        self.body_bytes += reply.map_or(0, |reply| reply.body_bytes as u64);
        if !(200..300).contains(&status) {
            *self.refused.entry(status).or_default() += 1;
            return;
        }
        if self.kinds.len() <= kind {
            self.kinds.resize_with(kind + 1, Vec::new);
        }
        self.kinds[kind].push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }
}

/// A quantile of sorted microseconds, in milliseconds.
pub fn quantile(sorted: &[u32], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let micros = sorted[(last as f64 * share).round() as usize];
    Some(f64::from(micros) / 1_000.0)
}

/// Keeps `in_flight` requests under way at `address` until `stop` says so. `next` makes them from worker and turn.
pub async fn run(address: &str, in_flight: usize, stop: &AtomicBool, next: &dyn Fn(usize, u64) -> Request) -> Outcome {
    let outcome = RefCell::new(Outcome::default());
    let started = Instant::now();
    let mut workers: FuturesUnordered<_> = (0..in_flight)
        .map(|worker| work(address, worker, stop, next, &outcome))
        .collect();
    while workers.next().await.is_some() {}
    drop(workers);
    let mut outcome = outcome.into_inner();
    outcome.seconds = started.elapsed().as_secs_f64();
    for latencies in &mut outcome.kinds {
        latencies.sort_unstable();
    }
    outcome
}

/// As [`run`], for a time.
pub async fn run_for(
    address: &str,
    in_flight: usize,
    duration: Duration,
    next: &dyn Fn(usize, u64) -> Request,
) -> Outcome {
    let stop = AtomicBool::new(false);
    let timer = async {
        tokio::time::sleep(duration).await;
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(run(address, in_flight, &stop, next), timer).0
}

async fn work(
    address: &str,
    worker: usize,
    stop: &AtomicBool,
    next: &dyn Fn(usize, u64) -> Request,
    outcome: &RefCell<Outcome>,
) {
    let mut connection = None;
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        let request = next(worker, turn);
        turn += 1;
        let began = Instant::now();
        let reply = exchange(&mut connection, address, &request.bytes).await;
        let broken = reply.is_err();
        outcome.borrow_mut().take(request.kind, reply, began.elapsed());
        if broken {
            connection = None;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn exchange(connection: &mut Option<Connection>, address: &str, request: &[u8]) -> std::io::Result<Reply> {
    let connection = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(address).await?),
    };
    connection.exchange(request).await
}
