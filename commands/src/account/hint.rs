use super::{AccountError, live};
use crate::execute::Command;
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    time::Timestamp,
};

/// Asks for the password hint, which goes to the address of the account.
#[derive(Debug, Clone)]
pub struct RequestPasswordHint {
    /// Whose.
    pub user: UserId,
}

impl Command for RequestPasswordHint {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        live(user)?;
        Ok(vec![UserEvent::PasswordHintRequested { at: now }])
    }
}
