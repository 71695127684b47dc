//! Folders.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{id::UserId, time::Timestamp, vault::folder::FolderEvent};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Whose it is.
    pub owner: UserId,
    /// Its sealed name.
    pub name: String,
    /// When it last changed.
    pub revised: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

pub(super) fn evolve(row: Option<FolderRow>, event: &FolderEvent) -> Option<FolderRow> {
    match event {
        FolderEvent::Created { owner, name, at } => Some(FolderRow {
            owner: *owner,
            name: name.as_str().to_owned(),
            revised: *at,
            created: *at,
        }),
        FolderEvent::Renamed { name, at } => row.map(|row| FolderRow {
            name: name.as_str().to_owned(),
            revised: *at,
            ..row
        }),
        FolderEvent::Deleted { .. } => None,
    }
}

/// Table `folder`.
pub(crate) struct Folders;

impl Table for Folders {
    type Row = FolderRow;
    const SHAPE: Shape = Shape {
        name: "folder",
        columns: &[
            ("folder_id", Kind::Uuid),
            ("owner_id", Kind::Uuid),
            ("name", Kind::Text),
            ("revised_at", Kind::BigInt),
            ("created_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<FolderRow>] = &[("owner_id", |row| Some(row.owner.0))];

    fn read(row: &PgRow) -> Result<(Uuid, FolderRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            FolderRow {
                owner: UserId(row.try_get(1)?),
                name: row.try_get(2)?,
                revised: Timestamp(row.try_get(3)?),
                created: Timestamp(row.try_get(4)?),
            },
        ))
    }

    fn write(key: Uuid, row: &FolderRow, line: &mut Line) {
        line.put(key).put(row.owner.0).put(&*row.name);
        line.put(row.revised.0).put(row.created.0);
    }
}
