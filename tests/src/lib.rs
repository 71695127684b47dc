//! What tests share: a private PostgreSQL, the contract of event stores, and stores that misbehave.

#![allow(clippy::unwrap_used)] // it is all test code: what should not fail and does, fails the test

pub mod bad_line;
pub mod cluster;
pub mod contract;
pub mod faulty_store;
pub mod sample;
