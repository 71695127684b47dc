//! Asks the server whether it accepts connections, at the start and after it was started again.

use crate::{ChildState, Health, Layout, StartError};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection, Executor};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// An answer that takes longer counts as none.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A long recovery is reported this often.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// After a SIGKILL of the old server its last processes hold its shared memory for a moment, longer on a machine that is busy.
const LET_GO_WITHIN: Duration = Duration::from_secs(60);
/// What the log says until then.
const HELD: &str = "pre-existing shared memory block";

/// SQLSTATE `duplicate_database`.
const DUPLICATE_DATABASE: &str = "42P04";

/// Waits for the first server that accepts connections, and tells which it is; gives up after `tries` processes have ended, unless they only waited for
/// those of an older server.
pub(crate) async fn wait_first(
    layout: &Layout,
    state: &mut watch::Receiver<ChildState>,
    tries: u32,
) -> Result<u32, StartError> {
    let begun = Instant::now();
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            ChildState::Running(0) => {}
            ChildState::Running(number) => {
                tokio::select! {
                    () = accepts(layout) => return Ok(number),
                    _ = state.changed() => continue,
                }
            }
            ChildState::Ended(n, log) if n >= tries && !(log.contains(HELD) && begun.elapsed() < LET_GO_WITHIN) => {
                return Err(StartError::Exits { tries: n, log });
            }
            ChildState::Ended(n, log) => tracing::debug!(attempt = n, why = log, "PostgreSQL did not start yet"),
            ChildState::Stopped => return Err(StartError::Interrupted("stopped".into())),
        }
        if state.changed().await.is_err() {
            return Err(StartError::Interrupted("its supervisor is gone".into()));
        }
    }
}

/// Tells the health of the server until it is stopped for good; the one with the number `ready` was seen to accept connections.
pub(crate) async fn monitor(
    layout: Layout,
    mut state: watch::Receiver<ChildState>,
    mut ready: u32,
    health: watch::Sender<Health>,
) {
    state.mark_changed();
    while state.changed().await.is_ok() {
        let now = state.borrow_and_update().clone();
        match now {
            ChildState::Running(number) if number == ready => {}
            ChildState::Running(number) => {
                // the end of the one before may have gone by unseen
                if *health.borrow() == Health::Ready {
                    health.send_replace(Health::Restarting("it was started again".to_owned()));
                }
                tokio::select! {
                    () = accepts(&layout) => {
                        ready = number;
                        tracing::info!("the private PostgreSQL accepts connections again");
                        health.send_replace(Health::Ready);
                    }
                    _ = state.changed() => state.mark_changed(),
                }
            }
            ChildState::Ended(_, why) => {
                tracing::error!(why, "the private PostgreSQL ended; starting it again");
                health.send_replace(Health::Restarting(why));
            }
            ChildState::Stopped => break,
        }
    }
    health.send_replace(Health::Stopped);
}

/// Returns when a connection succeeds: without limit, for a recovery takes as long as it takes.
async fn accepts(layout: &Layout) {
    let begun = Instant::now();
    let mut reported = begun;
    loop {
        let why = match timeout(ANSWER_WITHIN, connect(layout)).await {
            Ok(Ok(connection)) => {
                let _ = connection.close().await; // it answered; how it parts does not matter
                return;
            }
            Ok(Err(e)) => e.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if reported.elapsed() >= REPORT_EVERY {
            reported = Instant::now();
            tracing::info!(
                waited_s = begun.elapsed().as_secs(),
                why,
                "waiting for PostgreSQL to recover"
            );
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn connect(layout: &Layout) -> Result<PgConnection, sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("localhost")
        .socket(&layout.socket)
        .port(5432)
        .username("annalock")
        .database("postgres")
        .ssl_mode(PgSslMode::Disable);
    PgConnection::connect_with(&options).await
}

/// Makes database `annalock` unless it is there.
pub(crate) async fn ensure_database(layout: &Layout) -> Result<(), StartError> {
    let mut connection = connect(layout).await.map_err(StartError::Database)?;
    let made = connection.execute("CREATE DATABASE annalock").await;
    match made {
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some(DUPLICATE_DATABASE) => {}
        Err(e) => return Err(StartError::Database(e)),
        Ok(_) => {}
    }
    connection.close().await.map_err(StartError::Database)
}
