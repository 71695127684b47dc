//! Hashing of what people prove to know: slow on purpose, so done elsewhere and in bounded numbers.

use async_trait::async_trait;
use domain::{
    crypto::Verifier,
    fault::{Fault, FaultKind},
};

/// Why nothing was hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait already; the same request may pass a moment later.
    #[error("too many logins at once")]
    Busy,
    /// A fault of ours: the hash function does not work.
    #[error("hashing failed: {0}")]
    Broken(String),
}

impl Fault for HashError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Busy => FaultKind::Unavailable,
            Self::Broken(_) => FaultKind::Internal,
        }
    }
}

/// Hashes secrets with a salt of their own and compares.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// A verifier for `secret`, different each time.
    ///
    /// # Errors
    /// [`HashError`].
    async fn hash(&self, secret: &str) -> Result<Verifier, HashError>;

    /// Whether `against` was made from `secret`. A verifier that cannot be read is made from nothing.
    ///
    /// # Errors
    /// [`HashError`].
    async fn verify(&self, secret: &str, against: &Verifier) -> Result<bool, HashError>;

    /// A verifier of nobody's secret: compared with when there is no account, so that the time taken does not tell.
    fn dummy(&self) -> &Verifier;
}
