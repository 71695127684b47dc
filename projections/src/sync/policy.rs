//! Policies of organizations.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{id::OrganizationId, organization::policy::PolicyEvent, time::Timestamp};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// One policy that was set at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Number of its kind.
    pub kind: i16,
    /// Whether it is on.
    pub enabled: bool,
    /// What it asks for: JSON.
    pub data: Option<String>,
    /// When it was last set.
    pub revised: Timestamp,
}

pub(super) fn evolve(_: Option<PolicyRow>, event: &PolicyEvent) -> Option<PolicyRow> {
    let PolicyEvent::Set {
        organization,
        kind,
        enabled,
        data,
        at,
    } = event;
    Some(PolicyRow {
        organization: *organization,
        kind: i16::from(*kind),
        enabled: *enabled,
        data: data.as_ref().map(ToString::to_string),
        revised: *at,
    })
}

/// Table `policy`.
pub(crate) struct Policies;

impl Table for Policies {
    type Row = PolicyRow;
    const SHAPE: Shape = Shape {
        name: "policy",
        columns: &[
            ("policy_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("kind", Kind::SmallInt),
            ("enabled", Kind::Boolean),
            ("data", Kind::Text),
            ("revised_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<PolicyRow>] = &[("organization_id", |row| Some(row.organization.0))];

    fn read(row: &PgRow) -> Result<(Uuid, PolicyRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            PolicyRow {
                organization: OrganizationId(row.try_get(1)?),
                kind: row.try_get(2)?,
                enabled: row.try_get(3)?,
                data: row.try_get(4)?,
                revised: Timestamp(row.try_get(5)?),
            },
        ))
    }

    fn write(key: Uuid, row: &PolicyRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(row.kind);
        line.put(row.enabled).put(row.data.as_deref()).put(row.revised.0);
    }
}
