//! Commands that lead to a new account.

mod register;
mod request;

pub use register::Register;
pub use request::RequestRegistration;
