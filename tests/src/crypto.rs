//! What a Bitwarden client computes before it talks to a server: master key, password hash, user key, sealed texts.
//!
//! Written from the published description of the protocol and checked against vectors made by other implementations.

mod kdf;
mod key;
mod pair;

pub use kdf::{Kdf, MasterKey};
pub use key::{CryptoError, SymmetricKey};
pub use pair::KeyPair;
