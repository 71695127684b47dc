//! The audit log: what clients report, and who looks at it.

pub mod collect;
pub mod history;
pub mod log;
pub mod noted;
pub mod refused;
