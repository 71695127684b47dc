//! Items as clients receive them, ready made.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::{CipherId, CollectionId, FolderId, OrganizationId, UserId},
    time::Timestamp,
    vault::cipher::{CipherEvent, LiveCipher},
};
use sqlx::{Row, postgres::PgRow};
use std::{fmt::Write, sync::Arc};
use uuid::Uuid;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherRow {
    /// Whose it is: a person's, or an organization's.
    pub owner: Holder,
    /// The collections it is in, if it is an organization's; some of them may be gone.
    pub collections: Arc<[CollectionId]>,
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

/// Who something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A person.
    Person(UserId),
    /// An organization.
    Organization(OrganizationId),
}

impl Holder {
    /// The bare id: under which rows are kept and swept.
    pub fn id(self) -> Uuid {
        match self {
            Self::Person(id) => id.0,
            Self::Organization(id) => id.0,
        }
    }

    fn of(owner: UserId, organization: Option<OrganizationId>) -> Self {
        organization.map_or(Self::Person(owner), Self::Organization)
    }

    /// The person, if it is one.
    pub fn person(self) -> Option<UserId> {
        match self {
            Self::Person(id) => Some(id),
            Self::Organization(_) => None,
        }
    }

    /// The organization, if it is one.
    pub fn organization(self) -> Option<OrganizationId> {
        match self {
            Self::Person(_) => None,
            Self::Organization(id) => Some(id),
        }
    }
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
            owner: Holder::of(cipher.owner, cipher.organization),
            collections: cipher.collections.as_slice().into(),
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
        let _ = match self.owner.organization() {
            None => write!(
                frame,
                r#""id":"{id}","organizationId":null,"attachments":null,"organizationUseTotp":false"#
            ),
            Some(organization) => write!(
                frame,
                r#""id":"{id}","organizationId":"{organization}","attachments":null,"organizationUseTotp":true"#
            ),
        };
        let _ = write!(
            frame,
            r#","revisionDate":"{}","creationDate":"{}","deletedDate":"#,
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
        organization,
        collections,
    } = event
    {
        let row = CipherRow {
            owner: Holder::of(*owner, *organization),
            collections: collections.as_slice().into(),
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
        E::Shared {
            organization,
            collections,
            content,
            at,
        } => CipherRow {
            owner: Holder::Organization(*organization),
            collections: collections.as_slice().into(),
            content: content.members().into(),
            folder: None,
            favorite: false,
            archived: None,
            revised: *at,
            ..row
        },
        E::CollectionsChanged { collections, .. } => {
            return Some(CipherRow {
                collections: collections.as_slice().into(),
                ..row
            });
        }
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

/// The ids of collections as the table has them: with commas; null for none.
fn ids(collections: &[CollectionId]) -> Option<String> {
    let ids: Vec<String> = collections.iter().map(ToString::to_string).collect();
    (!ids.is_empty()).then(|| ids.join(","))
}

/// Reads what [`ids`] wrote.
pub(crate) fn read_ids(text: Option<&str>) -> impl Iterator<Item = Uuid> + '_ {
    text.into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|id| id.parse().ok())
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
            ("shared", Kind::Boolean),
            ("collections", Kind::Text),
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
    const OWNERS: &'static [Owner<CipherRow>] = &[("owner_id", |row| Some(row.owner.id()))];

    fn read(row: &PgRow) -> Result<(Uuid, CipherRow), sqlx::Error> {
        let time = |at: Option<i64>| at.map(Timestamp);
        let text = |index: usize| row.try_get::<&str, _>(index).map(Arc::from);
        let (owner, shared): (Uuid, bool) = (row.try_get(1)?, row.try_get(2)?);
        Ok((
            row.try_get(0)?,
            CipherRow {
                owner: if shared {
                    Holder::Organization(OrganizationId(owner))
                } else {
                    Holder::Person(UserId(owner))
                },
                collections: read_ids(row.try_get(3)?).map(CollectionId).collect(),
                kind: row.try_get(4)?,
                content: text(5)?,
                frame: text(6)?,
                folder: row.try_get::<Option<Uuid>, _>(7)?.map(FolderId),
                favorite: row.try_get(8)?,
                archived: time(row.try_get(9)?),
                deleted: time(row.try_get(10)?),
                revised: Timestamp(row.try_get(11)?),
                created: Timestamp(row.try_get(12)?),
            },
        ))
    }

    fn write(key: Uuid, row: &CipherRow, line: &mut Line) {
        let time = |at: Option<Timestamp>| at.map(|at| at.0);
        line.put(key)
            .put(row.owner.id())
            .put(row.owner.organization().is_some());
        line.put(ids(&row.collections).as_deref()).put(row.kind);
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
            CipherEvent::Shared {
                organization: OrganizationId(Uuid::from_u128(4)),
                collections: vec![CollectionId(Uuid::from_u128(5))],
                content: content("c"),
                at: at(8),
            },
            CipherEvent::CollectionsChanged {
                collections: vec![],
                at: at(9),
            },
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
