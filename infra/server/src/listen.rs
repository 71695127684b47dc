//! Listeners: http and https, HTTP/1.1 and HTTP/2, bounded, ended in order. Every request passes here, so what is not
//! needed for each of them is done once per connection.

mod bind;
mod connection;

pub use bind::{Bound, bind};

use axum::Router;
use connection::Served;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after the system refused a connection for want of something, as file handles.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// All listeners of the program.
#[derive(Debug, Clone)]
pub struct Listeners {
    connections: TaskTracker,
    stopping: Stopping,
    max_connections: usize,
}

/// Tells connections to end. The flag is what each poll looks at: a shared atomic, where polling the token's future
/// would take a lock that all connections share.
#[derive(Debug, Clone)]
struct Stopping {
    flag: Arc<AtomicBool>,
    wake: CancellationToken,
}

impl Listeners {
    /// None yet; each may have `max_connections` open at once.
    pub fn new(max_connections: u32) -> Self {
        let stopping = Stopping {
            flag: Arc::default(),
            wake: CancellationToken::new(),
        };
        Self {
            connections: TaskTracker::new(),
            stopping,
            max_connections: max_connections as usize,
        }
    }

    /// Serves `router` at `bound`, with TLS where `tls` is given.
    ///
    /// # Errors
    /// One sentence when the address has been taken meanwhile.
    pub fn serve(&self, bound: Bound, router: Router, tls: Option<TlsAcceptor>) -> anyhow::Result<()> {
        let (name, address) = (bound.name, bound.address());
        let listener = bound.listen()?;
        tracing::info!(%address, setting = name, tls = tls.is_some(), "listening");
        let served = Arc::new(Served {
            router,
            tls,
            stopping: self.stopping.clone(),
        });
        let limit = Arc::new(Semaphore::new(self.max_connections));
        self.connections
            .spawn(accept(listener, name, served, limit, self.connections.clone()));
        Ok(())
    }

    /// Closes the listeners and idle connections, and waits for requests in flight, at most `patience`. Returns how many
    /// connections were left.
    pub async fn finish(&self, patience: Duration) -> usize {
        self.stopping.flag.store(true, Ordering::Release);
        self.stopping.wake.cancel();
        self.connections.close();
        let _ = tokio::time::timeout(patience, self.connections.wait()).await; // the count below tells
        self.connections.len()
    }
}

async fn accept(
    listener: TcpListener,
    name: &'static str,
    served: Arc<Served>,
    limit: Arc<Semaphore>,
    connections: TaskTracker,
) {
    let wake = served.stopping.wake.clone();
    let accepting = async {
        loop {
            if limit.available_permits() == 0 {
                metrics::counter!("annalock_http_connections_waited_total", "listener" => name).increment(1);
            }
            // At the limit further connections wait in the queue of the system, which is bounded too.
            let permit = Arc::clone(&limit)
                .acquire_owned()
                .await
                .expect("nobody closes this semaphore");
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true); // slower at worst
                    connections.spawn(connection::serve(Arc::clone(&served), stream, peer, permit));
                }
                Err(e) if of_one_connection(e.kind()) => {}
                Err(e) => {
                    tracing::warn!(listener = name, error = %e, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            }
        }
    };
    let _: Option<()> = wake.run_until_cancelled(accepting).await;
}

fn of_one_connection(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests;
