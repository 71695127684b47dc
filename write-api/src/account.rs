//! Accounts: what their owners change about them.

pub mod account_keys;
pub mod check;
pub mod code;
pub mod delete;
pub mod device;
pub mod domains;
pub mod email;
pub mod keys;
pub mod limit;
pub mod password;
pub mod ports;
pub mod profile;
pub mod rotation;
pub mod secret;
pub mod unlock;

pub use ports::{AccountPorts, Founders, Signups};

use crate::WriteApi;
use commands::{
    account::AccountError,
    execute::{Command, Done},
};
use domain::{
    account::user::{LiveUser, User},
    id::UserId,
};
use web::{Answer, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    profile::routes()
        .merge(domains::routes())
        .merge(password::routes())
        .merge(email::routes())
        .merge(keys::routes())
        .merge(rotation::routes())
        .merge(code::routes())
        .merge(delete::routes())
        .merge(device::routes())
}

impl WriteApi {
    /// The account of the caller, as new as the last acknowledged change.
    ///
    /// # Errors
    /// 401 if it is gone.
    pub(crate) async fn owner(&self, caller: &Caller) -> Answer<LiveUser> {
        match self.executor.state::<User>(caller.id).await? {
            User::Live(user) => Ok(*user),
            User::Absent | User::Deleted => Err(Problem::unauthorized()),
        }
    }

    /// Carries out a command on the caller's account and waits until it can be read.
    pub(crate) async fn change<C>(&self, caller: &Caller, command: &C) -> Answer<Done<User>>
    where
        C: Command<Aggregate = User, Error = AccountError>,
    {
        let context = self.everywhere(self.context(caller), caller.id).await?;
        let done = self.executor.execute(&context, command).await?;
        self.settle(done.position).await?;
        Ok(done)
    }

    /// Ends the logins of an account whose security stamp changed. They are dead by the stamp already: this only spares
    /// looking at it.
    pub(crate) async fn end_sessions(&self, user: UserId) {
        let ended = self.account.sessions.end_user(user, self.executor.now()).await;
        if let Err(error) = ended {
            tracing::warn!(user.id = %user, %error, "logins of an older security stamp are still listed");
        }
    }
}
