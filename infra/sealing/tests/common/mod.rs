//! Keyrings and events for tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part, and fails by panicking"
)]

use bytes::Bytes;
use commands::ports::{Seal, SealError};
use domain::event::{NewEvent, Position, Revision, StoredEvent, StreamName};
use domain::id::SubjectId;
use sealing::table::{KeyTable, MemoryKeyTable};
use sealing::{CACHED_SUBJECTS, Keks, KeyFolder, Keyring};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

pub fn subject(n: u128) -> SubjectId {
    SubjectId(Uuid::from_u128(n))
}

/// A keyring over `table` with the key-encryption keys of `folder`.
pub fn keyring(table: Arc<dyn KeyTable>, folder: &Path) -> Keyring {
    let keks = Keks::open(KeyFolder::open(folder).unwrap()).unwrap();
    Keyring::new(table, keks, CACHED_SUBJECTS)
}

/// A keyring that leaves nothing behind.
pub fn fleeting() -> Keyring {
    let temp = tempfile::tempdir().unwrap();
    keyring(Arc::new(MemoryKeyTable::default()), temp.path())
}

pub fn stream() -> StreamName {
    StreamName::new("user", Uuid::from_u128(0x5))
}

pub fn event(data: impl Into<Vec<u8>>, meta: impl Into<Vec<u8>>) -> NewEvent {
    let (data, meta) = (Bytes::from(data.into()), Bytes::from(meta.into()));
    NewEvent {
        id: Uuid::from_u128(0xe),
        type_name: "UserRegistered".into(),
        schema: 1,
        data,
        meta,
    }
}

/// The event as a store would give it back.
pub fn stored(stream: &StreamName, event: NewEvent) -> StoredEvent {
    StoredEvent {
        position: Position(1),
        stream: stream.clone(),
        revision: Revision(0),
        id: event.id,
        type_name: event.type_name,
        schema: event.schema,
        recorded_at_micros: 0,
        data: event.data,
        meta: event.meta,
    }
}

pub async fn seal(keyring: &Keyring, data: &str) -> Result<String, SealError> {
    let sealed = keyring.seal(&stream(), vec![event(data, "{}")]).await?;
    Ok(text(&sealed[0].data))
}

pub async fn open(keyring: &Keyring, data: &str) -> Result<String, SealError> {
    let opened = keyring.open(vec![stored(&stream(), event(data, "{}"))]).await?;
    Ok(text(&opened[0].data))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
