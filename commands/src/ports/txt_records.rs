//! What the owner of a domain says in the domain name system.

use async_trait::async_trait;
use domain::{
    fault::{Fault, FaultKind},
    organization::claim::DomainName,
};

/// It could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("names cannot be looked up: {0}")]
pub struct TxtError(pub String);

impl Fault for TxtError {
    fn kind(&self) -> FaultKind {
        FaultKind::Unavailable
    }
}

/// Looks up TXT records.
#[async_trait]
pub trait TxtRecords: Send + Sync {
    /// The texts of all TXT records of a domain as they are at present; none for a domain without any, and one that is not there.
    ///
    /// # Errors
    /// [`TxtError`], if no resolver answers.
    async fn txt(&self, name: &DomainName) -> Result<Vec<String>, TxtError>;
}
