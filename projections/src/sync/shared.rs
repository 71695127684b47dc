//! Questions about organizations, through the views of schema `read`.

mod given;
mod rights;

pub use given::{grants_in, grants_of, grants_to, group, groups_of, places_in, places_of, places_with};
pub use rights::{About, all_rights, is_bound, standing};

use super::{
    account::{AccountView, Accounts},
    cipher::{CipherLine, CipherRow, Ciphers, Holder, read_ids},
    collection::{CollectionRow, Collections},
    filing::{FilingRow, Filings},
    membership::{MembershipRow, Memberships},
    organization::{OrganizationView, Organizations, read_view},
    policy::{Policies, PolicyRow},
    read::select,
    task::{TaskRow, Tasks},
};
use crate::table::Table;
use domain::id::{CipherId, CollectionId, FilingId, MembershipId, OrganizationId, TaskId, UserId};
use futures::{Stream, TryStreamExt};
use sqlx::{PgConnection, PgExecutor, Postgres, Row, postgres::PgRow, query::Query};
use uuid::Uuid;

type Statement = Query<'static, Postgres, sqlx::postgres::PgArguments>;

/// All rows of a statement over whole rows of a table.
async fn all<T: Table>(
    connection: impl PgExecutor<'_>,
    statement: Statement,
) -> Result<Vec<(Uuid, T::Row)>, sqlx::Error> {
    statement.fetch_all(connection).await?.iter().map(T::read).collect()
}

/// The first row of such a statement.
async fn one<T: Table>(
    connection: impl PgExecutor<'_>,
    statement: Statement,
) -> Result<Option<(Uuid, T::Row)>, sqlx::Error> {
    statement
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(T::read)
        .transpose()
}

/// An organization.
///
/// # Errors
/// Whatever the database says; so for all functions here.
pub async fn organization(
    connection: impl PgExecutor<'_>,
    id: OrganizationId,
) -> Result<Option<OrganizationView>, sqlx::Error> {
    let statement = sqlx::query(select::<Organizations>("where organization_id = $1")).bind(id.0);
    Ok(one::<Organizations>(connection, statement).await?.map(|(_, row)| row))
}

/// The organizations that claim domains. By what rows look like, in every row: for work done now and then.
pub async fn claiming(connection: impl PgExecutor<'_>) -> Result<Vec<(OrganizationId, OrganizationView)>, sqlx::Error> {
    let statement = sqlx::query(select::<Organizations>("where view like '%\"domains\":%'"));
    let rows = all::<Organizations>(connection, statement).await?;
    Ok(rows.into_iter().map(|(id, row)| (OrganizationId(id), row)).collect())
}

/// The memberships of a person that are accepted at least, with their organizations, oldest first.
pub async fn memberships_of(
    connection: impl PgExecutor<'_>,
    user: UserId,
) -> Result<Vec<(MembershipId, MembershipRow, OrganizationView)>, sqlx::Error> {
    let names = Memberships::SHAPE.columns.iter().map(|(name, _)| format!("m.{name}"));
    let statement = format!(
        "select {}, o.view from read.membership m join read.organization o using (organization_id)
         where m.user_id = $1 order by m.created_at, m.membership_id",
        names.collect::<Vec<_>>().join(", ")
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(user.0)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let (id, membership) = Memberships::read(row)?;
            let view = read_view(row.try_get(Memberships::SHAPE.columns.len())?)?;
            Ok((MembershipId(id), membership, view))
        })
        .collect()
}

/// Some accounts.
pub async fn accounts(
    connection: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<(UserId, AccountView)>, sqlx::Error> {
    let ids: Vec<Uuid> = users.iter().map(|id| id.0).collect();
    let statement = sqlx::query(select::<Accounts>("where user_id = any($1)")).bind(ids);
    let rows = all::<Accounts>(connection, statement).await?;
    Ok(rows.into_iter().map(|(id, row)| (UserId(id), row)).collect())
}

/// The memberships of an organization, oldest first.
pub async fn members_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<(MembershipId, MembershipRow)>, sqlx::Error> {
    let statement = sqlx::query(select::<Memberships>(
        "where organization_id = $1 order by created_at, membership_id",
    ));
    let rows = all::<Memberships>(connection, statement.bind(organization.0)).await?;
    Ok(rows.into_iter().map(|(id, row)| (MembershipId(id), row)).collect())
}

/// The memberships in an organization of those who are in another one as well, whatever they are there, but for the revoked here
/// or there, and but for owners and admins here.
pub async fn members_elsewhere(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<MembershipId>, sqlx::Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(
        "select m.membership_id from read.membership m where m.organization_id = $1 and m.user_id is not null
             and m.role not in (0, 1) and m.view::jsonb ->> 'revoked' is null and exists (
             select from read.membership o join read.organization using (organization_id)
             where o.user_id = m.user_id and o.organization_id <> $1
             and o.view::jsonb ->> 'revoked' is null)",
    )
    .bind(organization.0)
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(MembershipId).collect())
}

/// One membership.
pub async fn membership(
    connection: impl PgExecutor<'_>,
    id: MembershipId,
) -> Result<Option<MembershipRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Memberships>("where membership_id = $1")).bind(id.0);
    Ok(one::<Memberships>(connection, statement).await?.map(|(_, row)| row))
}

/// The collections of an organization, oldest first.
pub async fn collections_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<(CollectionId, CollectionRow)>, sqlx::Error> {
    let statement = sqlx::query(select::<Collections>(
        "where organization_id = $1 order by created_at, collection_id",
    ));
    let rows = all::<Collections>(connection, statement.bind(organization.0)).await?;
    Ok(rows.into_iter().map(|(id, row)| (CollectionId(id), row)).collect())
}

/// Some collections.
pub async fn collections(
    connection: impl PgExecutor<'_>,
    ids: &[CollectionId],
) -> Result<Vec<(CollectionId, CollectionRow)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let statement = sqlx::query(select::<Collections>(
        "where collection_id = any($1) order by created_at, collection_id",
    ));
    let rows = all::<Collections>(connection, statement.bind(ids)).await?;
    Ok(rows.into_iter().map(|(id, row)| (CollectionId(id), row)).collect())
}

/// The accounts of those whose own items some collections held until they went. Asks nothing where nobody is named.
pub async fn former_owners(
    connection: impl PgExecutor<'_>,
    rows: &[(CollectionId, CollectionRow)],
) -> Result<Vec<(UserId, AccountView)>, sqlx::Error> {
    let users: Vec<UserId> = rows.iter().filter_map(|(_, row)| row.formerly_of).collect();
    if users.is_empty() {
        return Ok(Vec::new());
    }
    accounts(connection, &users).await
}

/// The policies of some organizations that were ever set, by kind.
pub async fn policies_of(
    connection: impl PgExecutor<'_>,
    organizations: &[OrganizationId],
) -> Result<Vec<(Uuid, PolicyRow)>, sqlx::Error> {
    let ids: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
    let statement = sqlx::query(select::<Policies>(
        "where organization_id = any($1) order by organization_id, kind",
    ));
    all::<Policies>(connection, statement.bind(ids)).await
}

/// The security tasks of an organization, oldest first.
pub async fn tasks_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<(TaskId, TaskRow)>, sqlx::Error> {
    let statement = sqlx::query(select::<Tasks>(
        "where organization_id = $1 and cipher_id in (select cipher_id from read.cipher)
         order by created_at, task_id",
    ));
    let rows = all::<Tasks>(connection, statement.bind(organization.0)).await?;
    Ok(rows.into_iter().map(|(id, row)| (TaskId(id), row)).collect())
}

/// The security tasks of all organizations that a person is confirmed in, oldest first, each with the collections its item is in.
/// Those about items in the trash are left out.
pub async fn tasks_for(
    connection: impl PgExecutor<'_>,
    user: UserId,
) -> Result<Vec<(TaskId, TaskRow, Vec<CollectionId>)>, sqlx::Error> {
    let names = Tasks::SHAPE.columns.iter().map(|(name, _)| format!("t.{name}"));
    let statement = format!(
        "select {}, c.collections from read.membership m join read.security_task t using (organization_id)
         join read.cipher c using (cipher_id) where m.user_id = $1 and m.active and c.deleted_at is null
         order by t.created_at, t.task_id",
        names.collect::<Vec<_>>().join(", ")
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(user.0)
        .fetch_all(connection)
        .await?;
    let read = |row: &PgRow| {
        let (id, task) = Tasks::read(row)?;
        let collections = read_ids(row.try_get(Tasks::SHAPE.columns.len())?);
        Ok((TaskId(id), task, collections.map(CollectionId).collect()))
    };
    rows.iter().map(read).collect()
}

/// How a person files items of organizations.
pub async fn filings_of(connection: impl PgExecutor<'_>, user: UserId) -> Result<Vec<FilingRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Filings>("where user_id = $1")).bind(user.0);
    let rows = all::<Filings>(connection, statement).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// How a person files one item of an organization.
pub async fn filing(
    connection: impl PgExecutor<'_>,
    user: UserId,
    cipher: CipherId,
) -> Result<Option<FilingRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Filings>("where filing_id = $1")).bind(FilingId::of(user, cipher).0);
    Ok(one::<Filings>(connection, statement).await?.map(|(_, row)| row))
}

/// Those of some items that are of organizations: whose, and in which collections; some of these may be gone.
pub async fn located(
    connection: impl PgExecutor<'_>,
    ids: &[CipherId],
) -> Result<Vec<(CipherId, OrganizationId, Vec<CollectionId>)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let statement = "select cipher_id, owner_id, collections from read.cipher where cipher_id = any($1) and shared";
    let rows = sqlx::query(statement).bind(ids).fetch_all(connection).await?;
    let read = |row: &PgRow| {
        let within = read_ids(row.try_get(2)?).map(CollectionId).collect();
        Ok((CipherId(row.try_get(0)?), OrganizationId(row.try_get(1)?), within))
    };
    rows.iter().map(read).collect()
}

/// An item of an organization in a list, as the database sent it.
#[derive(Debug)]
pub struct SharedCipher(PgRow);

impl SharedCipher {
    /// Its id.
    pub fn id(&self) -> Result<CipherId, sqlx::Error> {
        self.0.try_get(5).map(CipherId)
    }

    /// The organization it belongs to.
    pub fn organization(&self) -> Result<OrganizationId, sqlx::Error> {
        self.0.try_get(6).map(OrganizationId)
    }

    /// The collections it is in; some of them may be gone.
    pub fn collections(&self) -> Result<impl Iterator<Item = CollectionId> + '_, sqlx::Error> {
        Ok(read_ids(self.0.try_get(7)?).map(CollectionId))
    }

    /// What it is.
    pub fn line(&self) -> Result<CipherLine<'_>, sqlx::Error> {
        CipherLine::read(&self.0)
    }
}

const SHARED: &str = "content, frame, folder_id, favorite, archived_at, cipher_id, owner_id, collections";

/// How many collections are looked up in the index of items by collection. PostgreSQL compares each item found with each collection asked
/// for, so for more it is quicker to look at all items of the organizations.
const LOOKED_UP: usize = 500;

/// The items of `organizations` that are in some of `collections`, which are theirs, up to `kinds`; oldest first in each of the organizations.
pub fn ciphers_in<'c>(
    connection: &'c mut PgConnection,
    organizations: &[OrganizationId],
    collections: &[CollectionId],
    kinds: i16,
) -> impl Stream<Item = Result<SharedCipher, sqlx::Error>> + Send + use<'c> {
    let ids: Vec<Uuid> = collections.iter().map(|id| id.0).collect();
    let query = if ids.len() <= LOOKED_UP {
        let statement = format!(
            "select {SHARED} from read.cipher where shared and collection_ids && $1 and kind <= $2
             order by created_at, cipher_id"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(ids).bind(kinds)
    } else {
        // the question whether a collection is among them is one that is hashed, with whatever plan
        let statement = format!(
            "with wanted as materialized (select unnest($1) as id)
             select i.* from unnest($3) o(id) cross join lateral (
               select {SHARED} from read.cipher where owner_id = o.id and shared and kind <= $2
                 and (select bool_or(c in (select id from wanted)) from unnest(collection_ids) c)
               order by created_at, cipher_id) i"
        );
        let holders: Vec<Uuid> = organizations.iter().map(|id| id.0).collect();
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(ids).bind(kinds);
        query.bind(holders)
    };
    query.fetch(connection).map_ok(SharedCipher)
}

/// All items of an organization, oldest first.
pub fn ciphers_of(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> impl Stream<Item = Result<SharedCipher, sqlx::Error>> + Send + '_ {
    let statement =
        format!("select {SHARED} from read.cipher where owner_id = $1 and shared order by created_at, cipher_id");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(organization.0)
        .fetch(connection)
        .map_ok(SharedCipher)
}

/// Items of an organization that are in no collection that is there, oldest first.
pub fn unassigned_of(
    connection: &mut PgConnection,
    organization: OrganizationId,
) -> impl Stream<Item = Result<SharedCipher, sqlx::Error>> + Send + '_ {
    let statement = format!(
        "select {SHARED} from read.cipher i where owner_id = $1 and shared and not exists (
           select from read.collection c where c.organization_id = $1 and c.collection_id = any(i.collection_ids))
         order by created_at, cipher_id"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(organization.0)
        .fetch(connection)
        .map_ok(SharedCipher)
}

/// The ids of all items of an organization.
pub async fn cipher_ids_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<CipherId>, sqlx::Error> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select cipher_id from read.cipher where owner_id = $1 and shared order by cipher_id")
            .bind(organization.0)
            .fetch_all(connection)
            .await?;
    Ok(ids.into_iter().map(CipherId).collect())
}

/// Whose some items are, and which collections they are in; nothing of what is in them.
pub async fn whereabouts(
    connection: impl PgExecutor<'_>,
    ids: &[CipherId],
) -> Result<Vec<(CipherId, Holder, Vec<CollectionId>)>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows =
        sqlx::query("select cipher_id, owner_id, shared, collections from read.cipher where cipher_id = any($1)")
            .bind(ids)
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|row| {
            let owner: Uuid = row.try_get(1)?;
            let holder = if row.try_get(2)? {
                Holder::Organization(OrganizationId(owner))
            } else {
                Holder::Person(UserId(owner))
            };
            let collections = read_ids(row.try_get(3)?).map(CollectionId).collect();
            Ok((CipherId(row.try_get(0)?), holder, collections))
        })
        .collect()
}

/// One item, whosever it is.
pub async fn cipher(connection: impl PgExecutor<'_>, id: CipherId) -> Result<Option<CipherRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Ciphers>("where cipher_id = $1")).bind(id.0);
    Ok(one::<Ciphers>(connection, statement).await?.map(|(_, row)| row))
}
