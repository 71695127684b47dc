//! Recording of logins, those that were refused too.

use super::{AccountError, device::DeviceInfo};
use crate::execute::{ExecuteError, Transaction, Unit};
use domain::{
    activity::{Activity, ActivityEvent, Grant, Refusal},
    device::Device,
    id::{DeviceId, UserId},
    time::Timestamp,
};

/// Notes a login, and the device it was made with, in one append.
#[derive(Debug, Clone)]
pub struct RecordLogin {
    /// Who signed in.
    pub user: UserId,
    /// With what.
    pub device: DeviceInfo,
    /// By what.
    pub grant: Grant,
}

impl Transaction for RecordLogin {
    /// The device record.
    type Output = DeviceId;
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<DeviceId, ExecuteError<AccountError>> {
        let id = DeviceId::of(self.user, &self.device.identifier);
        let device = unit.load::<Device>(id).await?;
        let events = self.device.news(self.user, &device.state, false, unit.now_for(&device));
        unit.append(device, events);
        let logged_in = ActivityEvent::LoggedIn {
            device: id,
            grant: self.grant,
            at: unit.now(),
        };
        unit.record::<Activity>(self.user, &logged_in);
        Ok(id)
    }
}

/// Notes that logins were refused. [`super::LoginRefusals`] says when and how many.
#[derive(Debug, Clone)]
pub struct RecordRefusedLogin {
    /// Whose account it was tried on.
    pub user: UserId,
    /// Why it was refused; `None`: no login was, but a secret of who was signed in.
    pub reason: Option<Refusal>,
    /// How many times since the last note of it.
    pub count: u32,
    /// When it was first.
    pub at: Timestamp,
}

impl Transaction for RecordRefusedLogin {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let (count, at) = (self.count, self.at);
        let refused = match self.reason {
            Some(reason) => ActivityEvent::LoginRefused { reason, count, at },
            None => ActivityEvent::SecretRefused { count, at },
        };
        unit.record::<Activity>(self.user, &refused);
        Ok(())
    }
}
