//! Schema `ops`: what is not history. It is migrated and backed up, never rebuilt: subject keys, refresh tokens, mail
//! attempts, leases, the trees that show whether history was changed; and snapshots, which alone may be lost.
//!
//! What is *not* here: events (schema `es`) and read models (schema `read`), and what opens the subject keys
//! (`infra/sealing`).

pub mod log_tree;
mod migrate;
mod refresh_tokens;
mod snapshots;

pub use migrate::{MigrateError, migrate};
pub use refresh_tokens::PostgresRefreshTokens;
pub use snapshots::{MemorySnapshots, PostgresSnapshots};
