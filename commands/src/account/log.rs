//! Reading of the log, which is itself told by the log.

use super::AccountError;
use crate::execute::{ExecuteError, Transaction, Unit};
use domain::{
    activity::{Activity, ActivityEvent},
    id::UserId,
};

/// Notes that the log of an account was exported.
#[derive(Debug, Clone)]
pub struct RecordAuditExport {
    /// Whose log.
    pub user: UserId,
    /// How many records.
    pub records: u64,
}

impl Transaction for RecordAuditExport {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let exported = ActivityEvent::AuditLogExported {
            records: self.records,
            at: unit.now(),
        };
        unit.record::<Activity>(self.user, &exported);
        Ok(())
    }
}
