use crate::{
    account::{AccountError, address, keys::AccountKeys, then},
    execute::{ExecuteError, Transaction, Unit},
};
use domain::{
    account::{
        address::{EmailAddress, EmailAddressEvent},
        user::{Credentials, Profile, User, UserEvent},
    },
    crypto::Kdf,
    id::{EmailAddressId, UserId},
    personal::Personal,
    time::Timestamp,
};
use uuid::Uuid;

/// Makes an account and holds its address, in one append.
#[derive(Debug, Clone)]
pub struct Register {
    /// A new id.
    pub user: UserId,
    /// The address as something to hold.
    pub address: EmailAddressId,
    /// The address and the name.
    pub profile: Profile,
    /// Whether the address was proved to be theirs.
    pub email_verified: bool,
    /// How the client makes the master key.
    pub kdf: Kdf,
    /// What they sign in with.
    pub credentials: Credentials,
    /// The keys; older clients make them at the first login only.
    pub keys: Option<AccountKeys>,
    /// The id of the user key, if the client named it.
    pub key_id: Option<String>,
    /// The first security stamp.
    pub stamp: Uuid,
}

impl Register {
    fn events(&self, now: Timestamp) -> Vec<UserEvent> {
        let mut events = vec![UserEvent::Registered {
            profile: Personal::of(self.user, self.profile.clone()),
            address: self.address,
            email_verified: self.email_verified,
            kdf: self.kdf,
            credentials: Personal::of(self.user, self.credentials.clone()),
            stamp: self.stamp,
            at: now,
        }];
        if let Some(keys) = &self.keys {
            events = keys.set(self.user, events, now);
        }
        if let Some(key_id) = &self.key_id {
            events = then(events, now, |at| UserEvent::UserKeyIdSet {
                key_id: key_id.clone(),
                at,
            });
        }
        events
    }
}

impl Transaction for Register {
    type Output = User;
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<User, ExecuteError<AccountError>> {
        let address = unit.load::<EmailAddress>(self.address).await?;
        if address::is_taken(unit, &address).await? {
            return Err(ExecuteError::Refused(AccountError::AddressTaken(
                self.profile.email.clone(),
            )));
        }
        let held = EmailAddressEvent::Held {
            by: self.user,
            at: unit.now_for(&address),
        };
        // the address first: a store that stops between the two leaves an address nobody has, never two accounts with one
        unit.append(address, vec![held]);
        let user = unit.fresh::<User>(self.user);
        let events = self.events(unit.now_for(&user));
        Ok(unit.append(user, events))
    }
}
