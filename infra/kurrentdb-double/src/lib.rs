//! A stand-in for KurrentDB in tests: the same gRPC services, the same answers, kept in memory.
//!
//! What is *not* here: subscriptions, persistent subscriptions, batch append, access rights, TLS, disks. It serves the
//! calls that the adapter makes and deletion, and follows the server's rule for repeated appends to the letter.

#![allow(clippy::result_large_err)] // tonic::Status is how gRPC methods refuse

mod cluster;
mod faults;
mod log;
mod streams;
mod wire;

pub use cluster::{Double, MAX_APPEND_BYTES};
pub use faults::Faults;

/// What `proto/` was turned into.
#[allow(clippy::all, rust_2018_idioms, missing_docs)]
mod proto {
    tonic::include_proto!("event_store.client");
    pub(crate) mod streams {
        tonic::include_proto!("event_store.client.streams");
    }
    pub(crate) mod server_features {
        tonic::include_proto!("event_store.client.server_features");
    }
    pub(crate) mod gossip {
        tonic::include_proto!("event_store.client.gossip");
    }
}
