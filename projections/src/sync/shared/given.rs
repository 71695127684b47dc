//! What members and groups are given: grants in collections, and places in groups. Of what is gone nothing is told.

use super::{all, one};
use crate::sync::{
    collection::{GrantRow, Grants},
    group::{GroupPlaceRow, GroupPlaces, GroupRow, Groups},
    read::select,
};
use domain::{
    id::{CollectionId, GroupId, MembershipId, OrganizationId},
    organization::grant::Grantee,
};
use sqlx::PgExecutor;

/// Who a grant is to is there. A right that is given while its member or its group is deleted comes behind the deletion.
const GRANTEE_IS_THERE: &str =
    "(exists (select from read.membership m where not to_group and m.membership_id = grantee_id)
    or exists (select from read.member_group u where to_group and u.group_id = grantee_id))";

/// All grants of an organization to whom there is, in what there is.
///
/// `is true` keeps the questions about that hashed with whatever plan: joined, a plan made for small organizations takes seconds
/// for one of 10,000 members.
///
/// # Errors
/// Whatever the database says; so for all functions here.
pub async fn grants_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<GrantRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Grants>(
        "where organization_id = $1 and (grantee_id in (
           select membership_id from read.membership where organization_id = $1
           union all select group_id from read.member_group where organization_id = $1)) is true
           and (collection_id in (select collection_id from read.collection where organization_id = $1)) is true
         order by grant_id",
    ));
    let rows = all::<Grants>(connection, statement.bind(organization.0)).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The grants in one collection to whom there is.
pub async fn grants_in(
    connection: impl PgExecutor<'_>,
    collection: CollectionId,
) -> Result<Vec<GrantRow>, sqlx::Error> {
    let which = format!("where collection_id = $1 and {GRANTEE_IS_THERE} order by grant_id");
    let statement = sqlx::query(select::<Grants>(&which));
    let rows = all::<Grants>(connection, statement.bind(collection.0)).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// What a member or a group has of its own in collections that are there.
pub async fn grants_to(connection: impl PgExecutor<'_>, to: Grantee) -> Result<Vec<GrantRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Grants>(
        "where grantee_id = $1
           and exists (select from read.collection c where c.collection_id = collection_grant.collection_id)
         order by grant_id",
    ));
    let rows = all::<Grants>(connection, statement.bind(to.id())).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The groups of an organization, oldest first.
pub async fn groups_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<(GroupId, GroupRow)>, sqlx::Error> {
    let statement = sqlx::query(select::<Groups>(
        "where organization_id = $1 order by created_at, group_id",
    ));
    let rows = all::<Groups>(connection, statement.bind(organization.0)).await?;
    Ok(rows.into_iter().map(|(id, row)| (GroupId(id), row)).collect())
}

/// One group.
pub async fn group(connection: impl PgExecutor<'_>, id: GroupId) -> Result<Option<GroupRow>, sqlx::Error> {
    let statement = sqlx::query(select::<Groups>("where group_id = $1")).bind(id.0);
    Ok(one::<Groups>(connection, statement).await?.map(|(_, row)| row))
}

/// Who is in which group of an organization; both are there. Hashed as in [`grants_of`].
pub async fn places_of(
    connection: impl PgExecutor<'_>,
    organization: OrganizationId,
) -> Result<Vec<GroupPlaceRow>, sqlx::Error> {
    let statement = sqlx::query(select::<GroupPlaces>(
        "where organization_id = $1
           and (group_id in (select group_id from read.member_group where organization_id = $1)) is true
           and (membership_id in (select membership_id from read.membership where organization_id = $1)) is true
         order by place_id",
    ));
    let rows = all::<GroupPlaces>(connection, statement.bind(organization.0)).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The members that are in a group.
pub async fn places_in(connection: impl PgExecutor<'_>, group: GroupId) -> Result<Vec<GroupPlaceRow>, sqlx::Error> {
    let statement = sqlx::query(select::<GroupPlaces>(
        "where group_id = $1
           and exists (select from read.membership m where m.membership_id = group_member.membership_id)
         order by place_id",
    ));
    let rows = all::<GroupPlaces>(connection, statement.bind(group.0)).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The groups a member is in.
pub async fn places_with(
    connection: impl PgExecutor<'_>,
    member: MembershipId,
) -> Result<Vec<GroupPlaceRow>, sqlx::Error> {
    let statement = sqlx::query(select::<GroupPlaces>(
        "where membership_id = $1
           and exists (select from read.member_group u where u.group_id = group_member.group_id)
         order by place_id",
    ));
    let rows = all::<GroupPlaces>(connection, statement.bind(member.0)).await?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}
