//! Commands about security tasks.

use super::{OrganizationError, Stop, must, refuse};
use crate::execute::{Transaction, Unit};
use domain::{
    id::{CipherId, TaskId},
    organization::{
        access::Standing,
        task::{KINDS, Task, TaskEvent},
    },
    vault::cipher::Cipher,
};

/// A task to be given.
#[derive(Debug, Clone, Copy)]
pub struct NewTask {
    /// Its id.
    pub id: TaskId,
    /// Number of its kind.
    pub kind: u8,
    /// The item it is about.
    pub cipher: CipherId,
}

/// Gives tasks, all in one append.
#[derive(Debug, Clone)]
pub struct GiveTasks {
    /// Who wants it.
    pub by: Standing,
    /// The tasks.
    pub tasks: Vec<NewTask>,
}

impl Transaction for GiveTasks {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        must(self.by.may_see_reports(), OrganizationError::Forbidden)?;
        must(
            self.tasks.iter().all(|task| KINDS.contains(&task.kind)),
            OrganizationError::Invalid("The type of a task is invalid."),
        )?;
        let ids: Vec<_> = self.tasks.iter().map(|task| task.cipher).collect();
        let organization = self.by.organization;
        for loaded in unit.load_many::<Cipher>(&ids).await? {
            let live = loaded.state.live();
            let there = live.is_some_and(|live| live.organization == Some(organization) && live.trashed.is_none());
            must(there, OrganizationError::NotFound)?;
        }
        for task in &self.tasks {
            let loaded = unit.fresh::<Task>(task.id);
            let created = TaskEvent::Created {
                organization,
                kind: task.kind,
                cipher: task.cipher,
                at: unit.now(),
            };
            unit.append(loaded, vec![created]);
        }
        Ok(())
    }
}

/// Says that a task is done: whoever may change the item can.
#[derive(Debug, Clone)]
pub struct CompleteTask {
    /// Who says so.
    pub by: Standing,
    /// Which.
    pub task: TaskId,
}

impl Transaction for CompleteTask {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let loaded = unit.load::<Task>(self.task).await?;
        let task = match &loaded.state.0 {
            Some(task) if task.organization == self.by.organization => task,
            _ => return refuse(OrganizationError::NotFound),
        };
        let cipher = unit.load::<Cipher>(task.cipher).await?;
        let may = cipher.state.live().is_some_and(|live| {
            live.organization == Some(self.by.organization) && self.by.over_item(&live.collections).edit
        });
        must(may, OrganizationError::NotFound)?;
        must(
            !task.completed,
            OrganizationError::Invalid("Task is already completed."),
        )?;
        let at = unit.now_for(&loaded);
        unit.append(loaded, vec![TaskEvent::Completed { at }]);
        Ok(())
    }
}
