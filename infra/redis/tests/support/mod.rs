//! What the tests of both adapters share.
#![allow(dead_code, unused_imports)] // each test binary uses its share of this

mod server;

pub use server::*;

/// The contract.
pub mod suite;

/// Three nodes.
pub mod cluster;
/// Master, replica, sentinels.
pub mod sentinels;
