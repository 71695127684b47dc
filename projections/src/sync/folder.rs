//! Folders.

use crate::rows::Table;
use domain::{id::UserId, time::Timestamp, vault::folder::FolderEvent};
use sqlx::{PgConnection, Row};
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
pub(super) struct Folders;

/// Reads `folder_id, owner_id, name, revised_at, created_at`.
pub(crate) fn read_row(row: &sqlx::postgres::PgRow) -> Result<(Uuid, FolderRow), sqlx::Error> {
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

impl Table for Folders {
    type Row = FolderRow;

    async fn load(connection: &mut PgConnection, keys: &[Uuid]) -> Result<Vec<(Uuid, FolderRow)>, sqlx::Error> {
        sqlx::query("select folder_id, owner_id, name, revised_at, created_at from folder where folder_id = any($1)")
            .bind(keys)
            .fetch_all(connection)
            .await?
            .iter()
            .map(read_row)
            .collect()
    }

    async fn upsert(connection: &mut PgConnection, rows: &[(Uuid, &FolderRow)]) -> Result<(), sqlx::Error> {
        sqlx::query(include_str!("../../queries/sync/folder_upsert.sql"))
            .bind(rows.iter().map(|(key, _)| *key).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.owner.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.name.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.revised.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.created.0).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, keys: &[Uuid]) -> Result<(), sqlx::Error> {
        sqlx::query("delete from folder where folder_id = any($1)")
            .bind(keys)
            .execute(connection)
            .await?;
        Ok(())
    }
}
