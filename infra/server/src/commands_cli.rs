//! Commands for operators that work on the database: one module each.

pub mod audit;
pub mod mail;
pub mod migrate;
mod open;
pub mod projections;
