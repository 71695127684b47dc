//! The whole system from outside: the real program, asked by real clients over HTTP.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod account;
mod clients;
mod crash;
mod eventstore;
mod malformed;
mod redact;
mod shape;
mod vault;
