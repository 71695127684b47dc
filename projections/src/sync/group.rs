//! Groups, and who is in them.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::{GroupId, MembershipId, OrganizationId},
    organization::group::{GroupEvent, GroupPlaceEvent},
    time::Timestamp,
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its name; empty once that was erased.
    pub name: String,
    /// What a directory calls it.
    pub external_id: Option<String>,
    /// When it last changed.
    pub revised: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

pub(super) fn evolve(row: Option<GroupRow>, event: &GroupEvent) -> Option<GroupRow> {
    match event {
        GroupEvent::Created {
            organization,
            name,
            external_id,
            at,
        } => Some(GroupRow {
            organization: *organization,
            name: name.known().cloned().unwrap_or_default(),
            external_id: external_id.clone(),
            revised: *at,
            created: *at,
        }),
        GroupEvent::Updated { name, external_id, at } => row.map(|row| GroupRow {
            name: name.known().cloned().unwrap_or_default(),
            external_id: external_id.clone(),
            revised: *at,
            ..row
        }),
        GroupEvent::Deleted { .. } => None,
    }
}

/// Table `member_group`.
pub(crate) struct Groups;

impl Table for Groups {
    type Row = GroupRow;
    const SHAPE: Shape = Shape {
        name: "member_group",
        columns: &[
            ("group_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("name", Kind::Text),
            ("external_id", Kind::Text),
            ("revised_at", Kind::BigInt),
            ("created_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<GroupRow>] = &[("organization_id", |row| Some(row.organization.0))];

    fn read(row: &PgRow) -> Result<(Uuid, GroupRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            GroupRow {
                organization: OrganizationId(row.try_get(1)?),
                name: row.try_get(2)?,
                external_id: row.try_get(3)?,
                revised: Timestamp(row.try_get(4)?),
                created: Timestamp(row.try_get(5)?),
            },
        ))
    }

    fn write(key: Uuid, row: &GroupRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(&*row.name);
        line.put(row.external_id.as_deref())
            .put(row.revised.0)
            .put(row.created.0);
    }
}

/// A member's place in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlaceRow {
    /// Of which organization.
    pub organization: OrganizationId,
    /// Which group.
    pub group: GroupId,
    /// Who.
    pub member: MembershipId,
}

pub(super) fn evolve_place(_: Option<GroupPlaceRow>, event: &GroupPlaceEvent) -> Option<GroupPlaceRow> {
    match event {
        GroupPlaceEvent::Added {
            organization,
            group,
            member,
            at: _,
        } => Some(GroupPlaceRow {
            organization: *organization,
            group: *group,
            member: *member,
        }),
        GroupPlaceEvent::Removed { .. } => None,
    }
}

/// Table `group_member`.
pub(crate) struct GroupPlaces;

impl Table for GroupPlaces {
    type Row = GroupPlaceRow;
    const SHAPE: Shape = Shape {
        name: "group_member",
        columns: &[
            ("place_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("group_id", Kind::Uuid),
            ("membership_id", Kind::Uuid),
        ],
    };
    const OWNERS: &'static [Owner<GroupPlaceRow>] = &[
        ("organization_id", |row| Some(row.organization.0)),
        ("group_id", |row| Some(row.group.0)),
        ("membership_id", |row| Some(row.member.0)),
    ];

    fn read(row: &PgRow) -> Result<(Uuid, GroupPlaceRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            GroupPlaceRow {
                organization: OrganizationId(row.try_get(1)?),
                group: GroupId(row.try_get(2)?),
                member: MembershipId(row.try_get(3)?),
            },
        ))
    }

    fn write(key: Uuid, row: &GroupPlaceRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(row.group.0).put(row.member.0);
    }
}
