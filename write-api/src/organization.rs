//! What clients change in organizations. Who may do what is decided by commands, from the standing of the caller; what needs
//! none of it (an invitation is accepted by somebody who is nothing there yet) says so.

pub(crate) mod access;
pub mod claim;
pub mod collection;
pub mod export;
pub mod group;
pub mod link;
pub mod member;
pub mod policy;
pub mod profile;
pub mod sponsorship;
pub mod task;

use crate::WriteApi;
use commands::{
    execute::{Done, Transaction},
    organization::OrganizationError,
};
use domain::id::OrganizationId;
use web::{Answer, Caller, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .merge(profile::routes())
        .merge(member::routes())
        .merge(collection::routes())
        .merge(export::routes())
        .merge(claim::routes())
        .merge(link::routes())
        .merge(task::routes())
        .merge(sponsorship::routes())
        .merge(group::routes())
        .merge(policy::routes())
}

impl WriteApi {
    /// Carries out a command in an organization and waits until everybody can read what it changed: rights that were
    /// taken away are gone before this is answered.
    pub(crate) async fn change_in<T>(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        command: &T,
    ) -> Answer<Done<T::Output>>
    where
        T: Transaction<Error = OrganizationError>,
    {
        let done = self
            .executor
            .transact(&self.context_in(caller, organization), command)
            .await?;
        self.settle(done.position).await?;
        Ok(done)
    }

    /// The same for a command about one thing.
    pub(crate) async fn alter_in<C>(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        command: &C,
    ) -> Answer<Done<C::Aggregate>>
    where
        C: commands::execute::Command<Error = OrganizationError>,
    {
        let done = self
            .executor
            .execute(&self.context_in(caller, organization), command)
            .await?;
        self.settle(done.position).await?;
        Ok(done)
    }
}
