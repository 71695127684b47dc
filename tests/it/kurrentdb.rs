//! Tests of the event store on KurrentDB, in a process of their own: see `Cargo.toml`.

#![allow(clippy::unwrap_used)] // what should not fail and does, fails the test

#[path = "eventstore/cut_line.rs"]
mod cut_line;
#[path = "eventstore/fenced.rs"]
mod fenced;
#[path = "eventstore/kurrentdb.rs"]
mod kurrentdb;
#[path = "eventstore/staged.rs"]
mod staged;
#[path = "eventstore/staged_changes.rs"]
mod staged_changes;
