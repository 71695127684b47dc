//! What decisions need from outside, as traits; adapters live in `infra`.

pub mod access;
pub mod address_index;
pub mod directory;
pub mod event_store;
pub mod password_hasher;
pub mod proofs;
pub mod refresh_tokens;
pub mod seal;
pub mod shared_state;
pub mod signed_logs;
pub mod snapshots;
pub mod txt_records;

pub use access::{About, Access};
pub use address_index::AddressIndex;
pub use directory::{Directory, DirectoryError};
pub use event_store::{
    AppendError, Appended, Caps, EventStore, Expected, LeafPage, Page, READ_PAGE, ReadError, StoredLeaf, StreamAppend,
};
pub use password_hasher::{HashError, PasswordHasher};
pub use proofs::{CodePurpose, Proofs, TokenPurpose};
pub use seal::{Seal, SealError};
pub use signed_logs::{SignedLog, SignedLogs};
pub use snapshots::{SNAPSHOT_EVERY, Snapshot, SnapshotError, Snapshots};
pub use txt_records::{TxtError, TxtRecords};

use domain::time::Timestamp;
use uuid::Uuid;

/// Server time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// New identifiers.
pub trait Ids: Send + Sync {
    /// A random one (version 4), as clients expect.
    fn new_id(&self) -> Uuid;
}
