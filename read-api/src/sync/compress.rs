//! Compressed copies of bodies.

use super::{bodies::Bodies, body::Pieces, pour::CHUNK, room::placed};
use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use flate2::{Compression, write::GzEncoder};
use std::io::{self, Write};

/// How a body may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Brotli.
    Brotli,
    /// Gzip.
    Gzip,
}

impl Encoding {
    /// Its name in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The best one the client takes.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut found = None;
        for value in headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            for entry in value.split(',') {
                let mut parts = entry.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let refused = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32)));
                match name {
                    _ if refused => {}
                    "br" => found = Some(Self::Brotli),
                    "gzip" | "x-gzip" => found = found.or(Some(Self::Gzip)),
                    _ => {}
                }
            }
        }
        found
    }

    /// Compresses; `None` if that fails, gains nothing, or there is no room for the copy.
    pub fn compress(self, plain: &Pieces, bodies: &Bodies) -> Option<Pieces> {
        let out = Copied {
            bodies,
            chunks: vec![],
            buffer: Vec::with_capacity(CHUNK.min(plain.bytes())),
        };
        let chunks = plain.chunks();
        let out = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::new(5));
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk)).ok()?;
                encoder.finish().ok()?
            }
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(out, 64 * 1024, 4, 22);
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk)).ok()?;
                encoder.flush().ok()?;
                encoder.into_inner()
            }
        };
        out.finish().filter(|copy| copy.bytes() < plain.bytes())
    }
}

/// What was compressed so far, in pieces that each have their place.
struct Copied<'b> {
    bodies: &'b Bodies,
    chunks: Vec<Bytes>,
    buffer: Vec<u8>,
}

impl Copied<'_> {
    fn pass(&mut self, full: Vec<u8>) -> io::Result<()> {
        let place = self.bodies.place(full.capacity()).ok_or(io::ErrorKind::OutOfMemory)?;
        self.chunks.push(placed(full, Some(place)));
        Ok(())
    }

    fn finish(mut self) -> Option<Pieces> {
        let mut last = std::mem::take(&mut self.buffer);
        last.shrink_to_fit();
        self.pass(last).ok()?;
        Some(Pieces::new(self.chunks))
    }
}

impl Write for Copied<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > CHUNK && !self.buffer.is_empty() {
            let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
            self.pass(full)?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
