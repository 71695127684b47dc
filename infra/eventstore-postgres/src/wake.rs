//! Telling subscribers that there is something new: in this process at once, in others by NOTIFY.
//!
//! Hints only. A commit with a notification holds a lock of the whole cluster, so an append never carries one: another
//! connection sends at most one in [`BETWEEN_NOTIFICATIONS`].

use domain::event::Position;
use sqlx::{PgPool, postgres::PgListener};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::debug;

const CHANNEL: &str = "annalock_es";
const BETWEEN_NOTIFICATIONS: Duration = Duration::from_millis(5);
/// Pause before listening again after the database was away.
const BEFORE_LISTENING_AGAIN: Duration = Duration::from_millis(500);

/// The last position known in this process.
pub(crate) struct Wake {
    known: watch::Sender<Position>,
    stored_here: watch::Sender<Position>,
}

impl Wake {
    pub fn new(head: Position) -> Self {
        Self {
            known: watch::channel(head).0,
            stored_here: watch::channel(head).0,
        }
    }

    pub fn subscribe(&self) -> watch::Receiver<Position> {
        self.known.subscribe()
    }

    /// This process appended up to `head`.
    pub fn stored_here(&self, head: Position) {
        raise(&self.known, head);
        raise(&self.stored_here, head);
    }

    /// Tells other processes of what this one appends. Runs until it is dropped.
    pub async fn notify(self: Arc<Self>, pool: PgPool) {
        let mut stored = self.stored_here.subscribe();
        while stored.changed().await.is_ok() {
            let head = *stored.borrow_and_update();
            let sent = sqlx::query("select pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(head.to_string())
                .execute(&pool)
                .await;
            if let Err(error) = sent {
                debug!(%error, "a wake-up was not sent");
            }
            sleep(BETWEEN_NOTIFICATIONS).await;
        }
    }

    /// Hears of what other processes append. Runs until it is dropped.
    pub async fn listen(self: Arc<Self>, pool: PgPool) {
        loop {
            if let Err(error) = self.hear(&pool).await {
                debug!(%error, "wake-ups of other processes are not heard");
            }
            sleep(BEFORE_LISTENING_AGAIN).await;
        }
    }

    async fn hear(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            // what was said while nobody listened
            let head: i64 = sqlx::query_scalar("select position from es.log_head")
                .fetch_one(pool)
                .await?;
            raise(&self.known, Position(head.cast_unsigned()));
            while let Some(told) = listener.try_recv().await? {
                if let Ok(head) = told.payload().parse() {
                    raise(&self.known, Position(head));
                }
            }
        }
    }
}

fn raise(known: &watch::Sender<Position>, head: Position) {
    known.send_if_modified(|known| {
        let higher = head > *known;
        *known = head.max(*known);
        higher
    });
}
