//! Where a body goes while it is put together: into memory, or, where there is no room for it, straight to who asked.

use super::{
    bodies::{Bodies, Key, Making},
    body::Body,
    room::{Place, placed},
};
use axum::body::Bytes;
use projections::sync::revision::Revision;
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};
use web::Problem;

/// Bodies are made in pieces of these many bytes: each is one call of the system when it is sent, and calls are felt where
/// pieces are smaller.
pub(super) const CHUNK: usize = 1024 * 1024;
/// A body up to these many bytes is sent even if it has no place: a socket takes it at once.
const SMALL: usize = 256 * 1024;
/// What a piece begins with when nothing is known of the body yet: most are small.
const FIRST: usize = 16 * 1024;
/// How many pieces of a body that has no room may be on their way.
const WINDOW: usize = 2;

/// Why a body is not finished.
#[derive(Debug)]
pub(super) enum Stop {
    /// It cannot be made.
    Problem(Problem),
    /// It has no room, and may not go straight to the client now.
    Crowded,
    /// Nobody wants it any more.
    Gone,
    /// The client took too long.
    Late,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What who asked for a body is told.
pub(super) enum Made {
    /// All of it, in memory.
    Whole(Arc<Body>),
    /// It comes piece by piece.
    Flowing(mpsc::UnboundedReceiver<Piece>),
    /// There was no room for these many bytes: try again when there is, or with leave to let it flow.
    Crowded(Making, usize),
    /// It cannot be made.
    Failed(Problem),
}

/// A part of a body that flows. A body without `End` is not whole.
#[derive(Debug)]
pub(super) enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// That was all.
    End,
}

/// Who asked, and with what leave.
pub(super) struct Asker {
    pub answer: oneshot::Sender<Made>,
    /// One of the few turns to put a body together.
    pub _turn: OwnedSemaphorePermit,
    /// Leave to let the body flow, if it was waited for.
    pub leave: Option<OwnedSemaphorePermit>,
    /// Whether the client could tell a body that broke off from a whole one.
    pub may_flow: bool,
    pub making: Making,
}

enum Way {
    /// All of it stays in memory.
    Gathering { chunks: Vec<Bytes>, asker: Asker },
    /// Straight to the client.
    Flowing(Flow),
    /// Neither: only while one becomes the other.
    Between,
}

/// Takes a body as it is made. Whoever makes it holds a snapshot of the database meanwhile.
///
/// As long as there is room, the body is gathered at the pace of the database, and the snapshot ends before the first byte
/// is sent. Where there is none, pieces go to the client as they are made, two of them on their way at most, so it is the
/// client who sets the pace. A snapshot holds a connection and keeps the database from cleaning up: so few bodies may
/// flow at once, and each must keep a pace. Room that becomes free is used at once to run ahead of the client.
pub(super) struct Pour {
    bodies: Arc<Bodies>,
    buffer: Vec<u8>,
    /// Bytes that left the buffer.
    passed: usize,
    way: Way,
}

impl Pour {
    pub fn new(bodies: Arc<Bodies>, asker: Asker) -> Self {
        Self {
            bodies,
            buffer: Vec::with_capacity(FIRST),
            passed: 0,
            way: Way::Gathering { chunks: vec![], asker },
        }
    }

    /// Where the next bytes are to be written, `more` at most or a few beyond.
    pub async fn out(&mut self, more: usize) -> Result<&mut Vec<u8>, Stop> {
        if self.buffer.len() + more > CHUNK && !self.buffer.is_empty() {
            let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK.max(more)));
            self.pass(full).await?;
        }
        Ok(&mut self.buffer)
    }

    async fn pass(&mut self, full: Vec<u8>) -> Result<(), Stop> {
        let size = full.capacity();
        // one body does not push out all others
        let fits = self.passed + size <= self.bodies.largest();
        let place = fits.then(|| self.bodies.place(size)).flatten();
        if place.is_none() {
            self.let_flow()?;
        }
        match &mut self.way {
            Way::Gathering { asker, .. } if asker.answer.is_closed() => return Err(Stop::Gone),
            Way::Gathering { chunks, .. } => chunks.push(placed(full, place)),
            Way::Flowing(flow) => {
                let place = match place {
                    Some(place) => place,
                    None => flow.place(&self.bodies, fits.then_some(size)).await?,
                };
                flow.send(Piece::Bytes(placed(full, Some(place))))?;
            }
            Way::Between => return Err(Stop::Gone),
        }
        self.passed += size;
        Ok(())
    }

    /// Lets the body flow from here on, what was gathered first.
    fn let_flow(&mut self) -> Result<(), Stop> {
        let (chunks, mut asker) = match std::mem::replace(&mut self.way, Way::Between) {
            Way::Gathering { chunks, asker } => (chunks, asker),
            other => {
                self.way = other;
                return Ok(());
            }
        };
        let leave = asker.leave.take().or_else(|| self.bodies.leave_to_flow());
        let Some(leave) = leave.filter(|_| asker.may_flow) else {
            self.way = Way::Gathering { chunks, asker };
            return Err(Stop::Crowded);
        };
        let (pieces, receiver) = mpsc::unbounded_channel();
        let mut flow = Flow {
            pieces,
            window: Arc::new(Semaphore::new(WINDOW)),
            began: Instant::now(),
            sent: 0,
            _leave: leave,
            _making: asker.making,
        };
        asker.answer.send(Made::Flowing(receiver)).map_err(|_| Stop::Gone)?;
        for chunk in chunks {
            flow.send(Piece::Bytes(chunk))?;
        }
        self.way = Way::Flowing(flow);
        Ok(())
    }

    /// The last bytes. Whether the body may be kept: one that is sent without a place may not.
    async fn rest(&mut self) -> Result<bool, Stop> {
        let mut last = std::mem::take(&mut self.buffer);
        last.shrink_to_fit();
        if let Way::Gathering { chunks, .. } = &mut self.way
            && chunks.is_empty()
            && last.len() <= SMALL
        {
            let place = self.bodies.place(last.len());
            let kept = place.is_some();
            chunks.push(placed(last, place));
            return Ok(kept);
        }
        self.pass(last).await.map(|()| true)
    }

    /// The body is finished, or will not be.
    pub async fn end(mut self, key: Key, generation: u64, outcome: Result<Revision, Stop>) {
        let outcome = match outcome {
            Ok(revision) => self.rest().await.map(|kept| (revision, kept)),
            Err(stop) => Err(stop),
        };
        match (self.way, outcome) {
            (Way::Gathering { chunks, asker }, Ok((revision, kept))) => {
                let body = Arc::new(Body::new(&self.bodies, revision, generation, chunks));
                if kept {
                    self.bodies.keep(key, Arc::clone(&body));
                }
                // nobody there: the next one finds it
                let _ = asker.answer.send(Made::Whole(body));
            }
            (Way::Gathering { asker, .. }, Err(stop)) => {
                let said = match stop {
                    Stop::Problem(problem) => Made::Failed(problem),
                    Stop::Crowded if asker.may_flow => Made::Crowded(asker.making, self.passed),
                    _ => Made::Failed(Problem::unavailable()),
                };
                let _ = asker.answer.send(said);
            }
            (Way::Flowing(mut flow), Ok(_)) => {
                let _ = flow.send(Piece::End);
            }
            (Way::Flowing(_), Err(stop)) => tracing::warn!(why = ?stop, "a body broke off"),
            (Way::Between, _) => {}
        }
    }
}

/// A body on its way while it is made.
struct Flow {
    pieces: mpsc::UnboundedSender<Piece>,
    window: Arc<Semaphore>,
    began: Instant,
    sent: u32,
    _leave: OwnedSemaphorePermit,
    _making: Making,
}

impl Flow {
    /// A place for the next piece: of those the client has taken, or, in the end, among all bodies if it is `wanted` there.
    async fn place(&self, bodies: &Bodies, wanted: Option<usize>) -> Result<Place, Stop> {
        let deadline = self.began + bodies.pace.patience + bodies.pace.each * self.sent;
        tokio::select! {
            biased;
            () = self.pieces.closed() => Err(Stop::Gone),
            place = Arc::clone(&self.window).acquire_owned() => place.map_err(|_| Stop::Gone),
            () = tokio::time::sleep_until(deadline) => {
                wanted.and_then(|bytes| bodies.place(bytes)).ok_or(Stop::Late)
            }
        }
    }

    fn send(&mut self, piece: Piece) -> Result<(), Stop> {
        self.sent += 1;
        self.pieces.send(piece).map_err(|_| Stop::Gone)
    }
}
