//! The connection: made once, made again when the client gives up, and calls that are repeated until a deadline.
//!
//! `eventstore` 4.0.0 (frozen; ENGINE section 14) has habits that are answered here:
//! - One connection that cannot be made ends its background task, and every later call fails with `ConnectionClosed`.
//!   Then a new client is made.
//! - After a `ServerError` it keeps the node it had, even if that node is dead. In a cluster a new client is made, at
//!   most once in [`RENEW_AFTER`]; the old one leaves a parked task behind, so it must stay rare.
//! - Deadlines travel to the server but nobody watches them here: each call is also timed on this side.
//! - Its connections hold back small requests: see `nodelay`.
//! - It installs the process-wide rustls provider and panics in its own task if there is one already.

use crate::nodelay::Ports;
use eventstore::{Client, ClientSettings, Error};
use futures::{FutureExt, future::BoxFuture};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A client is not made again sooner than this.
const RENEW_AFTER: Duration = Duration::from_millis(500);
/// The first pause before a call is repeated; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often in a row a node may name another as leader without a pause.
const HOPS: u32 = 3;

/// The gRPC codes that the client hands on unnamed and that say "again, perhaps": `CANCELLED`, `RESOURCE_EXHAUSTED` and
/// `ABORTED`. With the last one the server tells that a write was not replicated in time.
const CODES_TO_REPEAT: [i32; 3] = [1, 8, 10];

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection string cannot be read.
    #[error("the connection string of KurrentDB cannot be read: {0}")]
    BadUrl(String),
    /// This process has a rustls provider already: the client must be made before anything installs one.
    #[error("the KurrentDB client must be made before a rustls provider is installed")]
    ProviderTaken,
    /// Nobody answered in time.
    #[error("KurrentDB cannot be reached: {0}")]
    Unreachable(String),
}

/// The connection of one store.
pub(crate) struct Link {
    settings: ClientSettings,
    cluster: bool,
    ports: Ports,
    current: Mutex<Current>,
}

struct Current {
    client: Client,
    generation: u64,
    made: Instant,
}

impl Link {
    /// Connects, trying until `deadline`.
    pub(crate) async fn open(url: &str, deadline: Instant) -> Result<Self, ConnectError> {
        let settings: ClientSettings = url.parse().map_err(|e| ConnectError::BadUrl(format!("{e}")))?;
        let cluster = settings.is_dns_discovery_enabled() || settings.hosts().len() > 1;
        let ports = Ports(
            settings
                .hosts()
                .iter()
                .filter_map(|host| u16::try_from(host.port).ok())
                .collect(),
        );
        let client = first_client(&settings).await?;
        let current = Mutex::new(Current {
            client,
            generation: 0,
            made: Instant::now(),
        });
        let link = Self {
            settings,
            cluster,
            ports,
            current,
        };
        let greet = |client: Client| async move { client.server_info().await }.boxed();
        link.call(deadline, RENEW_AFTER * 6, greet)
            .await
            .map_err(|e| ConnectError::Unreachable(e.to_string()))?;
        link.send_at_once();
        Ok(link)
    }

    /// To be called from time to time: connections are made again without notice.
    pub(crate) fn send_at_once(&self) {
        self.ports.send_at_once();
    }

    /// Calls until it works, fails for good, or `deadline` has passed. One try takes `each` at most.
    ///
    /// A call that may be repeated must be one that the server recognises, or one that changes nothing.
    pub(crate) async fn call<'a, T>(
        &self,
        deadline: Instant,
        each: Duration,
        call: impl Fn(Client) -> BoxFuture<'a, Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let (mut pause, mut hops) = (FIRST_PAUSE, 0);
        loop {
            let (generation, client) = self.client();
            let until = deadline.min(Instant::now() + each);
            let error = match tokio::time::timeout_at(until, call(client)).await {
                Ok(Err(error)) if worth_repeating(&error) => error,
                Ok(outcome) => return outcome,
                Err(_) => Error::DeadlineExceeded,
            };
            tracing::debug!(%error, "a call to KurrentDB is repeated");
            self.after(&error, generation);
            hops += 1;
            let led_on = matches!(error, Error::NotLeaderException(_)) && hops <= HOPS;
            if !led_on {
                if Instant::now() + pause >= deadline {
                    return Err(error);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    fn client(&self) -> (u64, Client) {
        let current = self.current();
        (current.generation, current.client.clone())
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a new client if `error` says that the one of `generation` will not recover.
    fn after(&self, error: &Error, generation: u64) {
        let lost = match error {
            Error::ConnectionClosed | Error::GrpcConnectionError(_) => true,
            Error::ServerError(_) | Error::DeadlineExceeded => self.cluster,
            _ => false,
        };
        let mut current = self.current();
        if !lost || current.generation != generation || current.made.elapsed() < RENEW_AFTER {
            return;
        }
        match Client::new(self.settings.clone()) {
            Ok(client) => {
                *current = Current {
                    client,
                    generation: generation + 1,
                    made: Instant::now(),
                }
            }
            Err(error) => tracing::warn!(%error, "no new KurrentDB client could be made"),
        }
    }
}

fn worth_repeating(error: &Error) -> bool {
    match error {
        Error::NotLeaderException(_)
        | Error::ServerError(_)
        | Error::DeadlineExceeded
        | Error::ConnectionClosed
        | Error::GrpcConnectionError(_) => true,
        Error::Grpc { code, .. } => CODES_TO_REPEAT.contains(&i32::from(*code)),
        _ => false,
    }
}

/// Makes a client. The first one of the process installs the rustls provider; that is waited for here, with nothing in
/// between, so that the panic of the client's task becomes [`ConnectError::ProviderTaken`] instead.
async fn first_client(settings: &ClientSettings) -> Result<Client, ConnectError> {
    static MADE: tokio::sync::Mutex<bool> = tokio::sync::Mutex::const_new(false);
    let mut made = MADE.lock().await;
    if !*made && rustls::crypto::CryptoProvider::get_default().is_some() {
        return Err(ConnectError::ProviderTaken);
    }
    let client = Client::new(settings.clone()).map_err(|e| ConnectError::Unreachable(e.to_string()))?;
    if !*made {
        // answered (well or badly) only after the provider was installed; ConnectionClosed if that panicked
        if let Err(Error::ConnectionClosed) = client.server_info().await {
            return Err(ConnectError::ProviderTaken);
        }
        *made = true;
    }
    Ok(client)
}
