//! Security tasks.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::{CipherId, OrganizationId},
    organization::task::TaskEvent,
    time::Timestamp,
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Whose it is.
    pub organization: OrganizationId,
    /// The item it is about.
    pub cipher: CipherId,
    /// Number of its kind.
    pub kind: i16,
    /// Whether it is done.
    pub completed: bool,
    /// When it was given.
    pub created: Timestamp,
    /// When it last changed.
    pub revised: Timestamp,
}

pub(super) fn evolve(row: Option<TaskRow>, event: &TaskEvent) -> Option<TaskRow> {
    match event {
        TaskEvent::Created {
            organization,
            kind,
            cipher,
            at,
        } => Some(TaskRow {
            organization: *organization,
            cipher: *cipher,
            kind: i16::from(*kind),
            completed: false,
            created: *at,
            revised: *at,
        }),
        TaskEvent::Completed { at } => row.map(|row| TaskRow {
            completed: true,
            revised: *at,
            ..row
        }),
    }
}

/// Table `security_task`.
pub(crate) struct Tasks;

impl Table for Tasks {
    type Row = TaskRow;
    const SHAPE: Shape = Shape {
        name: "security_task",
        columns: &[
            ("task_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("cipher_id", Kind::Uuid),
            ("kind", Kind::SmallInt),
            ("completed", Kind::Boolean),
            ("created_at", Kind::BigInt),
            ("revised_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<TaskRow>] = &[
        ("organization_id", |row| Some(row.organization.0)),
        ("cipher_id", |row| Some(row.cipher.0)),
    ];

    fn read(row: &PgRow) -> Result<(Uuid, TaskRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            TaskRow {
                organization: OrganizationId(row.try_get(1)?),
                cipher: CipherId(row.try_get(2)?),
                kind: row.try_get(3)?,
                completed: row.try_get(4)?,
                created: Timestamp(row.try_get(5)?),
                revised: Timestamp(row.try_get(6)?),
            },
        ))
    }

    fn write(key: Uuid, row: &TaskRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(row.cipher.0);
        line.put(row.kind)
            .put(row.completed)
            .put(row.created.0)
            .put(row.revised.0);
    }
}
