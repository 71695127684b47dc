//! Which account holds an address.

use crate::{
    execute::{Executor, LoadError, Loaded, Unit},
    ports::AddressIndex,
};
use domain::{
    account::{
        address::{EmailAddress, normalise},
        user::{LiveUser, User},
    },
    id::UserId,
};

/// For how long an address counts as taken whatever its holder says: longer than any registration takes to be stored.
///
/// A store that cannot append to several streams at once may be stopped between two of them. The address is always held
/// before the account has it, and given back after, so what is left behind is an address whose holder does not have it.
const SETTLING_MILLIS: i64 = 60_000;

/// Whether an account has the address and not only its stream says so.
pub(super) async fn is_taken(unit: &mut Unit<'_>, address: &Loaded<EmailAddress>) -> Result<bool, LoadError> {
    let EmailAddress::Held { by, since } = address.state else {
        return Ok(false);
    };
    if unit.now().0 - since.0 < SETTLING_MILLIS {
        return Ok(true);
    }
    let holder = unit.load::<User>(by).await?;
    Ok(holder.state.live().is_some_and(|user| user.address == address.id))
}

/// An account found by its address.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose.
    pub id: UserId,
    /// What is known of it.
    pub user: LiveUser,
}

/// The account that has `address`, as people type it. It takes as many readings when there is none.
///
/// # Errors
/// [`LoadError`].
pub async fn find(executor: &Executor, index: &dyn AddressIndex, address: &str) -> Result<Option<Found>, LoadError> {
    let normalised = normalise(address);
    let id = index.id(normalised.as_deref().unwrap_or_default());
    let holder = executor.state::<EmailAddress>(id).await?.holder();
    let candidate = holder.unwrap_or(UserId(id.0));
    let user = executor.state::<User>(candidate).await?;
    Ok(match (holder, user) {
        (Some(holder), User::Live(user)) if user.address == id && normalised.is_some() => Some(Found {
            id: holder,
            user: *user,
        }),
        _ => None,
    })
}
