//! Reads request bodies to their end, even those that no route wanted.
//!
//! A server that answers and closes while the client still sends makes the client lose the answer. So what is left of a
//! body is read and thrown away before the answer goes out, up to a bound.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, Version, header},
    middleware::Next,
    response::Response,
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::oneshot;

/// The most bytes that are thrown away for one request.
const MAX_BYTES: usize = 64 << 20;
/// The longest time that takes.
const MAX_TIME: Duration = Duration::from_secs(15);

/// A body that comes back when it is dropped before its end.
struct Lent {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // nobody waits for it when the request was given up
            let _ = back.send(body);
        }
    }
}

/// Middleware: lends the body to the route and reads what it left.
pub async fn leave_no_body(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let http1 = request.version() <= Version::HTTP_11;
    let (parts, body) = request.into_parts();
    let (back, returned) = oneshot::channel();
    let lent = Body::new(Lent {
        body: Some(body),
        back: Some(back),
    });
    let mut response = next.run(Request::from_parts(parts, lent)).await;
    if let Ok(left) = returned.await
        && !drained(left).await
        && http1
    {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads a body to its end: `false` if it is longer or slower than is bearable.
async fn drained(mut body: Body) -> bool {
    let all = async {
        let mut bytes = 0;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            match frame {
                Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                Err(_) => return false,
            }
            if bytes > MAX_BYTES {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(MAX_TIME, all).await.unwrap_or(false)
}
