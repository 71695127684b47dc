//! The audit log: the same events, read another way.

mod organization;
pub mod read;
pub mod record;

use crate::{
    ahead::{Ahead, Reading},
    feed::Subscription,
    projector::{Changes, Projector, ProjectorError},
    table::{Kind, Line, Shape},
    work::{self, Work},
};
use async_trait::async_trait;
use domain::event::{DecodeError, Position, Recorded, StoredEvent};
use record::AuditRecord;
use sqlx::PgConnection;
use std::sync::Arc;

/// The projector of the audit log.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditProjector;

#[async_trait]
impl Projector for AuditProjector {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn version(&self) -> i32 {
        4
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

    fn wants_metadata(&self) -> bool {
        true
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError> {
        work::apply::<Records>(connection, events).await
    }

    fn read_ahead(&self, feed: Arc<dyn Subscription>, after: Position, limit: Option<Position>) -> Box<dyn Ahead> {
        Box::new(Reading::<Records>::start(feed, after, limit))
    }
}

/// Records that are not written yet; a record is never changed. The ordinal counts those of one event: the first is that of the
/// person, if it stands in their log.
struct Records(Vec<(i16, AuditRecord)>);

impl Work for Records {
    type Event = Vec<AuditRecord>;

    fn new(_empty: bool) -> Self {
        Self(Vec::new())
    }

    fn decode(stored: &StoredEvent) -> Result<Option<Vec<AuditRecord>>, DecodeError> {
        record::records(stored).map(Some)
    }

    async fn take(
        &mut self,
        _connection: &mut PgConnection,
        events: Vec<Recorded<Vec<AuditRecord>>>,
    ) -> Result<(), ProjectorError> {
        for recorded in events {
            self.0.extend((0..).zip(recorded.event));
        }
        Ok(())
    }

    async fn save(&mut self, connection: &mut PgConnection) -> Result<Changes, ProjectorError> {
        let records = std::mem::take(&mut self.0);
        if !records.is_empty() {
            SHAPE.insert(connection, &records, write).await?;
        }
        Ok(Changes::default())
    }

    fn loaded(&self) -> usize {
        0
    }
}

const SHAPE: Shape = Shape {
    name: "audit_record",
    columns: &[
        ("position", Kind::BigInt),
        ("ordinal", Kind::SmallInt),
        ("type", Kind::Int),
        ("name", Kind::Text),
        ("at", Kind::BigInt),
        ("recorded_at", Kind::BigInt),
        ("actor", Kind::Text),
        ("acting_user_id", Kind::Uuid),
        ("organization_id", Kind::Uuid),
        ("user_id", Kind::Uuid),
        ("cipher_id", Kind::Uuid),
        ("folder_id", Kind::Uuid),
        ("collection_id", Kind::Uuid),
        ("group_id", Kind::Uuid),
        ("policy_id", Kind::Uuid),
        ("membership_id", Kind::Uuid),
        ("system_user", Kind::SmallInt),
        ("device_id", Kind::Uuid),
        ("device_type", Kind::SmallInt),
        ("client", Kind::Text),
        ("client_version", Kind::Text),
        ("ip", Kind::Text),
        ("origin", Kind::Text),
        ("category", Kind::Text),
        ("stream_id", Kind::Uuid),
        ("event_id", Kind::Uuid),
        ("correlation", Kind::Uuid),
        ("detail", Kind::Text),
    ],
};

fn write((ordinal, record): &(i16, AuditRecord), line: &mut Line) {
    line.put(record.position.0 as i64).put(*ordinal);
    line.put(record.kind).put(&*record.name).put(record.at.0);
    line.put(record.recorded_at_micros).put(&*record.actor);
    line.put(record.acting_user.map(|id| id.0))
        .put(record.organization.map(|id| id.0))
        .put(record.user.map(|id| id.0));
    line.put(record.cipher.map(|id| id.0)).put(record.folder.map(|id| id.0));
    line.put(record.collection.map(|id| id.0))
        .put(record.group.map(|id| id.0));
    line.put(record.policy.map(|id| id.0))
        .put(record.membership.map(|id| id.0));
    line.put(record.system_user);
    line.put(record.device.map(|id| id.0))
        .put(record.device_type.map(i16::from));
    line.put(record.client.as_deref()).put(record.client_version.as_deref());
    line.put(record.ip.as_deref()).put(&*record.origin);
    line.put(&*record.category).put(record.stream);
    line.put(record.event).put(record.correlation);
    line.put(&*record.detail.to_string());
}
