//! All projectors there are.

use crate::{audit::AuditProjector, live::Live, projector::Projector, sync::SyncProjector};
use std::sync::Arc;

/// The projectors, the sync-critical one first. `live` is told what the first one changes.
pub fn projectors(live: Option<Arc<Live>>) -> Vec<Arc<dyn Projector>> {
    let sync = live.map_or_else(SyncProjector::default, SyncProjector::new);
    vec![Arc::new(sync), Arc::new(AuditProjector)]
}
