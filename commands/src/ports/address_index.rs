//! The index under which an e-mail address is held.

use domain::id::EmailAddressId;

/// Turns an address into the id of its stream.
pub trait AddressIndex: Send + Sync {
    /// The id of a normalised address ([`domain::account::address::normalise`]): a keyed hash, so that the log does not
    /// tell whose address it is to somebody who can only guess. Always the same for the same installation.
    fn id(&self, normalised: &str) -> EmailAddressId;
}
