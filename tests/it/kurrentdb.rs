//! Tests of the event store on KurrentDB, in a process of their own: see `Cargo.toml`.

#[path = "eventstore/kurrentdb.rs"]
mod kurrentdb;
#[path = "eventstore/staged.rs"]
mod staged;
