//! The connection commands go over: made when first needed, shared, and made again when it breaks.
//!
//! One for all three kinds of installation, because after a failover the sentinels must be asked anew, which a plain
//! reconnect does not do. While Redis is away a call fails at once and only one in [`REST`] tries to connect: who waits
//! for a rate limit must not wait for Redis.

use super::address::{ANSWER_WITHIN, Address, CONNECT_WITHIN};
use commands::ports::shared_state::SharedStateError;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
};
use std::{future::Future, time::Duration};
use tokio::{sync::Mutex, time::Instant, time::timeout};

/// For how long nobody tries to connect after a failure.
const REST: Duration = Duration::from_millis(500);
/// What a command may take with everything the client library does about it (redirects, scripts loaded first).
const CALL_WITHIN: Duration = Duration::from_millis(1_500);

/// A live connection, cheap to clone.
#[derive(Clone)]
pub(crate) enum Live {
    /// To one server.
    Server(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

/// See the module.
pub(crate) struct Link {
    pub(crate) address: Address,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    /// Counts connections, so that a late failure of an old one does not end its successor.
    made: u64,
    down: Option<Down>,
}

struct Down {
    until: Instant,
    why: String,
}

impl Link {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            state: Mutex::default(),
        }
    }

    /// Runs `op`, once more if the connection turned out to be dead: it must be harmless to do twice.
    pub(crate) async fn call<T, F>(&self, op: impl Fn(Live) -> F) -> Result<T, SharedStateError>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let mut retried = false;
        loop {
            let (live, made) = self.live().await?;
            let why = match timeout(CALL_WITHIN, op(live)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) if !breaks(&error) => return Err(unavailable(describe(&error))),
                Ok(Err(error)) if !retried && !error.is_timeout() => {
                    self.discard(made, None).await;
                    retried = true;
                    continue;
                }
                Ok(Err(error)) => describe(&error),
                Err(_) => "no answer in time".to_owned(),
            };
            self.discard(made, Some(&why)).await;
            return Err(unavailable(why));
        }
    }

    /// The connection, made if there is none.
    async fn live(&self) -> Result<(Live, u64), SharedStateError> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok((live.clone(), state.made));
        }
        if let Some(down) = &state.down
            && down.until > Instant::now()
        {
            return Err(unavailable(down.why.clone()));
        }
        match timeout(2 * CONNECT_WITHIN, self.address.connect()).await {
            Ok(Ok(live)) => {
                if state.down.take().is_some() {
                    tracing::info!("redis answers again");
                }
                state.live = Some(live.clone());
                state.made += 1;
                Ok((live, state.made))
            }
            Ok(Err(error)) => Err(state.gone(&describe(&error))),
            Err(_) => Err(state.gone("no connection in time")),
        }
    }

    /// Lets go of connection number `made`; with a reason, rests as well.
    async fn discard(&self, made: u64, why: Option<&str>) {
        let mut state = self.state.lock().await;
        if state.made == made {
            state.live = None;
            if let Some(why) = why {
                state.gone(why);
            }
        }
    }
}

impl State {
    fn gone(&mut self, why: &str) -> SharedStateError {
        if self.down.is_none() {
            tracing::warn!(
                error = why,
                "redis cannot be reached: rate limits go on per process, the cache counts as empty"
            );
        }
        self.down = Some(Down {
            until: Instant::now() + REST,
            why: why.to_owned(),
        });
        unavailable(why.to_owned())
    }
}

impl Address {
    async fn connect(&self) -> Result<Live, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        match self {
            Self::Single(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(Live::Server),
            Self::Cluster(client, _) => client.get_async_connection().await.map(Live::Cluster),
            Self::Sentinel(client) => client
                .lock()
                .await
                .get_async_connection_with_config(&config)
                .await
                .map(Live::Server),
        }
    }
}

/// The connection is dead, or leads to a server that is no longer the right one.
fn breaks(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(
            error.kind(),
            ErrorKind::ClusterConnectionNotFound
                | ErrorKind::Server(
                    ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown
                )
        )
}

/// What went wrong, for logs: kinds and what the server said, which names no key or value.
fn describe(error: &RedisError) -> String {
    error.to_string()
}

pub(crate) fn unavailable(why: impl Into<String>) -> SharedStateError {
    SharedStateError::Unavailable(why.into())
}

impl ConnectionLike for Live {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
