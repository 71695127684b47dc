//! The backplane: signals from one process to all others.

use super::SharedStateError;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// What a subscriber hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(Bytes),
    /// There may have been messages that did not arrive: the connection broke, or the subscriber was too slow. Whoever
    /// rests on having heard everything must look for itself now.
    Missed,
}

/// One subscriber's side of a channel. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription(Receiver<Heard>);

impl Subscription {
    /// A subscription fed by `receiver`; what that one lost counts as [`Heard::Missed`].
    pub fn new(receiver: Receiver<Heard>) -> Self {
        Self(receiver)
    }

    /// Waits for the next message; `None` once the backplane is gone. May be dropped while waiting without losing one.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(heard) => Some(heard),
            Err(RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Signals to every process that listens, this one included. Delivered at most once, in order per sender, and not
/// kept: a hint or a notification, never the only word on a change.
#[async_trait]
pub trait Backplane: Send + Sync {
    /// Sends `message` to whoever is subscribed to `channel` now. Repeated internally after a lost connection, so that
    /// a subscriber may hear it twice.
    ///
    /// # Errors
    /// [`SharedStateError::TooLarge`]; [`SharedStateError::Unavailable`]: nobody was told, or it is not known.
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), SharedStateError>;

    /// Listens from the moment this returns.
    ///
    /// # Errors
    /// [`SharedStateError::Unavailable`] if the subscription is not confirmed in time. One that is lives on by itself:
    /// a lost connection is made again, and the gap is told by [`Heard::Missed`].
    async fn subscribe(&self, channel: &str) -> Result<Subscription, SharedStateError>;
}
