//! Snapshots that are gone with the process.

use async_trait::async_trait;
use commands::ports::{SNAPSHOT_EVERY, Snapshot, SnapshotError, Snapshots};
use domain::event::StreamName;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// [`Snapshots`] for tests.
#[derive(Default)]
pub struct MemorySnapshots(Mutex<HashMap<StreamName, Snapshot>>);

impl MemorySnapshots {
    fn kept(&self) -> MutexGuard<'_, HashMap<StreamName, Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Snapshots for MemorySnapshots {
    fn likely(&self, stream: &StreamName) -> bool {
        self.kept().contains_key(stream)
    }

    async fn load(&self, streams: &[StreamName]) -> Result<Vec<Snapshot>, SnapshotError> {
        let kept = self.kept();
        Ok(streams.iter().filter_map(|stream| kept.get(stream).cloned()).collect())
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let mut kept = self.kept();
        let stays = kept.get(&snapshot.stream).is_some_and(|there| {
            there.fold == snapshot.fold && there.revision.0 + SNAPSHOT_EVERY > snapshot.revision.0
        });
        if !stays {
            kept.insert(snapshot.stream.clone(), snapshot);
        }
        Ok(())
    }

    async fn delete(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let mut kept = self.kept();
        if kept
            .get(&snapshot.stream)
            .is_some_and(|there| (there.event, &there.fold) == (snapshot.event, &snapshot.fold))
        {
            kept.remove(&snapshot.stream);
        }
        Ok(())
    }
}
