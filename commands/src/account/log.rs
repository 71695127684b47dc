//! Reading of the log, which is itself told by the log; and what clients report.

use super::AccountError;
use crate::execute::{ExecuteError, Transaction, Unit};
use domain::{
    activity::{Activity, ActivityEvent},
    id::{CipherId, MembershipId, OrganizationId, UserId},
    organization::moment::Owner,
    time::Timestamp,
};

/// Notes that the log of an account is about to be exported.
#[derive(Debug, Clone)]
pub struct RecordAuditExport {
    /// Whose log.
    pub user: UserId,
    /// What of it.
    pub asked: serde_json::Value,
}

impl Transaction for RecordAuditExport {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let exported = ActivityEvent::AuditLogExported {
            records: None,
            asked: Some(self.asked.clone()),
            at: unit.now(),
        };
        unit.record::<Activity>(self.user, &exported);
        Ok(())
    }
}

/// Notes that who runs the server wrote out a log, or what there was at a moment.
#[derive(Debug, Clone)]
pub struct RecordAuditLook {
    /// In whose log it is noted: an organization's, or a person's.
    pub log: Owner,
    /// What was written out.
    pub asked: serde_json::Value,
}

impl Transaction for RecordAuditLook {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let (stream, organization) = match self.log {
            Owner::Person(user) => (user, None),
            // nobody in particular did it
            Owner::Organization(id) => (UserId(id.0), Some(id)),
        };
        let read = ActivityEvent::AuditLogRead {
            organization,
            asked: self.asked.clone(),
            at: unit.now(),
        };
        unit.record::<Activity>(stream, &read);
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

/// Notes that an organization refused somebody something.
#[derive(Debug, Clone)]
pub struct RecordAccessRefused {
    /// Who asked; none: nobody had proved to be anybody.
    pub by: Option<UserId>,
    /// Which organization.
    pub organization: OrganizationId,
    /// Which item, if the request named one.
    pub cipher: Option<CipherId>,
    /// `GET`, `POST` …
    pub method: String,
    /// The route, with the names of its parameters.
    pub route: String,
    /// The answer's status.
    pub status: u16,
}

impl Transaction for RecordAccessRefused {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let refused = ActivityEvent::AccessRefused {
            organization: self.organization,
            cipher: self.cipher,
            method: self.method.clone(),
            route: self.route.clone(),
            status: self.status,
            at: unit.now(),
        };
        unit.record::<Activity>(self.by.unwrap_or(UserId(self.organization.0)), &refused);
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
    /// As which member it was done, where the catalogue wants to know.
    pub membership: Option<MembershipId>,
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
            membership: report.membership,
            claimed: report.claimed,
            at,
        });
        let events: Vec<_> = events.collect();
        unit.record_all::<Activity>(self.by, &events);
        Ok(())
    }
}
