//! Questions to the audit log.

use super::record::{AuditRecord, REFUSED_LOGINS};
use domain::{
    activity::OF_USERS,
    event::{Aggregate, Position, StreamName},
    id::{CipherId, CollectionId, DeviceId, FolderId, GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    organization::{moment, profile::Organization},
    time::Timestamp,
};
use serde_json::Value;
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Columns in the order [`stored`] takes them.
pub(super) const COLUMNS: &str = "position, type, name, at, recorded_at, actor, acting_user_id, organization_id, user_id, cipher_id, folder_id,
     collection_id, group_id, policy_id, membership_id, system_user, device_id, device_type, client, client_version, ip, origin,
     category, stream_id, event_id, correlation, detail, ordinal, member_user_id";

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// What is about the account and the vault of a person, and in no organization.
    Person(UserId),
    /// The same, and what they did in organizations: each event once.
    All(UserId),
    /// What happened in an organization.
    Organization(OrganizationId),
}

/// What of a log is wanted; all of it, if nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Recorded at this moment or later: microseconds since 1970.
    pub from: Option<i64>,
    /// Recorded before this moment: microseconds since 1970.
    pub to: Option<i64>,
    /// Only what the API catalogue has a number for.
    pub numbered: bool,
    /// Of these types.
    pub kinds: Vec<i32>,
    /// By this person, refused logins into their account among it.
    pub acting_user: Option<UserId>,
    /// About this item.
    pub cipher: Option<CipherId>,
    /// About this collection.
    pub collection: Option<CollectionId>,
    /// About this group.
    pub group: Option<GroupId>,
    /// About this policy.
    pub policy: Option<PolicyId>,
    /// About this membership.
    pub membership: Option<MembershipId>,
}

/// A place in a log. Displays as `1234.0`; what came before and behind it stays so, whatever is written meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The event's.
    pub position: Position,
    /// Which of the records of that event.
    pub ordinal: i16,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.position, self.ordinal)
    }
}

/// A text that is no [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the log")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(s: &str) -> Result<Self, NoCursor> {
        let (position, ordinal) = s.split_once('.').ok_or(NoCursor)?;
        let position: i64 = position.parse().map_err(|_| NoCursor)?;
        let ordinal: i16 = ordinal.parse().map_err(|_| NoCursor)?;
        if ordinal < 0 {
            return Err(NoCursor);
        }
        Ok(Self {
            position: Position(u64::try_from(position).map_err(|_| NoCursor)?),
            ordinal,
        })
    }
}

/// Which way a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
}

/// Records of a log, at most `max`, from behind `cursor` on.
///
/// # Errors
/// Whatever the database says.
pub async fn page(
    pool: &PgPool,
    log: Log,
    filter: &Filter,
    order: Order,
    cursor: Option<Cursor>,
    max: i64,
) -> Result<Vec<(Cursor, AuditRecord)>, sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new("");
    let Some(between) = between(pool, filter).await? else {
        return Ok(Vec::new());
    };
    let asked = Asked {
        log,
        filter,
        between,
        order,
        cursor,
        max,
    };
    match filter.acting_user {
        None => asked.push(&mut query, |_| {}),
        // each part by its own index, and then the first of both
        Some(user) => {
            query.push("select * from ((");
            asked.push(&mut query, |query| {
                query.push(" and acting_user_id = ").push_bind(user.0);
            });
            query.push(") union all (");
            asked.push(&mut query, |query| {
                query
                    .push(" and acting_user_id is null and user_id = ")
                    .push_bind(user.0);
                query
                    .push(" and type = any(")
                    .push_bind(REFUSED_LOGINS.to_vec())
                    .push(")");
            });
            query.push(")) both_parts");
            asked.order(&mut query);
        }
    }
    query.build().fetch_all(pool).await?.iter().map(read).collect()
}

/// The first and the last position of the moments that are wanted, for positions and moments grow together; `None` if nothing
/// lies between them. Asked for by themselves: then what is left is a stretch of one index, and PostgreSQL need not know the
/// table to see that.
async fn between(pool: &PgPool, filter: &Filter) -> Result<Option<(Option<i64>, Option<i64>)>, sqlx::Error> {
    let mut between = (None, None);
    if let Some(from) = filter.from {
        let first =
            "select position from read.audit_record where recorded_at >= $1 order by recorded_at, position limit 1";
        between.0 = sqlx::query_scalar(first).bind(from).fetch_optional(pool).await?;
        if between.0.is_none() {
            return Ok(None);
        }
    }
    if let Some(to) = filter.to {
        let last = "select position from read.audit_record where recorded_at < $1
                    order by recorded_at desc, position desc limit 1";
        between.1 = sqlx::query_scalar(last).bind(to).fetch_optional(pool).await?;
        if between.1.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(between))
}

/// What is asked of a log.
struct Asked<'q> {
    log: Log,
    filter: &'q Filter,
    /// Positions.
    between: (Option<i64>, Option<i64>),
    order: Order,
    cursor: Option<Cursor>,
    max: i64,
}

impl Asked<'_> {
    fn push(&self, query: &mut QueryBuilder<Postgres>, more: impl FnOnce(&mut QueryBuilder<Postgres>)) {
        query.push(format!("select {COLUMNS} from read.audit_record where "));
        match self.log {
            Log::Person(user) => query.push("organization_id is null and user_id = ").push_bind(user.0),
            // what happens to an account stands in the logs of its organizations as well: that is told once; what is changed in the
            // settings of an organization has a record for each of them
            Log::All(user) => query
                .push("(ordinal = 0 or category = 'organization') and user_id = ")
                .push_bind(user.0),
            Log::Organization(id) => query.push("organization_id = ").push_bind(id.0),
        };
        self.filter.push(query);
        if let Some(first) = self.between.0 {
            query.push(" and position >= ").push_bind(first);
        }
        if let Some(last) = self.between.1 {
            query.push(" and position <= ").push_bind(last);
        }
        more(query);
        if let Some(cursor) = self.cursor {
            let behind = match self.order {
                Order::Newest => "<",
                Order::Oldest => ">",
            };
            query.push(format!(" and (position, ordinal) {behind} ("));
            query.push_bind(cursor.position.0 as i64).push(", ");
            query.push_bind(cursor.ordinal).push(")");
        }
        self.order(query);
    }

    fn order(&self, query: &mut QueryBuilder<Postgres>) {
        let direction = match self.order {
            Order::Newest => "desc",
            Order::Oldest => "asc",
        };
        // as text: a plan that does not know how few are wanted sorts them all
        query.push(format!(
            " order by position {direction}, ordinal {direction} limit {}",
            self.max
        ));
    }
}

impl Filter {
    /// Whether a record, as it was written, is among those asked for: what the statement says that [`page`] runs. Not said here is
    /// when: all records of an event have one time.
    pub fn takes(&self, log: Log, ordinal: i16, record: &AuditRecord) -> bool {
        let of_log = match log {
            Log::Person(user) => record.organization.is_none() && record.user == Some(user),
            Log::All(user) => {
                (ordinal == 0 || &*record.category == Organization::CATEGORY) && record.user == Some(user)
            }
            Log::Organization(id) => record.organization == Some(id),
        };
        let of_kind = match record.kind {
            None => !self.numbered && self.kinds.is_empty(),
            Some(kind) => self.kinds.is_empty() || self.kinds.contains(&kind),
        };
        let refused = record.kind.is_some_and(|kind| REFUSED_LOGINS.contains(&kind));
        let by = |user| match record.acting_user {
            None => refused && record.user == Some(user),
            acting => acting == Some(user),
        };
        of_log
            && of_kind
            && self.acting_user.is_none_or(by)
            && self.cipher.is_none_or(|id| record.cipher == Some(id))
            && self.collection.is_none_or(|id| record.collection == Some(id))
            && self.group.is_none_or(|id| record.group == Some(id))
            && self.policy.is_none_or(|id| record.policy == Some(id))
            && self.membership.is_none_or(|id| record.membership == Some(id))
    }

    fn push(&self, query: &mut QueryBuilder<Postgres>) {
        if self.numbered {
            query.push(" and type is not null");
        }
        if !self.kinds.is_empty() {
            query.push(" and type = any(").push_bind(self.kinds.clone()).push(")");
        }
        let ids = [
            (" and cipher_id = ", self.cipher.map(|id| id.0)),
            (" and collection_id = ", self.collection.map(|id| id.0)),
            (" and group_id = ", self.group.map(|id| id.0)),
            (" and policy_id = ", self.policy.map(|id| id.0)),
            (" and membership_id = ", self.membership.map(|id| id.0)),
        ];
        for (column, id) in ids {
            if let Some(id) = id {
                query.push(column).push_bind(id);
            }
        }
    }
}

/// The streams that say what an organization is: those that had an event of it before `until` (microseconds since 1970). Of items
/// all, or only `item`. Each with how many records of it there are.
///
/// # Errors
/// Whatever the database says.
pub async fn streams_of(
    pool: &PgPool,
    organization: OrganizationId,
    item: Option<CipherId>,
    until: i64,
) -> Result<Vec<(StreamName, usize)>, sqlx::Error> {
    let found: Vec<(String, Uuid, i64)> = sqlx::query_as(
        "select category, stream_id, count(*) from read.audit_record
         where organization_id = $1 and recorded_at < $2 and category = any($3)
           and ($4::uuid is null or category <> 'cipher' or stream_id = $4)
         group by category, stream_id",
    )
    .bind(organization.0)
    .bind(until)
    .bind(moment::CATEGORIES.map(str::to_owned).to_vec())
    .bind(item.map(|id| id.0))
    .fetch_all(pool)
    .await?;
    let counted = |(category, id, count): (String, Uuid, i64)| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        (StreamName::new(category, id), count)
    };
    Ok(found.into_iter().map(counted).collect())
}

/// A record as it is read: the column `user_id` finds what somebody did too; in an organization's log it is about whose membership it
/// is.
pub(super) fn shown(record: AuditRecord) -> AuditRecord {
    let of_user = record.organization.is_none() || record.kind.is_some_and(|kind| OF_USERS.contains(&kind));
    let user = match of_user {
        true => record.user,
        false => record.member,
    };
    AuditRecord { user, ..record }
}

fn read(row: &PgRow) -> Result<(Cursor, AuditRecord), sqlx::Error> {
    stored(row).map(|(cursor, record)| (cursor, shown(record)))
}

/// A record as it was written.
pub(super) fn stored(row: &PgRow) -> Result<(Cursor, AuditRecord), sqlx::Error> {
    let id = |column: usize| row.try_get::<Option<Uuid>, _>(column);
    let position = Position(row.try_get::<i64, _>(0)? as u64);
    let detail = match row.try_get(26)? {
        // of most records there is nothing more to say
        "{}" => Value::Object(serde_json::Map::new()),
        text => serde_json::from_str(text).map_err(|e| sqlx::Error::Decode(e.into()))?,
    };
    let record = AuditRecord {
        position,
        kind: row.try_get(1)?,
        name: row.try_get::<String, _>(2)?.into(),
        at: Timestamp(row.try_get(3)?),
        recorded_at_micros: row.try_get(4)?,
        actor: row.try_get(5)?,
        acting_user: id(6)?.map(UserId),
        organization: id(7)?.map(OrganizationId),
        user: id(8)?.map(UserId),
        cipher: id(9)?.map(CipherId),
        folder: id(10)?.map(FolderId),
        collection: id(11)?.map(CollectionId),
        group: id(12)?.map(GroupId),
        policy: id(13)?.map(PolicyId),
        membership: id(14)?.map(MembershipId),
        member: id(28)?.map(UserId),
        system_user: row.try_get(15)?,
        device: id(16)?.map(DeviceId),
        device_type: row.try_get::<Option<i16>, _>(17)?.and_then(|n| u8::try_from(n).ok()),
        client: row.try_get(18)?,
        client_version: row.try_get(19)?,
        ip: row.try_get(20)?,
        origin: row.try_get::<String, _>(21)?.into(),
        category: row.try_get::<String, _>(22)?.into(),
        stream: row.try_get(23)?,
        event: row.try_get(24)?,
        correlation: row.try_get(25)?,
        detail,
    };
    let ordinal = row.try_get(27)?;
    Ok((Cursor { position, ordinal }, record))
}
