//! Schema `ops`: what is not history. It is migrated and backed up, never rebuilt: subject keys, refresh tokens, mail
//! attempts, leases.
//!
//! What is *not* here: events (schema `es`) and read models (schema `read`), and what opens the subject keys
//! (`infra/sealing`).

mod migrate;
mod refresh_tokens;

pub use migrate::{MigrateError, migrate};
pub use refresh_tokens::PostgresRefreshTokens;
