//! Fences: what keeps sessions of one security stamp from writing once they are over.
//!
//! A session is checked when a request comes in, and its events are appended a moment later. Where that moment matters,
//! the fence of its stamp is closed, and the store refuses whatever names a closed fence. Its stream is empty while the
//! fence is open, so nobody has to make one.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{FenceId, SubjectId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can happen to a fence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceEvent {
    /// From here on its sessions write nothing.
    #[serde(rename = "SessionsFenced")]
    Closed {
        /// Whose sessions.
        user: UserId,
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for FenceEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("SessionsFenced", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Closed { at, .. } => *at,
        }
    }
}

/// Whether sessions of a stamp may write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fence {
    /// They may.
    #[default]
    Open,
    /// They may not, and never will again.
    Closed,
}

impl Aggregate for Fence {
    const CATEGORY: &'static str = "fence";
    const FOLD: &'static str = "dc56d9031a3e2f07";
    type Id = FenceId;
    type Event = FenceEvent;

    fn evolve(self, event: &FenceEvent) -> Self {
        match event {
            FenceEvent::Closed { .. } => Self::Closed,
        }
    }

    fn counts(&self, _: FenceId, _: &FenceEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: FenceId) -> Option<SubjectId> {
        None
    }
}
