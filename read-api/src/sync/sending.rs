//! Bodies as answers.

use super::{
    bodies::Found,
    body::Body,
    compress::Encoding,
    pour::Piece,
    watched::{PATIENCE, Watched},
};
use axum::{
    body::{self, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// The answer, compressed as the client takes it if such a copy was made.
pub(super) fn respond(found: Found, wanted: Option<Encoding>) -> Response {
    let (body, encoding) = match found {
        Found::Whole(whole) => {
            let encoding = whole.encoding(wanted);
            (in_memory(whole, encoding), encoding)
        }
        Found::Flowing(pieces) => (watched(Flowing { pieces, ended: false }), None),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

fn in_memory(whole: Arc<Body>, encoding: Option<Encoding>) -> body::Body {
    let pieces = whole.pieces(encoding);
    if let [all] = pieces.chunks() {
        return body::Body::from(all.clone());
    }
    let left = pieces.bytes() as u64;
    watched(Whole {
        body: whole,
        encoding,
        next: 0,
        left,
    })
}

fn watched(body: impl body::HttpBody<Data = Bytes, Error = BrokenOff> + Unpin + Send + 'static) -> body::Body {
    body::Body::new(Watched::new(body, PATIENCE))
}

/// A body in memory, piece by piece. It says its length beforehand.
struct Whole {
    body: Arc<Body>,
    encoding: Option<Encoding>,
    next: usize,
    left: u64,
}

impl body::HttpBody for Whole {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        Poll::Ready(this.body.pieces(this.encoding).chunks().get(this.next).map(|chunk| {
            this.next += 1;
            this.left -= chunk.len() as u64;
            Ok(Frame::data(chunk.clone()))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A body that comes as it is made. It says no length; one that breaks off ends the connection without the mark of the
/// end, so that no client takes it for whole.
struct Flowing {
    pieces: mpsc::UnboundedReceiver<Piece>,
    ended: bool,
}

/// A body that is not whole.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub(super) struct BrokenOff;

impl body::HttpBody for Flowing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.pieces.poll_recv(cx).map(|piece| match piece {
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                self.ended = true;
                None
            }
            None => Some(Err(BrokenOff)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
