//! The audit log: the same events, read another way.

pub mod compare;
mod member;
mod organization;
pub mod read;
pub mod record;

use crate::{
    ahead::{Ahead, Reading},
    feed::Subscription,
    projector::{Changes, Projector, ProjectorError},
    rows::Rows,
    table::{Kind, Line, Shape},
    work::{self, Touch, Work},
};
use async_trait::async_trait;
use domain::{
    event::{Aggregate, DecodeError, Position, Recorded, StoredEvent},
    organization::{group::GroupPlace, membership::Membership},
};
use member::Members;
use record::{AuditRecord, Told};
use sqlx::PgConnection;
use std::sync::Arc;

/// What the projector is called.
const NAME: &str = "audit";

/// The projector of the audit log.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditProjector;

#[async_trait]
impl Projector for AuditProjector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> i32 {
        5
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[("audit_record", "position, ordinal"), ("audit_member", "membership_id")]
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
struct Records {
    new: Vec<Fresh>,
    members: Rows<Members>,
}

struct Fresh {
    ordinal: i16,
    record: AuditRecord,
}

impl Work for Records {
    type Event = Told;

    fn new(empty: bool) -> Self {
        Self {
            new: Vec::new(),
            members: Rows::new(empty),
        }
    }

    fn decode(stored: &StoredEvent) -> Result<Option<Told>, DecodeError> {
        record::told(stored).map(Some)
    }

    async fn take(&mut self, connection: &mut PgConnection, events: Vec<Recorded<Told>>) -> Result<(), ProjectorError> {
        work::load(&mut self.members, connection, &events, |recorded| {
            let first = recorded.event.records.first()?;
            match &*first.category {
                Membership::CATEGORY => Some(Touch::Stream),
                GroupPlace::CATEGORY => first.membership.map(|id| Touch::Other(id.0)),
                _ => None,
            }
        })
        .await?;
        for Recorded { stream_id, event, .. } in events {
            let Some(first) = event.records.first() else { continue };
            if first.category == Membership::CATEGORY && event.member.is_some() {
                self.members.evolve(stream_id, |_| event.member);
            }
            let known = first.membership.and_then(|id| self.members.get(id.0).copied());
            let member = event.member.or(known);
            let numbered = (0..).zip(event.records);
            self.new.extend(numbered.map(|(ordinal, record)| Fresh {
                ordinal,
                record: AuditRecord { member, ..record },
            }));
        }
        Ok(())
    }

    async fn save(&mut self, connection: &mut PgConnection) -> Result<Changes, ProjectorError> {
        let new = std::mem::take(&mut self.new);
        if !new.is_empty() {
            SHAPE.insert(connection, &new, write).await?;
        }
        self.members.save(connection).await?;
        Ok(Changes::default())
    }

    fn loaded(&self) -> usize {
        self.members.loaded()
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
        ("member_user_id", Kind::Uuid),
    ],
};

fn write(fresh: &Fresh, line: &mut Line) {
    let record = &fresh.record;
    line.put(record.position.0 as i64).put(fresh.ordinal);
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
    line.put(&*record.detail.to_string()).put(record.member.map(|id| id.0));
}
