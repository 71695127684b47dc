//! What the tests of the whole system stand on: the cryptography of a client, an HTTP client that behaves like an official
//! one, a private server, the official command line client and `rbw`, the shapes of the API catalogue, private PostgreSQL
//! clusters, the contract of event stores, and stores that misbehave.
//!
//! What is *not* here: tests (`it/`), and anything the product needs. Helpers panic with a message that says what differed;
//! they are called from tests only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

pub mod bad_line;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod contract;
pub mod crypto;
pub mod dns;
pub mod faulty_store;
pub mod place;
pub mod rbw;
pub mod rotation;
pub mod sample;
pub mod server;
pub mod shape;
