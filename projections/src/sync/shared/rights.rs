//! What people may do: rights in collections, standing in organizations, policies that bind.

use crate::{
    live::Live,
    sync::organization::{OrganizationView, read_view},
};
use domain::{
    id::{CollectionId, GrantId, MembershipId, OrganizationId, UserId},
    organization::{access::Standing, grant::Rights, role::Role},
};
use sqlx::{PgConnection, PgExecutor, PgPool, Row, postgres::PgRow};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Whether a person is an ordinary member of an organization in which this policy is on: owners and admins are not bound.
pub async fn is_bound(connection: impl PgExecutor<'_>, user: UserId, policy: i16) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from read.membership m join read.policy p using (organization_id)
         where m.user_id = $1 and m.active and m.role not in (0, 1) and p.kind = $2 and p.enabled)",
    )
    .bind(user.0)
    .bind(policy)
    .fetch_one(connection)
    .await
}

/// Rights of a person in the collections of all organizations they are confirmed in. What was given to a member in a collection holds
/// there whatever their groups have; of groups the more of each counts. Only collections that are there, of groups that are
/// there; and nothing by what has an event parked, for that may have taken it away.
const RIGHTS: &str =
    "with parked as materialized (
       select p.stream_id from projection.parked p join projection.generation g using (projector, generation)
       where p.projector = 'sync' and g.state = 'live')
     select m.organization_id, c.collection_id,
       coalesce(bool_or(g.read_only) filter (where g.own), bool_and(g.read_only)),
       coalesce(bool_or(g.hide_passwords) filter (where g.own), bool_and(g.hide_passwords)),
       coalesce(bool_or(g.manage) filter (where g.own), bool_or(g.manage)),
       m.membership_id, bool_or(g.own), (select array_agg(stream_id) from parked)
     from read.membership m
     join lateral (
       select collection_id, read_only, hide_passwords, manage, true as own,
         grant_id in (select stream_id from parked) as unsure
       from read.collection_grant
       where grantee_id = m.membership_id
       union all
       select r.collection_id, r.read_only, r.hide_passwords, r.manage, false, false
       from read.group_member p join read.member_group u on u.group_id = p.group_id
       join read.collection_grant r on r.grantee_id = p.group_id
       where p.membership_id = m.membership_id and r.grant_id not in (select stream_id from parked)
         and p.place_id not in (select stream_id from parked) and u.group_id not in (select stream_id from parked)) g on true
     join read.collection c using (collection_id)
     where m.user_id = $1 and m.active and c.organization_id = m.organization_id
       and ($2::uuid is null or m.organization_id = $2) and ($3::uuid[] is null or c.collection_id = any($3))
       and c.collection_id not in (select stream_id from parked)
     group by 1, 2, m.membership_id having not bool_or(g.unsure)";

/// What a row says; `None` where the first that was given to the member themselves is parked: it may hold them back.
fn rights(row: &PgRow) -> Result<Option<(CollectionId, Rights)>, sqlx::Error> {
    let collection = CollectionId(row.try_get(1)?);
    let parked: Option<Vec<Uuid>> = row.try_get(7)?;
    if let Some(parked) = parked.filter(|parked| !parked.is_empty()) {
        let (member, own): (Uuid, bool) = (row.try_get(5)?, row.try_get(6)?);
        if !own && parked.contains(&GrantId::of(collection, member).0) {
            return Ok(None);
        }
    }
    let rights = Rights {
        read_only: row.try_get(2)?,
        hide_passwords: row.try_get(3)?,
        manage: row.try_get(4)?,
    };
    Ok(Some((collection, rights)))
}

/// What a person may do in every collection they have rights in.
pub async fn all_rights(
    connection: impl PgExecutor<'_>,
    user: UserId,
) -> Result<HashMap<CollectionId, Rights>, sqlx::Error> {
    let statement = sqlx::query(RIGHTS)
        .bind(user.0)
        .bind(None::<Uuid>)
        .bind(None::<Vec<Uuid>>);
    let rows = statement.fetch_all(connection).await?;
    rows.iter().filter_map(|row| rights(row).transpose()).collect()
}

/// Which collections a question about somebody's standing is about.
#[derive(Debug, Clone, Copy)]
pub enum About<'c> {
    /// None: what the role says is enough.
    Role,
    /// These.
    Collections(&'c [CollectionId]),
    /// All of the organization.
    All,
}

impl<'c> About<'c> {
    /// Those that are asked about, where they are named.
    pub fn named(self) -> Option<&'c [CollectionId]> {
        match self {
            Self::Role => Some(&[]),
            Self::Collections(ids) => Some(ids),
            Self::All => None,
        }
    }
}

/// Where somebody stands in an organization, by what `live` remembers if it does; `None` if they are not confirmed there.
///
/// # Errors
/// Whatever the database says, and while an event of the organization is parked: its rules may have become stricter.
pub async fn standing(
    live: &Live,
    pool: &PgPool,
    user: UserId,
    organization: OrganizationId,
    about: About<'_>,
) -> Result<Option<Standing>, sqlx::Error> {
    let Some(asked) = about.named() else {
        let found = read(&mut *pool.acquire().await?, user, organization, about).await?;
        return Ok(found.map(|stood| stood.standing));
    };
    let ticket = match live.standing(user, organization, asked) {
        Ok(known) => return Ok(Some(known)),
        Err(ticket) => ticket,
    };
    let found = read(&mut *pool.acquire().await?, user, organization, about).await?;
    if let (
        Some(ticket),
        Some(Stood {
            standing,
            parked: false,
        }),
    ) = (ticket, &found)
    {
        live.stands(ticket, asked, standing);
    }
    Ok(found.map(|stood| stood.standing))
}

/// Where somebody stands, as it was read.
struct Stood {
    standing: Standing,
    /// Events are parked: what is given may become more without one more event, when one is skipped.
    parked: bool,
}

async fn read(
    connection: &mut PgConnection,
    user: UserId,
    organization: OrganizationId,
    about: About<'_>,
) -> Result<Option<Stood>, sqlx::Error> {
    let row = sqlx::query(
        "select m.membership_id, m.role, m.view, o.view, coalesce(p.own, false), p.own is not null,
           coalesce(p.gives, false)
         from read.membership m join read.organization o using (organization_id)
         cross join (
             select bool_or(p.category = 'organization' and p.stream_id = $2) as own,
               bool_or(p.category in ('membership', 'group', 'collection', 'collection_grant')) as gives
             from projection.parked p join projection.generation g using (projector, generation)
             where p.projector = 'sync' and g.state = 'live') p
         where m.user_id = $1 and m.organization_id = $2 and m.active",
    )
    .bind(user.0)
    .bind(organization.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get(4)? {
        return Err(sqlx::Error::Protocol(format!(
            "an event of organization {organization} is parked"
        )));
    }
    let view: crate::sync::membership::MembershipView = read_view(row.try_get(2)?)?;
    let of: OrganizationView = read_view(row.try_get(3)?)?;
    let number: i16 = row.try_get(1)?;
    let role = Role::from_number(i64::from(number), view.permissions);
    let role = role.ok_or_else(|| sqlx::Error::Decode(format!("role {number}").into()))?;
    let wanted: Option<Vec<Uuid>> = about.named().map(|ids| ids.iter().map(|id| id.0).collect());
    let mut found = HashMap::new();
    if wanted.as_ref().is_none_or(|ids| !ids.is_empty()) {
        let statement = sqlx::query(RIGHTS)
            .bind(user.0)
            .bind(organization.0)
            .bind(wanted.clone());
        for row in statement.fetch_all(&mut *connection).await? {
            found.extend(rights(&row)?);
        }
    }
    let mut standing = Standing {
        user,
        organization,
        membership: MembershipId(row.try_get(0)?),
        role,
        settings: of.settings,
        rights: found,
        unmanaged: HashSet::new(),
    };
    let above = standing.settings.allow_admin_access_to_all_collection_items;
    // what is parked may have given somebody the collection
    let given: bool = row.try_get(6)?;
    if !above && !given && standing.may_take_up() && wanted.as_ref().is_none_or(|ids| !ids.is_empty()) {
        let ids: Vec<Uuid> = sqlx::query_scalar(UNMANAGED)
            .bind(organization.0)
            .bind(wanted)
            .fetch_all(connection)
            .await?;
        standing.unmanaged = ids.into_iter().map(CollectionId).collect();
    }
    Ok(Some(Stood {
        standing,
        parked: row.try_get(5)?,
    }))
}

/// Collections of an organization that no member and no group that is there manages; members' own are not among them.
const UNMANAGED: &str = "select c.collection_id from read.collection c
     where c.organization_id = $1 and c.default_of is null and ($2::uuid[] is null or c.collection_id = any($2))
       and not exists (select from read.collection_grant g where g.collection_id = c.collection_id and g.manage and (
         exists (select from read.membership m where not g.to_group and m.membership_id = g.grantee_id)
         or exists (select from read.member_group u where g.to_group and u.group_id = g.grantee_id)))";
