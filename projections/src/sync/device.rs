//! Devices, with the day they were last seen to sign in.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{device::DeviceEvent, id::UserId, time::Timestamp};
use sqlx::{Row, postgres::PgRow};
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
pub(crate) struct Devices;

impl Table for Devices {
    type Row = DeviceRow;
    const SHAPE: Shape = Shape {
        name: "device",
        columns: &[
            ("device_id", Kind::Uuid),
            ("user_id", Kind::Uuid),
            ("identifier", Kind::Text),
            ("kind", Kind::SmallInt),
            ("name", Kind::Text),
            ("created_at", Kind::BigInt),
            ("active_at", Kind::BigInt),
            ("push_token", Kind::Text),
        ],
    };
    const OWNERS: &'static [Owner<DeviceRow>] = &[("user_id", |row| Some(row.user.0))];

    fn read(row: &PgRow) -> Result<(Uuid, DeviceRow), sqlx::Error> {
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

    fn write(key: Uuid, row: &DeviceRow, line: &mut Line) {
        line.put(key).put(row.user.0).put(&*row.identifier).put(row.kind);
        line.put(row.name.as_deref()).put(row.created.0).put(row.active.0);
        line.put(row.push_token.as_deref());
    }
}
