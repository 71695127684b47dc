//! Every event store under one and the same contract, and under what can go wrong.

#![allow(clippy::unwrap_used)] // what should not fail and does, fails the test

mod faulty;
mod memory;
mod postgres;
