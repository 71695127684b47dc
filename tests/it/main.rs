//! The whole system from outside: the real program, asked by real clients over HTTP.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod account;
mod architecture;
mod audit_proof;
mod clients;
mod compare;
mod crash;
mod eventstore;
mod kurrent_vault;
mod letters;
mod limits;
mod log_tree;
mod malformed;
mod operations;
mod organization;
mod processes;
mod projections;
mod shape;
mod snapshots;
mod vault;
