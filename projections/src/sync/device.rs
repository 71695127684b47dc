//! Devices, with the day they were last seen to sign in.

use crate::rows::Table;
use domain::{device::DeviceEvent, id::UserId, time::Timestamp};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// One device record that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Whose it is.
    pub user: UserId,
    /// The client-made id.
    pub identifier: String,
    /// Number of its kind.
    pub kind: i16,
    /// What the client calls it; `None` if its person was erased.
    pub name: Option<String>,
    /// When it was first used.
    pub created: Timestamp,
    /// When somebody last signed in with it.
    pub active: Timestamp,
    /// Its push token.
    pub push_token: Option<String>,
}

pub(super) fn evolve(row: Option<DeviceRow>, event: &DeviceEvent) -> Option<DeviceRow> {
    match event {
        DeviceEvent::Registered {
            user,
            identifier,
            kind,
            name,
            at,
        } => Some(DeviceRow {
            user: *user,
            identifier: identifier.clone(),
            kind: i16::from(*kind),
            name: name.known().cloned(),
            created: *at,
            active: *at,
            push_token: None,
        }),
        DeviceEvent::Renamed { kind, name, .. } => row.map(|row| DeviceRow {
            kind: i16::from(*kind),
            name: name.known().cloned(),
            ..row
        }),
        DeviceEvent::PushTokenSet { token, .. } => row.map(|row| {
            let push_token = token.as_ref().and_then(|token| token.known().cloned());
            DeviceRow { push_token, ..row }
        }),
        DeviceEvent::Removed { .. } => None,
    }
}

/// Table `device`.
pub(super) struct Devices;

/// Reads `device_id, user_id, identifier, kind, name, created_at, active_at, push_token`.
pub(crate) fn read_row(row: &sqlx::postgres::PgRow) -> Result<(Uuid, DeviceRow), sqlx::Error> {
    Ok((
        row.try_get(0)?,
        DeviceRow {
            user: UserId(row.try_get(1)?),
            identifier: row.try_get(2)?,
            kind: row.try_get(3)?,
            name: row.try_get(4)?,
            created: Timestamp(row.try_get(5)?),
            active: Timestamp(row.try_get(6)?),
            push_token: row.try_get(7)?,
        },
    ))
}

impl Table for Devices {
    type Row = DeviceRow;

    async fn load(connection: &mut PgConnection, keys: &[Uuid]) -> Result<Vec<(Uuid, DeviceRow)>, sqlx::Error> {
        sqlx::query(
            "select device_id, user_id, identifier, kind, name, created_at, active_at, push_token from device
             where device_id = any($1)",
        )
        .bind(keys)
        .fetch_all(connection)
        .await?
        .iter()
        .map(read_row)
        .collect()
    }

    async fn upsert(connection: &mut PgConnection, rows: &[(Uuid, &DeviceRow)]) -> Result<(), sqlx::Error> {
        sqlx::query(include_str!("../../queries/sync/device_upsert.sql"))
            .bind(rows.iter().map(|(key, _)| *key).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.user.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.identifier.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.kind).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.name.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.created.0).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, row)| row.active.0).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|(_, row)| row.push_token.as_deref())
                    .collect::<Vec<_>>(),
            )
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn delete(connection: &mut PgConnection, keys: &[Uuid]) -> Result<(), sqlx::Error> {
        sqlx::query("delete from device where device_id = any($1)")
            .bind(keys)
            .execute(connection)
            .await?;
        Ok(())
    }
}
