use crate::{
    account::{AccountError, live},
    execute::Command,
};
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};

/// Asks for a link that goes to the address of the account and verifies it.
#[derive(Debug, Clone)]
pub struct RequestEmailVerification {
    /// Whose.
    pub user: UserId,
}

impl Command for RequestEmailVerification {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        if live(user)?.email_verified {
            return Err(AccountError::AlreadyVerified);
        }
        Ok(vec![UserEvent::EmailVerificationRequested { at: now }])
    }
}
