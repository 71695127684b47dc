//! Accounts: registration, logins, sessions, what an owner can change.

mod device;
mod hidden;
mod login;
mod owner;
mod registration;
pub mod rotation;
pub mod session;
mod signups;
