//! Commands about the address of an account.

mod change;
mod request_change;
mod request_verification;
mod verify;

pub use change::ChangeEmail;
pub use request_change::RequestEmailChange;
pub use request_verification::RequestEmailVerification;
pub use verify::VerifyEmail;
