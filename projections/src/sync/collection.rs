//! Collections, and what members and groups may do in them.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::{CollectionId, GroupId, MembershipId, OrganizationId, UserId},
    organization::{
        collection::CollectionEvent,
        grant::{GrantEvent, Grantee, Rights},
    },
    time::Timestamp,
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// One collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionRow {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its sealed name.
    pub name: String,
    /// What a directory calls it.
    pub external_id: Option<String>,
    /// The member whose own items it holds.
    pub default_of: Option<MembershipId>,
    /// Whose own items it held, until they went.
    pub formerly_of: Option<UserId>,
    /// When it last changed.
    pub revised: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

pub(super) fn evolve(row: Option<CollectionRow>, event: &CollectionEvent) -> Option<CollectionRow> {
    match event {
        CollectionEvent::Created {
            organization,
            name,
            external_id,
            default_of,
            at,
        } => Some(CollectionRow {
            organization: *organization,
            name: name.as_str().to_owned(),
            external_id: external_id.clone(),
            default_of: *default_of,
            formerly_of: None,
            revised: *at,
            created: *at,
        }),
        CollectionEvent::Updated { name, external_id, at } => row.map(|row| CollectionRow {
            name: name.as_str().to_owned(),
            external_id: external_id.clone(),
            revised: *at,
            ..row
        }),
        CollectionEvent::Released { formerly_of, at } => row.map(|row| CollectionRow {
            default_of: None,
            formerly_of: *formerly_of,
            revised: *at,
            ..row
        }),
        CollectionEvent::Deleted { .. } => None,
    }
}

/// Table `collection`.
pub(crate) struct Collections;

impl Table for Collections {
    type Row = CollectionRow;
    const SHAPE: Shape = Shape {
        name: "collection",
        columns: &[
            ("collection_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("name", Kind::Text),
            ("external_id", Kind::Text),
            ("default_of", Kind::Uuid),
            ("formerly_of", Kind::Uuid),
            ("revised_at", Kind::BigInt),
            ("created_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<CollectionRow>] = &[("organization_id", |row| Some(row.organization.0))];

    fn read(row: &PgRow) -> Result<(Uuid, CollectionRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            CollectionRow {
                organization: OrganizationId(row.try_get(1)?),
                name: row.try_get(2)?,
                external_id: row.try_get(3)?,
                default_of: row.try_get::<Option<Uuid>, _>(4)?.map(MembershipId),
                formerly_of: row.try_get::<Option<Uuid>, _>(5)?.map(UserId),
                revised: Timestamp(row.try_get(6)?),
                created: Timestamp(row.try_get(7)?),
            },
        ))
    }

    fn write(key: Uuid, row: &CollectionRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(&*row.name);
        line.put(row.external_id.as_deref()).put(row.default_of.map(|id| id.0));
        line.put(row.formerly_of.map(|id| id.0));
        line.put(row.revised.0).put(row.created.0);
    }
}

/// Rights of a member or a group in a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// In which organization.
    pub organization: OrganizationId,
    /// In which collection.
    pub collection: CollectionId,
    /// Whose.
    pub to: Grantee,
    /// Which.
    pub rights: Rights,
}

pub(super) fn evolve_grant(_: Option<GrantRow>, event: &GrantEvent) -> Option<GrantRow> {
    match event {
        GrantEvent::Granted {
            organization,
            collection,
            to,
            rights,
            at: _,
        } => Some(GrantRow {
            organization: *organization,
            collection: *collection,
            to: *to,
            rights: *rights,
        }),
        GrantEvent::Withdrawn { .. } => None,
    }
}

/// Table `collection_grant`.
pub(crate) struct Grants;

impl Table for Grants {
    type Row = GrantRow;
    const SHAPE: Shape = Shape {
        name: "collection_grant",
        columns: &[
            ("grant_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("collection_id", Kind::Uuid),
            ("grantee_id", Kind::Uuid),
            ("to_group", Kind::Boolean),
            ("read_only", Kind::Boolean),
            ("hide_passwords", Kind::Boolean),
            ("manage", Kind::Boolean),
        ],
    };
    const OWNERS: &'static [Owner<GrantRow>] = &[
        ("organization_id", |row| Some(row.organization.0)),
        ("collection_id", |row| Some(row.collection.0)),
        ("grantee_id", |row| Some(row.to.id())),
    ];

    fn read(row: &PgRow) -> Result<(Uuid, GrantRow), sqlx::Error> {
        let grantee: Uuid = row.try_get(3)?;
        Ok((
            row.try_get(0)?,
            GrantRow {
                organization: OrganizationId(row.try_get(1)?),
                collection: CollectionId(row.try_get(2)?),
                to: if row.try_get(4)? {
                    Grantee::Group(GroupId(grantee))
                } else {
                    Grantee::Member(MembershipId(grantee))
                },
                rights: Rights {
                    read_only: row.try_get(5)?,
                    hide_passwords: row.try_get(6)?,
                    manage: row.try_get(7)?,
                },
            },
        ))
    }

    fn write(key: Uuid, row: &GrantRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(row.collection.0);
        line.put(row.to.id()).put(matches!(row.to, Grantee::Group(_)));
        line.put(row.rights.read_only)
            .put(row.rights.hide_passwords)
            .put(row.rights.manage);
    }
}
