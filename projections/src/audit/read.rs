//! Questions to the audit log.

use super::record::AuditRecord;
use domain::{
    event::Position,
    id::{CipherId, DeviceId, FolderId, UserId},
    time::Timestamp,
};
use sqlx::{PgPool, Row, postgres::PgRow};

/// Records about one person's account and vault, oldest first: at most `max` after `after` that happened in `from..to`.
///
/// # Errors
/// Whatever the database says.
pub async fn of_user(
    pool: &PgPool,
    user: UserId,
    (from, to): (Timestamp, Timestamp),
    after: Position,
    max: i64,
) -> Result<Vec<AuditRecord>, sqlx::Error> {
    sqlx::query(
        "select position, type, name, at, recorded_at, actor, acting_user_id, user_id, cipher_id, folder_id, device_id,
                device_type, client, client_version, ip, origin, event_id, correlation, detail
         from read.audit_record where user_id = $1 and at >= $2 and at < $3 and position > $4
         order by position, ordinal limit $5",
    )
    .bind(user.0)
    .bind(from.0)
    .bind(to.0)
    .bind(after.0 as i64)
    .bind(max)
    .fetch_all(pool)
    .await?
    .iter()
    .map(read)
    .collect()
}

fn read(row: &PgRow) -> Result<AuditRecord, sqlx::Error> {
    Ok(AuditRecord {
        position: Position(row.try_get::<i64, _>(0)? as u64),
        kind: row.try_get(1)?,
        name: row.try_get::<String, _>(2)?.into(),
        at: Timestamp(row.try_get(3)?),
        recorded_at_micros: row.try_get(4)?,
        actor: row.try_get(5)?,
        acting_user: row.try_get::<Option<_>, _>(6)?.map(UserId),
        user: row.try_get::<Option<_>, _>(7)?.map(UserId),
        cipher: row.try_get::<Option<_>, _>(8)?.map(CipherId),
        folder: row.try_get::<Option<_>, _>(9)?.map(FolderId),
        device: row.try_get::<Option<_>, _>(10)?.map(DeviceId),
        device_type: row.try_get::<Option<i16>, _>(11)?.and_then(|n| u8::try_from(n).ok()),
        client: row.try_get(12)?,
        client_version: row.try_get(13)?,
        ip: row.try_get(14)?,
        origin: row.try_get::<String, _>(15)?.into(),
        event: row.try_get(16)?,
        correlation: row.try_get(17)?,
        detail: serde_json::from_str(row.try_get(18)?).map_err(|e| sqlx::Error::Decode(e.into()))?,
    })
}
