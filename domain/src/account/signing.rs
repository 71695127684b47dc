//! What newer accounts have beside their key pair (clients call them V2): a pair of keys to sign with, and a signed
//! statement about how the account is protected. All of it is made and checked by clients and opaque here.

use crate::crypto::EncString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The signing keys of an account and what was signed with them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// The public key of the key pair, signed.
    pub signed_public_key: String,
    /// The key to sign with, sealed with the user key.
    pub signing_key: EncString,
    /// What others check signatures with.
    pub verifying_key: String,
    /// The signed statement.
    pub state: String,
    /// The number of the statement; it never goes back.
    pub version: u32,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing(…)")
    }
}
