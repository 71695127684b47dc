//! Decisions: commands, what they need from outside (ports), and how they are carried out.
//!
//! What is *not* here: SQL, HTTP, read models. A decision cannot query a table.

pub mod ports;
