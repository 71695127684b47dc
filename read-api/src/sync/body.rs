//! A body in memory, and its compressed copies.

use super::{bodies::Bodies, compress::Encoding};
use axum::body::Bytes;
use projections::sync::revision::Revision;
use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicU32, Ordering},
};

/// Bodies smaller than this are not worth compressing: bytes.
const MIN_COMPRESSED: usize = 1_400;

/// Bytes in pieces: a body of many megabytes is never one block, so it is never copied to grow.
#[derive(Debug)]
pub(super) struct Pieces {
    chunks: Vec<Bytes>,
    bytes: usize,
}

impl Pieces {
    /// Of these.
    pub fn new(chunks: Vec<Bytes>) -> Self {
        let bytes = chunks.iter().map(Bytes::len).sum();
        Self { chunks, bytes }
    }

    /// All together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// One by one.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }
}

/// One body.
pub(super) struct Body {
    bodies: Weak<Bodies>,
    revision: Revision,
    generation: u64,
    plain: Pieces,
    asked: AtomicU32,
    gzip: OnceLock<Option<Pieces>>,
    brotli: OnceLock<Option<Pieces>>,
}

impl Body {
    pub fn new(bodies: &Arc<Bodies>, revision: Revision, generation: u64, chunks: Vec<Bytes>) -> Self {
        Self {
            bodies: Arc::downgrade(bodies),
            revision,
            generation,
            plain: Pieces::new(chunks),
            asked: AtomicU32::new(0),
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }
    }

    /// Whether it is good for who knows of `revision`, read from `generation`.
    pub fn shows(&self, revision: Revision, generation: u64) -> bool {
        // what was parked and comes late moves the date alone
        self.generation == generation && self.revision.position >= revision.position && self.revision.at >= revision.at
    }

    /// The bytes in `encoding`; as they are without one.
    pub fn pieces(&self, encoding: Option<Encoding>) -> &Pieces {
        let copy = encoding.and_then(|encoding| self.copy(encoding).get()?.as_ref());
        copy.unwrap_or(&self.plain)
    }

    /// The encoding to send it in: `wanted` if that copy was made. The second request has the copy made.
    pub fn encoding(self: &Arc<Self>, wanted: Option<Encoding>) -> Option<Encoding> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let encoding = wanted.filter(|_| self.plain.bytes() >= MIN_COMPRESSED)?;
        match self.copy(encoding).get() {
            Some(Some(_)) => Some(encoding),
            Some(None) => None,
            None => {
                if asked == 1 {
                    self.compress(encoding);
                }
                None
            }
        }
    }

    fn copy(&self, encoding: Encoding) -> &OnceLock<Option<Pieces>> {
        match encoding {
            Encoding::Gzip => &self.gzip,
            Encoding::Brotli => &self.brotli,
        }
    }

    fn compress(self: &Arc<Self>, encoding: Encoding) {
        let Some(bodies) = self.bodies.upgrade() else { return };
        let body = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let copy = encoding.compress(&body.plain, &bodies);
            let _ = body.copy(encoding).set(copy);
        });
    }
}
