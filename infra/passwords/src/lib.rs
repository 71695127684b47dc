//! What people prove who they are by: hashes of their secrets, and tokens and codes that are kept nowhere.

mod argon;
mod proofs;

pub use argon::Argon2Hasher;
pub use proofs::HmacProofs;
