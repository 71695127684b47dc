//! Compressed copies of bodies.

use axum::http::{HeaderMap, header};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

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

    /// Compresses; `None` if that fails or gains nothing.
    pub fn compress(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len() / 2);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(&mut out, Compression::new(5));
                encoder.write_all(bytes).ok()?;
                encoder.finish().ok()?;
            }
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(&mut out, 64 * 1024, 4, 22);
                encoder.write_all(bytes).ok()?;
                encoder.flush().ok()?;
                drop(encoder);
            }
        }
        (out.len() < bytes.len()).then_some(out)
    }
}
