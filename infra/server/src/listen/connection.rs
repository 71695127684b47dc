//! One connection, from its handshake to its end.

use super::Stopping;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// A TLS handshake takes at most this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The head of a request takes at most this, counted from the end of the last one: so it bounds idle time too.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request's head, and of the buffer it is read into.
const HEAD_BYTES: usize = 64 * 1024;
/// HTTP/2: requests at once on one connection, and how much of bodies may be on its way.
const STREAMS: u32 = 128;
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// HTTP/2: a silent connection is asked this often, and closed when it does not answer that long.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// What connections of one listener share.
pub(super) struct Served {
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) stopping: Stopping,
}

/// Serves one connection. The permit is held until it ends or becomes a web socket.
pub(super) async fn serve(served: Arc<Served>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
    let service = ToRouter {
        router: served.router.clone(),
        peer,
    };
    let stopping = &served.stopping;
    match &served.tls {
        None => h1(TokioIo::new(stream), service, stopping).await,
        Some(tls) => {
            let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else {
                metrics::counter!("annalock_tls_handshakes_failed_total").increment(1);
                return; // scanners and clients that do not trust us: nothing we could do
            };
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                h2(TokioIo::new(stream), service, stopping).await;
            } else {
                h1(TokioIo::new(stream), service, stopping).await;
            }
        }
    }
    drop(permit);
}

async fn h1<I>(io: TokioIo<I>, service: ToRouter, stopping: &Stopping)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    drive(pin!(connection), stopping, |c| c.graceful_shutdown()).await;
}

async fn h2<I>(io: TokioIo<I>, service: ToRouter, stopping: &Stopping)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD_BYTES as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .serve_connection(io, service);
    drive(pin!(connection), stopping, |c| c.graceful_shutdown()).await;
}

/// Runs the connection; when all shall stop it finishes what it has begun and takes no further request. How it ends is
/// the client's affair: a reset is not an error of ours.
async fn drive<C, E>(mut connection: Pin<&mut C>, stopping: &Stopping, end: impl Fn(Pin<&mut C>))
where
    C: Future<Output = Result<(), E>>,
{
    let mut wake = pin!(stopping.wake.cancelled());
    let (mut registered, mut ending) = (false, false);
    poll_fn(|cx| {
        if !registered {
            // Once is enough: the token keeps the waker of this task, which stays the same.
            registered = true;
            let _ = wake.as_mut().poll(cx);
        }
        if !ending && stopping.flag.load(Ordering::Acquire) {
            ending = true;
            end(connection.as_mut());
        }
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// hyper's requests to axum's router, with the address of the peer.
struct ToRouter {
    router: Router,
    peer: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for ToRouter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let mut router = self.router.clone();
        debug_assert!(matches!(
            Service::<Request<Body>>::poll_ready(&mut router, &mut Context::from_waker(std::task::Waker::noop())),
            Poll::Ready(Ok(()))
        ));
        router.call(request)
    }
}
