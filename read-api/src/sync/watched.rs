//! Bodies whose clients must read them.

use super::sending::BrokenOff;
use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::task::AbortHandle;

/// A client that takes no piece for so long loses the rest.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A body that is dropped, and breaks off, when nobody takes a piece of it for some time: what it holds in memory counts
/// against all others, and a client that stops reading but stays would hold it for ever.
pub(super) struct Watched<B> {
    shared: Arc<Mutex<Shared<B>>>,
    watchdog: AbortHandle,
}

struct Shared<B> {
    body: Option<B>,
    /// Something was asked of it since the watchdog looked last, or what was asked is not there yet.
    alive: bool,
    waiting: bool,
}

fn lock<B>(shared: &Mutex<Shared<B>>) -> MutexGuard<'_, Shared<B>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Send + 'static> Watched<B> {
    pub fn new(body: B, patience: Duration) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            body: Some(body),
            alive: false,
            waiting: false,
        }));
        let watched = Arc::clone(&shared);
        let watchdog = tokio::spawn(async move {
            loop {
                tokio::time::sleep(patience).await;
                let mut shared = lock(&watched);
                let alive = std::mem::take(&mut shared.alive);
                if !alive && !shared.waiting {
                    shared.body = None;
                    break;
                }
            }
        });
        Self {
            shared,
            watchdog: watchdog.abort_handle(),
        }
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        self.watchdog.abort();
        // the watchdog may have been cut off before it ever ran, or be about to run: its share goes at once in any case
        lock(&self.shared).body = None;
    }
}

impl<B: HttpBody<Data = Bytes, Error = BrokenOff> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut shared = lock(&self.shared);
        let Some(body) = &mut shared.body else {
            return Poll::Ready(Some(Err(BrokenOff)));
        };
        let frame = Pin::new(body).poll_frame(cx);
        shared.alive = true;
        shared.waiting = frame.is_pending();
        Poll::Ready(ready!(frame))
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.shared).body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let shared = lock(&self.shared);
        shared.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// Gives its pieces, or keeps one waiting when there is none.
    struct Given(
        Vec<Bytes>,
        #[expect(dead_code, reason = "held, so that one sees when it is dropped")] Arc<()>,
    );

    impl HttpBody for Given {
        type Data = Bytes;
        type Error = BrokenOff;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
            match self.0.pop() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => Poll::Pending,
            }
        }
    }

    async fn next(body: &mut Watched<Given>) -> Option<Result<Frame<Bytes>, BrokenOff>> {
        poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
    }

    fn watched(pieces: usize) -> (Watched<Given>, Arc<()>) {
        let held = Arc::new(());
        let given = Given(vec![Bytes::from_static(b"piece"); pieces], Arc::clone(&held));
        (Watched::new(given, Duration::from_millis(50)), held)
    }

    async fn within<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_millis(400), future).await.is_ok()
    }

    #[tokio::test]
    async fn what_nobody_takes_is_dropped_and_breaks_off() {
        let (mut body, held) = watched(3);
        assert!(next(&mut body).await.is_some_and(|frame| frame.is_ok()));
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if Arc::strong_count(&held) == 1 {
                break;
            }
        }
        assert_eq!(Arc::strong_count(&held), 1, "its memory is free");
        assert!(next(&mut body).await.is_some_and(|frame| frame.is_err()));
    }

    #[tokio::test]
    async fn a_client_that_waits_for_us_loses_nothing() {
        let (mut body, held) = watched(0);
        assert!(!within(next(&mut body)).await);
        assert_eq!(Arc::strong_count(&held), 2);
        drop(body);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
