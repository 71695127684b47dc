//! Questions to the tables of the sync projector, through the views of schema `read`.

use super::{
    SyncProjector,
    account::{AccountView, read_view},
    cipher::{CipherLine, CipherRow, Ciphers},
    device::{DeviceRow, Devices},
    folder::{FolderRow, Folders},
    revision::Revision,
};
use crate::{live::UserParts, table::Table};
use domain::{
    event::Position,
    id::{CipherId, DeviceId, FolderId, MembershipId, OrganizationId, UserId},
    time::Timestamp,
};
use futures::{Stream, TryStreamExt};
use sqlx::{AssertSqlSafe, Executor, PgConnection, PgPool, Postgres, Row, Transaction, postgres::PgRow};
use std::sync::LazyLock;
use uuid::Uuid;

/// A membership that somebody's vault shows something of: of the organization all they are given, or, before they are confirmed, that
/// they are on their way there, and its policies.
const MINE: &str = r#"(m.active or m.view::jsonb @> '{"stage":"accepted","revoked":null}')"#;

/// A question for whole rows of a table.
pub(super) fn select<T: Table>(which: &str) -> AssertSqlSafe<String> {
    let (names, table) = (T::SHAPE.names(), T::SHAPE.name);
    AssertSqlSafe(format!("select {names} from read.{table} {which}"))
}

/// Stamp and revisions of an account, and whether something that happened to it, or to a membership of it, is parked.
///
/// # Errors
/// Whatever the database says; so for all functions here.
pub async fn user_state(pool: &PgPool, user: UserId) -> Result<Option<UserParts>, sqlx::Error> {
    let question = format!(
        "select a.stamp, r.position, r.at, m.organization_id, o.position, o.at, exists (
             select from projection.parked p join projection.generation g using (projector, generation)
             where p.projector = 'sync' and g.state = 'live'
               and ((p.category = 'user' and p.stream_id = a.user_id)
                 or (p.category = 'membership' and p.stream_id = m.membership_id)))
         from read.account a join read.revision r on r.owner_id = a.user_id
         left join (read.membership m join read.revision o on o.owner_id = m.organization_id)
           on m.user_id = a.user_id and {MINE}
         where a.user_id = $1",
    );
    let rows = sqlx::query(AssertSqlSafe(question))
        .bind(user.0)
        .fetch_all(pool)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let revision = |row: &PgRow, position: usize, at: usize| -> Result<Revision, sqlx::Error> {
        Ok(Revision {
            position: Position(row.try_get::<i64, _>(position)? as u64),
            at: Timestamp(row.try_get(at)?),
        })
    };
    let mut organizations = Vec::new();
    for row in &rows {
        if let Some(id) = row.try_get::<Option<Uuid>, _>(3)? {
            organizations.push((OrganizationId(id), revision(row, 4, 5)?));
        }
    }
    let mut held = false;
    for row in &rows {
        held |= row.try_get::<bool, _>(6)?;
    }
    Ok(Some(UserParts {
        held,
        stamp: first.try_get(0)?,
        own: revision(first, 1, 2)?,
        organizations,
    }))
}

/// The organizations a person is confirmed in.
pub async fn organizations_of(pool: &PgPool, user: UserId) -> Result<Vec<OrganizationId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select organization_id from read.membership where user_id = $1 and active order by organization_id",
    )
    .bind(user.0)
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(OrganizationId).collect())
}

/// Whether a person has accepted a place in an organization at least, be it revoked or not.
pub async fn is_member(pool: &PgPool, user: UserId, organization: OrganizationId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists(select from read.membership where user_id = $1 and organization_id = $2)")
        .bind(user.0)
        .bind(organization.0)
        .fetch_one(pool)
        .await
}

/// As which members a person is confirmed in organizations.
pub async fn places_of(pool: &PgPool, user: UserId) -> Result<Vec<(OrganizationId, MembershipId)>, sqlx::Error> {
    let ids: Vec<(Uuid, Uuid)> =
        sqlx::query_as("select organization_id, membership_id from read.membership where user_id = $1 and active")
            .bind(user.0)
            .fetch_all(pool)
            .await?;
    let places = ids.into_iter();
    Ok(places
        .map(|(organization, id)| (OrganizationId(organization), MembershipId(id)))
        .collect())
}

/// An account.
pub async fn account(connection: &mut PgConnection, user: UserId) -> Result<Option<AccountView>, sqlx::Error> {
    sqlx::query("select view from read.account where user_id = $1")
        .bind(user.0)
        .fetch_optional(connection)
        .await?
        .map(|row| read_view(row.try_get(0)?))
        .transpose()
}

/// An item of a list, as the database sent it.
#[derive(Debug)]
pub struct ListedCipher(PgRow);

impl ListedCipher {
    /// What it is.
    pub fn line(&self) -> Result<CipherLine<'_>, sqlx::Error> {
        CipherLine::read(&self.0)
    }
}

/// The items of a person up to `kinds`, the highest number of a kind; oldest first. Rows are as the database sent them:
/// of a large vault, each copy less is felt.
pub fn ciphers_of(
    connection: &mut PgConnection,
    user: UserId,
    kinds: i16,
) -> impl Stream<Item = Result<ListedCipher, sqlx::Error>> + Send + '_ {
    sqlx::query(
        "select content, frame, folder_id, favorite, archived_at from read.cipher
         where owner_id = $1 and kind <= $2 order by created_at, cipher_id",
    )
    .bind(user.0)
    .bind(kinds)
    .fetch(connection)
    .map_ok(ListedCipher)
}

/// The ids of a person's items.
pub async fn cipher_ids_of(pool: &PgPool, user: UserId) -> Result<Vec<CipherId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select cipher_id from read.cipher where owner_id = $1 order by cipher_id")
        .bind(user.0)
        .fetch_all(pool)
        .await?;
    Ok(ids.into_iter().map(CipherId).collect())
}

/// Some items.
pub async fn ciphers(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<(CipherId, CipherRow)>, sqlx::Error> {
    sqlx::query(select::<Ciphers>("where cipher_id = any($1)"))
        .bind(ids)
        .fetch_all(pool)
        .await?
        .iter()
        .map(|row| Ciphers::read(row).map(|(id, row)| (CipherId(id), row)))
        .collect()
}

/// The folders of a person, oldest first.
pub async fn folders_of(
    connection: &mut PgConnection,
    user: UserId,
) -> Result<Vec<(FolderId, FolderRow)>, sqlx::Error> {
    sqlx::query(select::<Folders>("where owner_id = $1 order by created_at, folder_id"))
        .bind(user.0)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Folders::read(row).map(|(id, row)| (FolderId(id), row)))
        .collect()
}

/// One folder.
pub async fn folder(pool: &PgPool, id: FolderId) -> Result<Option<FolderRow>, sqlx::Error> {
    sqlx::query(select::<Folders>("where folder_id = $1"))
        .bind(id.0)
        .fetch_optional(pool)
        .await?
        .map(|row| Folders::read(&row).map(|(_, row)| row))
        .transpose()
}

/// The devices of a person, the one last seen first.
pub async fn devices_of(pool: &PgPool, user: UserId) -> Result<Vec<(DeviceId, DeviceRow)>, sqlx::Error> {
    sqlx::query(select::<Devices>(
        "where user_id = $1 order by active_at desc, device_id",
    ))
    .bind(user.0)
    .fetch_all(pool)
    .await?
    .iter()
    .map(|row| Devices::read(row).map(|(id, row)| (DeviceId(id), row)))
    .collect()
}

/// The devices that call themselves `identifier`, at most 100: one client may be used with several accounts.
pub async fn devices_called(pool: &PgPool, identifier: &str) -> Result<Vec<(UserId, DeviceId)>, sqlx::Error> {
    sqlx::query("select user_id, device_id from read.device where identifier = $1 order by device_id limit 100")
        .bind(identifier)
        .fetch_all(pool)
        .await?
        .iter()
        .map(|row| Ok((UserId(row.try_get(0)?), DeviceId(row.try_get(1)?))))
        .collect()
}

/// One consistent view of all tables, for as long as it is held.
pub type Snapshot = Transaction<'static, Postgres>;

/// A snapshot of now.
///
/// The views are locked before it is taken. Another generation could else be put behind them between two questions, and
/// what was written to that one lately is not in a snapshot from before.
pub async fn snapshot(pool: &PgPool) -> Result<Snapshot, sqlx::Error> {
    static LOCK: LazyLock<String> = LazyLock::new(|| {
        let views: Vec<_> = SyncProjector::TABLES
            .iter()
            .map(|(table, _)| format!("read.{table}"))
            .collect();
        format!("lock table {} in access share mode", views.join(", "))
    });
    let mut snapshot = pool
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    // as a statement of its own: a transaction whose first statement failed must be known to be one, to be rolled back
    snapshot.execute(AssertSqlSafe(&**LOCK)).await?;
    Ok(snapshot)
}

/// Where what a person syncs is, in the snapshot of `connection`: see [`UserParts::whole`].
pub async fn revision_of(connection: &mut PgConnection, user: UserId) -> Result<Option<Revision>, sqlx::Error> {
    let question = format!(
        "select max(position), max(at) from read.revision where owner_id = $1
         or owner_id in (select m.organization_id from read.membership m where m.user_id = $1 and {MINE})
         having bool_or(owner_id = $1)",
    );
    let row = sqlx::query(AssertSqlSafe(question))
        .bind(user.0)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let position = Position(row.try_get::<i64, _>(0)? as u64);
        Ok(Revision {
            position,
            at: Timestamp(row.try_get(1)?),
        })
    })
    .transpose()
}
