use crate::{
    account::{AccountError, address, keys::NewSecret, live, secret::Proven, then},
    execute::{ExecuteError, Transaction, Unit},
};
use domain::{
    account::{
        address::{EmailAddress, EmailAddressEvent},
        user::{Credentials, User, UserEvent},
    },
    crypto::fingerprint,
    id::{EmailAddressId, UserId},
    personal::Personal,
};
use uuid::Uuid;

/// Moves an account to another address that was proved to be theirs, in one append: the new one is held, the account has
/// it, the old one is free. The master key is salted with the new address from then on. All sessions end.
#[derive(Debug, Clone)]
pub struct ChangeEmail {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to change.
    pub proven: Proven,
    /// The new address, normalised.
    pub email: String,
    /// It as something to hold.
    pub address: EmailAddressId,
    /// What they will sign in with; its salt is the new address.
    pub secret: NewSecret,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl Transaction for ChangeEmail {
    type Output = User;
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<User, ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.user).await?;
        let now = unit.now_for(&loaded);
        let user = live(&loaded.state).map_err(ExecuteError::Refused)?;
        let events = self.proven.spend(user, now).map_err(ExecuteError::Refused)?;
        let wished = unit.load::<EmailAddress>(self.address).await?;
        // held by themselves already, if a store that appends to one stream at a time stopped half way
        let held = wished.state.holder() == Some(self.user);
        if user.address == self.address || (!held && address::is_taken(unit, &wished).await?) {
            return Err(ExecuteError::Refused(AccountError::AddressTaken(self.email.clone())));
        }
        let before = unit.load::<EmailAddress>(user.address).await?;
        let credentials = Credentials {
            verifier: self.secret.verifier.clone(),
            user_key: self.secret.user_key.clone(),
            salt: self.email.clone(),
            hint: user.credentials.hint.clone(),
        };
        let events = then(events, now, |at| UserEvent::EmailChanged {
            email: Personal::of(self.user, self.email.clone()),
            before: Personal::of(self.user, user.email.clone()),
            address: self.address,
            fingerprint: fingerprint(credentials.user_key.as_str()),
            credentials: Personal::of(self.user, credentials),
            stamp: self.stamp,
            at,
        });
        let held = EmailAddressEvent::Held {
            by: self.user,
            at: unit.now_for(&wished),
        };
        // in this order: wherever a store stops, the account can be found by the address it has
        unit.append(wished, vec![held]);
        let after = unit.append(loaded, events);
        if before.state.holder() == Some(self.user) {
            let released = EmailAddressEvent::Released {
                at: unit.now_for(&before),
            };
            unit.append(before, vec![released]);
        }
        Ok(after)
    }
}
