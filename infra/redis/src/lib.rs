//! Shared state of several processes: an in-process stand-in, and Redis.
//!
//! Both implement the ports of `commands::ports::shared_state` and pass the suite in `tests/contract.rs`. Redis may be a
//! single server, a cluster or a group watched by sentinels; see [`RedisShared::new`] for the addresses.
//!
//! What is *not* here: anything that must not be lost. Redis may be emptied at any time.

mod gcra;
mod in_process;
mod redis_shared;

pub use in_process::{InProcess, Limits};
pub use redis_shared::{AddressError, RedisShared};
