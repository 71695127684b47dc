//! The sync projector in another coat.

use async_trait::async_trait;
use domain::event::{Position, StoredEvent};
use projections::ahead::Ahead;
use projections::feed::Subscription;
use projections::projector::{Changes, Projector, ProjectorError};
use projections::sync::SyncProjector;
use sqlx::PgConnection;
use std::sync::Arc;

/// The sync projector under another name or version, or with somebody who looks on.
pub struct Wrapped {
    name: &'static str,
    version: i32,
    inner: SyncProjector,
    committed: Box<dyn Fn() + Send + Sync>,
}

impl Wrapped {
    /// Under another name or version.
    pub fn named(name: &'static str, version: i32) -> Self {
        Self {
            name,
            version,
            inner: SyncProjector::default(),
            committed: Box::new(|| ()),
        }
    }

    /// Calls `committed` when a batch is committed and `inner` was not told.
    pub fn watched(inner: SyncProjector, committed: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            name: inner.name(),
            version: inner.version(),
            inner,
            committed: Box::new(committed),
        }
    }
}

#[async_trait]
impl Projector for Wrapped {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        self.inner.tables()
    }

    fn schema(&self) -> &'static str {
        self.inner.schema()
    }

    fn indexes(&self) -> &'static str {
        self.inner.indexes()
    }

    fn wants(&self, category: &str) -> bool {
        self.inner.wants(category)
    }

    fn wants_metadata(&self) -> bool {
        self.inner.wants_metadata()
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError> {
        self.inner.apply(connection, events).await
    }

    fn read_ahead(&self, feed: Arc<dyn Subscription>, after: Position, limit: Option<Position>) -> Box<dyn Ahead> {
        self.inner.read_ahead(feed, after, limit)
    }

    fn is_about_rights(&self, category: &str) -> bool {
        self.inner.is_about_rights(category)
    }

    fn changing(&self, changes: &Changes) {
        self.inner.changing(changes);
    }

    fn published(&self, changes: Changes, position: Position) {
        (self.committed)();
        self.inner.published(changes, position);
    }
}
