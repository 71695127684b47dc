//! A store with a bad line: what a network, a crash or a failover can do to a caller, by seeded dice.
//!
//! It never lies. `Unavailable` is said before, after or while the append is stored, as the port allows; conflicts are
//! only those of the store behind it. So whoever keeps to the port must come through unharmed.

use async_trait::async_trait;
use commands::ports::{AppendError, Appended, Caps, EventStore, Expected, Page, ReadError, StreamAppend};
use domain::event::{Position, StoredEvent, StreamName};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Wraps a store and makes it unreliable.
pub struct FaultyStore {
    inner: Arc<dyn EventStore>,
    dice: Mutex<StdRng>,
    wake: watch::Sender<Position>,
    waker: JoinHandle<()>,
    faults: AtomicU64,
}

/// What happens to an append.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Fine,
    /// Not stored, and not known to be so.
    LostOnTheWay,
    /// Stored; the answer is lost.
    AnswerLost,
    /// Sent twice: the second answer is the one that arrives.
    Doubled,
    /// Answered as lost; it arrives later, maybe after the caller's next try.
    Late,
    /// Refused at the door.
    Busy,
}

const FATES: &[(Fate, u32)] = &[
    (Fate::Fine, 50),
    (Fate::LostOnTheWay, 10),
    (Fate::AnswerLost, 15),
    (Fate::Doubled, 10),
    (Fate::Late, 10),
    (Fate::Busy, 5),
];

impl FaultyStore {
    /// The same seed makes the same choices in the same order of calls. Call within a tokio runtime.
    pub fn new(inner: Arc<dyn EventStore>, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let wake = watch::channel(Position::START).0;
        let waker = tokio::spawn(pass_on_badly(
            inner.wake(),
            wake.clone(),
            StdRng::seed_from_u64(dice.random()),
        ));
        Self {
            inner,
            dice: Mutex::new(dice),
            wake,
            waker,
            faults: AtomicU64::new(0),
        }
    }

    /// How many calls something was done to.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    fn roll<T>(&self, with: impl FnOnce(&mut StdRng) -> T) -> T {
        with(&mut self.dice.lock().expect("nothing panics while it holds the dice"))
    }

    fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    fn fate(&self) -> Fate {
        let total = FATES.iter().map(|(_, weight)| weight).sum();
        let mut at = self.roll(|dice| dice.random_range(0..total));
        for (fate, weight) in FATES {
            if at < *weight {
                return *fate;
            }
            at -= weight;
        }
        Fate::Fine
    }

    async fn delay(&self) {
        let micros = self.roll(|dice| {
            if dice.random_ratio(1, 4) {
                dice.random_range(0..3_000)
            } else {
                0
            }
        });
        if micros > 0 {
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }

    async fn line_for_reading(&self) -> Result<(), ReadError> {
        self.delay().await;
        if self.roll(|dice| dice.random_ratio(1, 10)) {
            self.fault();
            return Err(ReadError::Unavailable("the answer was lost".to_owned()));
        }
        Ok(())
    }
}

/// Loses every third hint, and gives out older ones after newer ones.
async fn pass_on_badly(mut from: watch::Receiver<Position>, to: watch::Sender<Position>, mut dice: StdRng) {
    let mut older = Position::START;
    while from.changed().await.is_ok() {
        let head = *from.borrow_and_update();
        match dice.random_range(0..3) {
            0 => {}
            1 => drop(to.send_replace(head)),
            _ => {
                tokio::time::sleep(Duration::from_millis(dice.random_range(0..5))).await;
                to.send_replace(older);
            }
        }
        older = head;
    }
}

impl Drop for FaultyStore {
    fn drop(&mut self) {
        self.waker.abort();
    }
}

/// Records have no memory of an earlier try, so sending them twice would store them twice.
fn is_recognised(group: &[StreamAppend]) -> bool {
    group
        .iter()
        .any(|ask| matches!(ask.expected, Expected::Exact(_) | Expected::NoStream))
}

#[async_trait]
impl EventStore for FaultyStore {
    async fn append(&self, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let fate = self.fate();
        if !matches!(fate, Fate::Fine) {
            self.fault();
        }
        self.delay().await;
        let lost = || Err(AppendError::Unavailable("the answer was lost".to_owned()));
        match fate {
            Fate::Fine => self.inner.append(group).await,
            Fate::LostOnTheWay => lost(),
            Fate::AnswerLost => {
                let _ = self.inner.append(group).await;
                lost()
            }
            Fate::Doubled if is_recognised(&group) => {
                let _ = self.inner.append(group.clone()).await;
                self.inner.append(group).await
            }
            Fate::Doubled => self.inner.append(group).await,
            Fate::Late => {
                let (inner, pause) = (self.inner.clone(), self.roll(|dice| dice.random_range(0..10)));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    let _ = inner.append(group).await;
                });
                lost()
            }
            Fate::Busy => Err(AppendError::Busy),
        }
    }

    async fn append_unless(&self, fence: &StreamName, group: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.inner.append_unless(fence, group).await
    }

    async fn read_stream(&self, stream: &StreamName, from: u64, max: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.line_for_reading().await?;
        self.inner.read_stream(stream, from, max).await
    }

    async fn read_streams(&self, streams: &[(StreamName, u64)]) -> Result<Vec<Vec<StoredEvent>>, ReadError> {
        self.line_for_reading().await?;
        self.inner.read_streams(streams).await
    }

    /// Now and then a shorter page than there could be; `head` stays what it is.
    async fn read_all(&self, after: Position, max: usize) -> Result<Page, ReadError> {
        self.line_for_reading().await?;
        let cut = self.roll(|dice| {
            if max > 1 && dice.random_ratio(1, 3) {
                dice.random_range(1..max)
            } else {
                max
            }
        });
        if cut < max {
            self.fault();
        }
        self.inner.read_all(after, cut).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.line_for_reading().await?;
        self.inner.head().await
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.wake.subscribe()
    }

    fn caps(&self) -> Caps {
        self.inner.caps()
    }
}
