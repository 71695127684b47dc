//! Reading of the log, which is itself told by the log; and what clients report.

use super::AccountError;
use crate::execute::{ExecuteError, Transaction, Unit};
use domain::{
    activity::{Activity, ActivityEvent},
    id::{CipherId, OrganizationId, UserId},
    time::Timestamp,
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

/// Notes that the log of an organization was written out by who runs the server.
#[derive(Debug, Clone)]
pub struct RecordOrganizationAuditExport {
    /// Whose log.
    pub organization: OrganizationId,
    /// How many records.
    pub records: u64,
}

impl Transaction for RecordOrganizationAuditExport {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let read = ActivityEvent::AuditLogRead {
            organization: Some(self.organization),
            asked: serde_json::json!({ "exported": self.records }),
            at: unit.now(),
        };
        // nobody in particular did it
        unit.record::<Activity>(UserId(self.organization.0), &read);
        Ok(())
    }
}

/// Notes that a log was asked for.
#[derive(Debug, Clone)]
pub struct RecordAuditRead {
    /// Who asked.
    pub by: UserId,
    /// Whose log; none: the person's own, or that of an item of theirs.
    pub organization: Option<OrganizationId>,
    /// What was asked for.
    pub asked: serde_json::Value,
}

impl Transaction for RecordAuditRead {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let read = ActivityEvent::AuditLogRead {
            organization: self.organization,
            asked: self.asked.clone(),
            at: unit.now(),
        };
        unit.record::<Activity>(self.by, &read);
        Ok(())
    }
}

/// Something a client reports, of an object that is known to be within its reach.
#[derive(Debug, Clone)]
pub struct Report {
    /// `EventType` of the API catalogue.
    pub kind: i32,
    /// In whose log it belongs; none: the person's.
    pub organization: Option<OrganizationId>,
    /// The item.
    pub cipher: Option<CipherId>,
    /// When the client says it was.
    pub claimed: Option<Timestamp>,
}

/// Notes what a client reports, all in one append.
#[derive(Debug, Clone)]
pub struct RecordReports {
    /// Who reports.
    pub by: UserId,
    /// What.
    pub reports: Vec<Report>,
}

impl Transaction for RecordReports {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let at = unit.now();
        let events = self.reports.iter().map(|report| ActivityEvent::Reported {
            kind: report.kind,
            organization: report.organization,
            cipher: report.cipher,
            claimed: report.claimed,
            at,
        });
        let events: Vec<_> = events.collect();
        unit.record_all::<Activity>(self.by, &events);
        Ok(())
    }
}
