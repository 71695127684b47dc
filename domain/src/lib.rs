//! Facts: what can have happened, and what follows from it. Pure and synchronous: no clock, no randomness, no I/O.
//!
//! What is *not* here: decisions (`commands`), tables (`projections`), and anything that reaches outside.

pub mod account;
pub mod activity;
pub mod crypto;
pub mod device;
pub mod event;
pub mod fault;
#[cfg(test)]
mod fold;
pub mod id;
pub mod meta;
pub mod organization;
pub mod personal;
pub mod proof;
pub mod registry;
pub mod time;
pub mod upcast;
pub mod vault;
