use super::{AccountError, live, secret::Proven};
use crate::execute::{Command, ExecuteError, LoadError, Loaded, Transaction, Unit};
use domain::{
    account::{
        address::{EmailAddress, EmailAddressEvent},
        user::{User, UserEvent},
    },
    device::{Device, DeviceEvent},
    id::{DeviceId, UserId},
    personal::Personal,
    time::Timestamp,
};

/// Asks for a link that deletes the account of somebody who cannot sign in; it goes to the address of the account.
#[derive(Debug, Clone)]
pub struct RequestDeletion {
    /// Whose.
    pub user: UserId,
}

impl Command for RequestDeletion {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        live(user)?;
        Ok(vec![UserEvent::DeletionRequested { at: now }])
    }
}

/// Deletes an account: its address is free, its devices are gone, and so is all that is in it.
#[derive(Debug, Clone)]
pub struct DeleteAccount {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to delete.
    pub proven: Proven,
    /// Its devices.
    pub devices: Vec<DeviceId>,
}

impl Transaction for DeleteAccount {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.user).await?;
        let now = unit.now_for(&loaded);
        let user = live(&loaded.state).map_err(ExecuteError::Refused)?;
        self.proven.spend(user, now).map_err(ExecuteError::Refused)?;
        end_account(unit, loaded, &self.devices, true).await?;
        Ok(())
    }
}

/// Ends an account that is there: as what decides, or behind what it follows from.
pub(crate) async fn end_account(
    unit: &mut Unit<'_>,
    loaded: Loaded<User>,
    devices: &[DeviceId],
    decides: bool,
) -> Result<(), LoadError> {
    let Some(user) = loaded.state.live().cloned() else {
        return Ok(());
    };
    let (id, at) = (loaded.id, unit.now_for(&loaded));
    let address = unit.load::<EmailAddress>(user.address).await?;
    let email = Personal::of(id, user.email);
    // the account first: an address given back before could be somebody else's while this one still signs in
    let deleted = vec![UserEvent::Deleted { email, at }];
    if decides {
        unit.append(loaded, deleted);
    } else {
        unit.follow(loaded, deleted);
    }
    if address.state.holder() == Some(id) {
        let at = unit.now_for(&address);
        unit.follow(address, vec![EmailAddressEvent::Released { at }]);
    }
    for device in unit.load_many::<Device>(devices).await? {
        if device.state.user == Some(id) {
            let at = unit.now_for(&device);
            unit.follow(device, vec![DeviceEvent::Removed { at }]);
        }
    }
    Ok(())
}
