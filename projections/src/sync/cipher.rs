//! Items as clients receive them, ready made.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::{CipherId, FolderId, UserId},
    time::Timestamp,
    vault::cipher::{CipherEvent, LiveCipher},
};
use sqlx::{Row, postgres::PgRow};
use std::{fmt::Write, sync::Arc};
use uuid::Uuid;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherRow {
    /// Whose it is.
    pub owner: UserId,
    /// Number of its kind.
    pub kind: i16,
    /// JSON members: what clients sealed.
    pub content: Arc<str>,
    /// JSON members: `id`, `organizationId`, `attachments`, `organizationUseTotp` and the dates.
    pub frame: Arc<str>,
    /// Where its owner files it. The folder may be gone: then it is filed nowhere.
    pub folder: Option<FolderId>,
    /// Whether its owner marked it.
    pub favorite: bool,
    /// Since when it is archived.
    pub archived: Option<Timestamp>,
    /// Since when it is in the trash.
    pub deleted: Option<Timestamp>,
    /// When it last changed, filing aside.
    pub revised: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

/// What a person's own list shows of an item, borrowed from where it lies.
#[derive(Debug, Clone, Copy)]
pub struct CipherLine<'r> {
    /// As [`CipherRow::content`].
    pub content: &'r str,
    /// As [`CipherRow::frame`].
    pub frame: &'r str,
    /// As [`CipherRow::folder`].
    pub folder: Option<FolderId>,
    /// As [`CipherRow::favorite`].
    pub favorite: bool,
    /// As [`CipherRow::archived`].
    pub archived: Option<Timestamp>,
}

impl<'r> CipherLine<'r> {
    /// Reads `content, frame, folder_id, favorite, archived_at`.
    pub(super) fn read(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            content: row.try_get(0)?,
            frame: row.try_get(1)?,
            folder: row.try_get::<Option<Uuid>, _>(2)?.map(FolderId),
            favorite: row.try_get(3)?,
            archived: row.try_get::<Option<i64>, _>(4)?.map(Timestamp),
        })
    }
}

impl CipherRow {
    /// What a list shows of it.
    pub fn line(&self) -> CipherLine<'_> {
        CipherLine {
            content: &self.content,
            frame: &self.frame,
            folder: self.folder,
            favorite: self.favorite,
            archived: self.archived,
        }
    }

    /// The row of an item whose events fold to `cipher`: what [`evolve`] makes of the same events.
    pub fn of(id: CipherId, cipher: &LiveCipher) -> Self {
        let row = Self {
            owner: cipher.owner,
            kind: cipher.kind as i16,
            content: cipher.content.members().into(),
            frame: Arc::default(),
            folder: cipher.folder,
            favorite: cipher.favorite,
            archived: cipher.archived,
            deleted: cipher.trashed,
            revised: cipher.revised,
            created: cipher.created,
        };
        row.framed(id)
    }

    /// The same with a frame that says what the columns say.
    fn framed(mut self, id: CipherId) -> Self {
        let mut frame = String::with_capacity(256);
        let _ = write!(
            frame,
            r#""id":"{id}","organizationId":null,"attachments":null,"organizationUseTotp":false,"revisionDate":"{}","creationDate":"{}","deletedDate":"#,
            self.revised, self.created
        );
        let _ = match self.deleted {
            Some(at) => write!(frame, r#""{at}""#),
            None => write!(frame, "null"),
        };
        self.frame = frame.into();
        self
    }
}

/// The item `id` after `event`.
pub(super) fn evolve(row: Option<CipherRow>, id: CipherId, event: &CipherEvent) -> Option<CipherRow> {
    use CipherEvent as E;
    if let E::Created {
        owner,
        kind,
        content,
        folder,
        favorite,
        archived,
        at,
        imported: _,
        organization: _,
        collections: _,
    } = event
    {
        let row = CipherRow {
            owner: *owner,
            kind: *kind as i16,
            content: content.members().into(),
            frame: Arc::default(),
            folder: *folder,
            favorite: *favorite,
            archived: *archived,
            deleted: None,
            revised: *at,
            created: *at,
        };
        return Some(row.framed(id));
    }
    let row = row?;
    let row = match event {
        E::Created { .. } => row,
        E::Updated {
            content,
            folder,
            favorite,
            archived,
            at,
        } => CipherRow {
            content: content.members().into(),
            folder: *folder,
            favorite: *favorite,
            archived: *archived,
            revised: *at,
            ..row
        },
        E::Shared { content, at, .. } => CipherRow {
            content: content.members().into(),
            revised: *at,
            ..row
        },
        E::CollectionsChanged { at, .. } => CipherRow { revised: *at, ..row },
        E::Filed { folder, favorite, .. } => {
            return Some(CipherRow {
                folder: *folder,
                favorite: *favorite,
                ..row
            });
        }
        E::Archived { at } => CipherRow {
            archived: Some(*at),
            revised: *at,
            ..row
        },
        E::Unarchived { at } => CipherRow {
            archived: None,
            revised: *at,
            ..row
        },
        E::Trashed { at } => CipherRow {
            deleted: Some(*at),
            revised: *at,
            ..row
        },
        E::Restored { at } => CipherRow {
            deleted: None,
            revised: *at,
            ..row
        },
        E::Deleted { .. } => return None,
    };
    Some(row.framed(id))
}

/// Table `cipher`.
pub(crate) struct Ciphers;

impl Table for Ciphers {
    type Row = CipherRow;
    const SHAPE: Shape = Shape {
        name: "cipher",
        columns: &[
            ("cipher_id", Kind::Uuid),
            ("owner_id", Kind::Uuid),
            ("kind", Kind::SmallInt),
            ("content", Kind::Text),
            ("frame", Kind::Text),
            ("folder_id", Kind::Uuid),
            ("favorite", Kind::Boolean),
            ("archived_at", Kind::BigInt),
            ("deleted_at", Kind::BigInt),
            ("revised_at", Kind::BigInt),
            ("created_at", Kind::BigInt),
        ],
    };
    const OWNERS: &'static [Owner<CipherRow>] = &[("owner_id", |row| Some(row.owner.0))];

    fn read(row: &PgRow) -> Result<(Uuid, CipherRow), sqlx::Error> {
        let time = |at: Option<i64>| at.map(Timestamp);
        let text = |index: usize| row.try_get::<&str, _>(index).map(Arc::from);
        Ok((
            row.try_get(0)?,
            CipherRow {
                owner: UserId(row.try_get(1)?),
                kind: row.try_get(2)?,
                content: text(3)?,
                frame: text(4)?,
                folder: row.try_get::<Option<Uuid>, _>(5)?.map(FolderId),
                favorite: row.try_get(6)?,
                archived: time(row.try_get(7)?),
                deleted: time(row.try_get(8)?),
                revised: Timestamp(row.try_get(9)?),
                created: Timestamp(row.try_get(10)?),
            },
        ))
    }

    fn write(key: Uuid, row: &CipherRow, line: &mut Line) {
        let time = |at: Option<Timestamp>| at.map(|at| at.0);
        line.put(key).put(row.owner.0).put(row.kind);
        line.put(&*row.content).put(&*row.frame);
        line.put(row.folder.map(|id| id.0)).put(row.favorite);
        line.put(time(row.archived)).put(time(row.deleted));
        line.put(row.revised.0).put(row.created.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        event::Aggregate,
        vault::cipher::{Cipher, CipherKind, Content},
    };
    use serde_json::value::RawValue;

    #[test]
    fn the_row_of_a_state_is_the_row_of_its_events() {
        let content = |text: &str| Content::new(RawValue::from_string(format!(r#"{{"name":"{text}"}}"#)).unwrap());
        let (id, at) = (CipherId(Uuid::from_u128(1)), Timestamp);
        let events = [
            CipherEvent::Created {
                owner: UserId(Uuid::from_u128(2)),
                organization: None,
                collections: Vec::new(),
                kind: CipherKind::Card,
                content: content("a"),
                folder: None,
                favorite: true,
                archived: None,
                imported: false,
                at: at(1),
            },
            CipherEvent::Filed {
                folder: Some(FolderId(Uuid::from_u128(3))),
                favorite: false,
                at: at(2),
            },
            CipherEvent::Archived { at: at(3) },
            CipherEvent::Trashed { at: at(4) },
            CipherEvent::Updated {
                content: content("b"),
                folder: None,
                favorite: true,
                archived: None,
                at: at(5),
            },
            CipherEvent::Restored { at: at(6) },
            CipherEvent::Unarchived { at: at(7) },
        ];
        let (mut row, mut state) = (None, Cipher::default());
        for event in &events {
            row = evolve(row, id, event);
            state = state.evolve(event);
            let Cipher::Live(live) = &state else {
                panic!("it is there")
            };
            assert_eq!(row, Some(CipherRow::of(id, live)), "after {event:?}");
        }
    }
}
