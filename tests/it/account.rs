//! Accounts: registration, logins, sessions, what an owner can change.

mod device;
mod login;
mod owner;
mod registration;
pub mod rotation;
mod session;
