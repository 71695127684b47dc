//! Decisions: commands, what they need from outside (ports), and how they are carried out.
//!
//! What is *not* here: SQL, HTTP, read models. A decision cannot query a table.

pub mod account;
pub mod context;
pub mod execute;
pub mod history;
pub mod organization;
pub mod ports;
#[cfg(test)]
mod testing;
pub mod vault;
