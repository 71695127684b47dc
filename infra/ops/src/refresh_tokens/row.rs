//! The row of a login, and the statements that touch it. Times are milliseconds on our side, `timestamptz` on theirs.

use commands::ports::refresh_tokens::chain::{Chain, Retired, TokenHash};
use commands::ports::refresh_tokens::{NewSession, Session};
use domain::id::{DeviceId, UserId};
use domain::time::Timestamp;
use sqlx::{PgConnection, PgPool, Row as _, postgres::PgRow};
use uuid::Uuid;

/// A login as stored.
pub struct Family {
    pub session: Session,
    pub chain: Chain,
    pub ended: bool,
}

const INSERT: &str = "insert into ops.refresh_family
    (family, user_id, device_id, client_id, stamp, scopes, created, last_used, expires_at, current_hash, next_hash)
    values ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0), to_timestamp($7 / 1000.0), to_timestamp($8 / 1000.0),
            $9, $10)";

const LOCK: &str = "select user_id, device_id, client_id, stamp, scopes, ended is not null as ended,
        (extract(epoch from created) * 1000)::bigint as created,
        (extract(epoch from expires_at) * 1000)::bigint as expires_at, retired_hash, current_hash, next_hash,
        array(select (extract(epoch from t) * 1000)::bigint from unnest(retired_good_until) with ordinality u(t, n)
              order by n) as retired_good_until
    from ops.refresh_family where family = $1 for update";

const TOUCH: &str = "update ops.refresh_family
    set last_used = to_timestamp($2 / 1000.0), expires_at = to_timestamp($3 / 1000.0), retired_hash = $4,
        retired_good_until = array(select to_timestamp(t / 1000.0) from unnest($5::bigint[]) with ordinality u(t, n)
                                   order by n),
        current_hash = $6, next_hash = $7
    where family = $1";

/// Stores a new login.
pub async fn insert(
    pool: &PgPool,
    family: Uuid,
    new: &NewSession,
    chain: &Chain,
    now: Timestamp,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    let query = sqlx::query(INSERT)
        .bind(family)
        .bind(new.user.0)
        .bind(new.device.0)
        .bind(&new.client_id);
    let query = query.bind(&new.stamp).bind(&new.scopes).bind(now.0).bind(expires_at.0);
    query
        .bind(&chain.current[..])
        .bind(&chain.next[..])
        .execute(pool)
        .await?;
    Ok(())
}

/// Reads a login and holds its row until the transaction ends.
pub async fn lock(tx: &mut PgConnection, family: Uuid) -> sqlx::Result<Option<Family>> {
    sqlx::query(LOCK)
        .bind(family)
        .fetch_optional(tx)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Writes back what presenting a token changed.
pub async fn touch(
    tx: &mut PgConnection,
    family: Uuid,
    chain: &Chain,
    now: Timestamp,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    let hashes: Vec<&[u8]> = chain.retired.iter().map(|old| &old.hash[..]).collect();
    let good_until: Vec<i64> = chain.retired.iter().map(|old| old.good_until.0).collect();
    let query = sqlx::query(TOUCH)
        .bind(family)
        .bind(now.0)
        .bind(expires_at.0)
        .bind(hashes)
        .bind(good_until);
    query.bind(&chain.current[..]).bind(&chain.next[..]).execute(tx).await?;
    Ok(())
}

/// Ends a login.
pub async fn end(tx: &mut PgConnection, family: Uuid, now: Timestamp) -> sqlx::Result<()> {
    let sql = "update ops.refresh_family set ended = to_timestamp($2 / 1000.0) where family = $1 and ended is null";
    sqlx::query(sql).bind(family).bind(now.0).execute(tx).await?;
    Ok(())
}

fn read(row: &PgRow) -> sqlx::Result<Family> {
    let hashes: Vec<Vec<u8>> = row.try_get("retired_hash")?;
    let good_until: Vec<i64> = row.try_get("retired_good_until")?;
    let retired = hashes.iter().zip(good_until).map(|(bytes, until)| {
        Ok(Retired {
            hash: hash(bytes, "retired_hash")?,
            good_until: Timestamp(until),
        })
    });
    Ok(Family {
        session: Session {
            granted: NewSession {
                user: UserId(row.try_get("user_id")?),
                device: DeviceId(row.try_get("device_id")?),
                client_id: row.try_get("client_id")?,
                stamp: row.try_get("stamp")?,
                scopes: row.try_get("scopes")?,
            },
            created: Timestamp(row.try_get("created")?),
            expires_at: Timestamp(row.try_get("expires_at")?),
        },
        chain: Chain {
            retired: retired.collect::<sqlx::Result<_>>()?,
            current: hash(row.try_get("current_hash")?, "current_hash")?,
            next: hash(row.try_get("next_hash")?, "next_hash")?,
        },
        ended: row.try_get("ended")?,
    })
}

fn hash(bytes: &[u8], column: &str) -> sqlx::Result<TokenHash> {
    bytes.try_into().map_err(|e| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(e),
    })
}
