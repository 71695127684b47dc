//! Security tasks: what an organization asks those who use an item to do about it.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{CipherId, OrganizationId, SubjectId, TaskId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The kinds there are (`SecurityTaskType` of the catalogue): 0, a password is to be changed.
pub const KINDS: [u8; 1] = [0];

/// Everything that can have happened to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskEvent {
    /// It is to be done.
    #[serde(rename = "SecurityTaskCreated")]
    Created {
        /// Whose it is.
        organization: OrganizationId,
        /// Number of its kind.
        kind: u8,
        /// The item it is about.
        cipher: CipherId,
        /// When.
        at: Timestamp,
    },
    /// It is done.
    #[serde(rename = "SecurityTaskCompleted")]
    Completed {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for TaskEvent {
    const TYPES: &'static [(&'static str, u16)] = &[("SecurityTaskCreated", 1), ("SecurityTaskCompleted", 1)];

    fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. } | Self::Completed { at } => *at,
        }
    }
}

/// A task that there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveTask {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The item it is about.
    pub cipher: CipherId,
    /// Whether it is done.
    pub completed: bool,
}

/// What decisions need to know of a task; `None`: nobody ever gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task(pub Option<LiveTask>);

impl Aggregate for Task {
    const CATEGORY: &'static str = "security_task";
    const FOLD: &'static str = "8634dc2cbbe2c195";
    type Id = TaskId;
    type Event = TaskEvent;

    fn evolve(self, event: &TaskEvent) -> Self {
        match event {
            TaskEvent::Created {
                organization, cipher, ..
            } => Self(Some(LiveTask {
                organization: *organization,
                cipher: *cipher,
                completed: false,
            })),
            TaskEvent::Completed { .. } => Self(self.0.map(|task| LiveTask {
                completed: true,
                ..task
            })),
        }
    }

    fn counts(&self, _: TaskId, event: &TaskEvent) -> Counts {
        Counts::within(match event {
            TaskEvent::Created { organization, .. } => Some(*organization),
            TaskEvent::Completed { .. } => self.0.as_ref().map(|task| task.organization),
        })
    }

    fn subject(&self, _: TaskId) -> Option<SubjectId> {
        None
    }
}
