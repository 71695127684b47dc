//! How members file items of organizations.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::{CipherId, FolderId, UserId},
    time::Timestamp,
    vault::filing::FilingEvent,
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// How one member files one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilingRow {
    /// Who.
    pub user: UserId,
    /// Which item.
    pub cipher: CipherId,
    /// Where. The folder may be gone: then it is filed nowhere.
    pub folder: Option<FolderId>,
    /// Whether it is marked.
    pub favorite: bool,
    /// Since when it is archived.
    pub archived: Option<Timestamp>,
}

pub(super) fn evolve(_: Option<FilingRow>, event: &FilingEvent) -> Option<FilingRow> {
    let FilingEvent::Filed {
        user,
        cipher,
        folder,
        favorite,
        archived,
        at: _,
    } = event;
    Some(FilingRow {
        user: *user,
        cipher: *cipher,
        folder: *folder,
        favorite: *favorite,
        archived: *archived,
    })
}

/// Table `filing`.
pub(crate) struct Filings;

impl Table for Filings {
    type Row = FilingRow;
    const SHAPE: Shape = Shape {
        name: "filing",
        columns: &[
            ("filing_id", Kind::Uuid),
            ("user_id", Kind::Uuid),
            ("cipher_id", Kind::Uuid),
            ("folder_id", Kind::Uuid),
            ("favorite", Kind::Boolean),
            ("archived_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<FilingRow>] = &[
        ("user_id", |row| Some(row.user.0)),
        ("cipher_id", |row| Some(row.cipher.0)),
    ];

    fn read(row: &PgRow) -> Result<(Uuid, FilingRow), sqlx::Error> {
        Ok((
            row.try_get(0)?,
            FilingRow {
                user: UserId(row.try_get(1)?),
                cipher: CipherId(row.try_get(2)?),
                folder: row.try_get::<Option<Uuid>, _>(3)?.map(FolderId),
                favorite: row.try_get(4)?,
                archived: row.try_get::<Option<i64>, _>(5)?.map(Timestamp),
            },
        ))
    }

    fn write(key: Uuid, row: &FilingRow, line: &mut Line) {
        line.put(key).put(row.user.0).put(row.cipher.0);
        line.put(row.folder.map(|id| id.0))
            .put(row.favorite)
            .put(row.archived.map(|at| at.0));
    }
}
