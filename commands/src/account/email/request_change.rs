use crate::{
    account::{AccountError, address, live, secret::Proven},
    execute::{ExecuteError, Transaction, Unit},
};
use domain::{
    account::{
        address::EmailAddress,
        user::{User, UserEvent},
    },
    id::{EmailAddressId, UserId},
    personal::Personal,
};

/// Asks for a code that goes to the wished address. Whether somebody holds it is told to the present address only.
#[derive(Debug, Clone)]
pub struct RequestEmailChange {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to change.
    pub proven: Proven,
    /// The wished address, normalised.
    pub email: String,
    /// It as something to hold.
    pub address: EmailAddressId,
}

impl Transaction for RequestEmailChange {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.user).await?;
        let wished = unit.load::<EmailAddress>(self.address).await?;
        let taken = address::is_taken(unit, &wished).await?;
        let now = unit.now_for(&loaded);
        // a code is not used up by this: it buys nothing yet
        live(&loaded.state)
            .and_then(|user| self.proven.spend(user, now))
            .map_err(ExecuteError::Refused)?;
        let requested = UserEvent::EmailChangeRequested {
            email: Personal::of(self.user, self.email.clone()),
            taken,
            at: now,
        };
        unit.append(loaded, vec![requested]);
        Ok(())
    }
}
