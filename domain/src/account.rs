//! Accounts and the addresses they hold.

pub mod address;
pub mod fence;
pub mod signing;
pub mod user;
