//! The event store on KurrentDB, by the client crate `eventstore` 4.0.0, of which only `append_to_stream`, `read_stream`
//! and `read_all` are used (why: ENGINE section 14).
//!
//! What is *not* here: subscriptions (the tail is polled), batch append, deletion.

mod link;
mod nodelay;
mod reader;
mod staged;
mod store;
mod tail;
mod wire;

pub use link::ConnectError;
pub use staged::{PART_BYTES, Resumed, StagedStore, is_bookkeeping};
pub use store::{KurrentSettings, KurrentStore};
