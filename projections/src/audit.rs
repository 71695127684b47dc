//! The audit log: the same events, read another way.

pub mod read;
pub mod record;

use crate::projector::{Changes, Projector, ProjectorError};
use async_trait::async_trait;
use domain::event::StoredEvent;
use record::AuditRecord;
use sqlx::PgConnection;

/// The projector of the audit log.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditProjector;

#[async_trait]
impl Projector for AuditProjector {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[("audit_record", "position, ordinal")]
    }

    fn schema(&self) -> &'static str {
        include_str!("../schema/audit.sql")
    }

    fn indexes(&self) -> &'static str {
        include_str!("../schema/audit_indexes.sql")
    }

    fn wants(&self, category: &str) -> bool {
        domain::registry::CATEGORIES.iter().any(|known| known.name == category)
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError> {
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            // the ordinal counts the records of one event
            records.extend(record::records(event)?.into_iter().enumerate());
        }
        if !records.is_empty() {
            insert(connection, &records).await?;
        }
        Ok(Changes::default())
    }
}

async fn insert(connection: &mut PgConnection, records: &[(usize, AuditRecord)]) -> Result<(), sqlx::Error> {
    fn column<T>(records: &[(usize, AuditRecord)], of: impl Fn(&AuditRecord) -> T) -> Vec<T> {
        records.iter().map(|(_, record)| of(record)).collect()
    }
    sqlx::query(include_str!("../queries/audit/insert.sql"))
        .bind(column(records, |r| r.position.0 as i64))
        .bind(records.iter().map(|(ordinal, _)| *ordinal as i16).collect::<Vec<_>>())
        .bind(column(records, |r| r.kind))
        .bind(column(records, |r| r.name.clone().into_owned()))
        .bind(column(records, |r| r.at.0))
        .bind(column(records, |r| r.recorded_at_micros))
        .bind(column(records, |r| r.actor.clone()))
        .bind(column(records, |r| r.acting_user.map(|id| id.0)))
        .bind(column(records, |r| r.user.map(|id| id.0)))
        .bind(column(records, |r| r.cipher.map(|id| id.0)))
        .bind(column(records, |r| r.folder.map(|id| id.0)))
        .bind(column(records, |r| r.device.map(|id| id.0)))
        .bind(column(records, |r| r.device_type.map(i16::from)))
        .bind(column(records, |r| r.client.clone()))
        .bind(column(records, |r| r.client_version.clone()))
        .bind(column(records, |r| r.ip.clone()))
        .bind(column(records, |r| r.origin.clone().into_owned()))
        .bind(column(records, |r| r.event))
        .bind(column(records, |r| r.correlation))
        .bind(column(records, |r| r.detail.to_string()))
        .execute(connection)
        .await?;
    Ok(())
}
