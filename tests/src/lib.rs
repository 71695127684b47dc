//! What tests share: a private PostgreSQL, the contract of event stores, and stores that misbehave.

#![allow(clippy::unwrap_used)] // it is all test code: what should not fail and does, fails the test

pub mod cluster;
pub mod contract;
pub mod faulty_store;
pub mod sample;
//! What the tests of the whole system stand on: the cryptography of a client, an HTTP client that behaves like an official
//! one, a private server, the official command line client and `rbw`, and the shapes of the API catalogue.
//!
//! What is *not* here: tests (`it/`), and anything the product needs. Helpers panic with a message that says what differed;
//! they are called from tests only.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
pub mod cli;
pub mod client;
pub mod crypto;
pub mod place;
pub mod rbw;
pub mod server;
pub mod shape;
