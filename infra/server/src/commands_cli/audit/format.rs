//! Records of the audit log in the forms other programs read.

mod cef;
mod ocsf;

use anyhow::Result;
use domain::time::Timestamp;
use projections::audit::{read::Cursor, record::AuditRecord};
use serde::Serialize;
use std::io::Write;

/// What a file consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A JSON object in each line.
    #[default]
    Jsonl,
    /// Comma-separated values with a header line.
    Csv,
    /// Common Event Format in syslog messages (RFC 5424).
    Cef,
    /// Objects of the Open Cybersecurity Schema Framework 1.3, one in each line.
    Ocsf,
}

impl Format {
    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Cef => "cef",
            Self::Ocsf => "ocsf",
        }
    }
}

/// A record as JSON lines have it.
#[derive(Serialize)]
struct Placed<'r> {
    cursor: String,
    #[serde(flatten)]
    record: &'r AuditRecord,
}

/// Writes records one after the other.
pub struct Writer<W: Write> {
    format: Format,
    out: W,
    rows: csv::Writer<Vec<u8>>,
    begun: bool,
}

impl<W: Write> Writer<W> {
    /// `begun`: there are records before these.
    pub fn new(format: Format, out: W, begun: bool) -> Self {
        Self {
            format,
            out,
            rows: csv::Writer::from_writer(Vec::new()),
            begun,
        }
    }

    pub fn put(&mut self, cursor: Cursor, record: &AuditRecord) -> Result<()> {
        match self.format {
            Format::Jsonl => {
                let cursor = cursor.to_string();
                serde_json::to_writer(&mut self.out, &Placed { cursor, record })?;
            }
            Format::Ocsf => serde_json::to_writer(&mut self.out, &ocsf::object(cursor, record))?,
            Format::Cef => self.out.write_all(cef::message(cursor, record).as_bytes())?,
            Format::Csv => return self.row(cursor, record),
        }
        Ok(self.out.write_all(b"\n")?)
    }

    fn row(&mut self, cursor: Cursor, record: &AuditRecord) -> Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.rows.write_record(COLUMNS)?;
        }
        self.rows.write_record(cells(cursor, record).map(unevaluated))?;
        self.rows.flush()?;
        self.out.write_all(self.rows.get_ref())?;
        let empty = csv::Writer::from_writer(Vec::new());
        self.rows = empty;
        Ok(())
    }

    pub fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

const COLUMNS: [&str; 27] = [
    "cursor",
    "type",
    "name",
    "date",
    "recordedAt",
    "actor",
    "actingUserId",
    "organizationId",
    "userId",
    "cipherId",
    "folderId",
    "collectionId",
    "groupId",
    "policyId",
    "organizationUserId",
    "systemUser",
    "deviceId",
    "deviceType",
    "client",
    "clientVersion",
    "ipAddress",
    "origin",
    "category",
    "streamId",
    "eventId",
    "correlation",
    "detail",
];

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn cells(cursor: Cursor, record: &AuditRecord) -> [String; 27] {
    [
        cursor.to_string(),
        text(record.kind),
        record.name.to_string(),
        record.at.iso(),
        recorded(record).iso(),
        record.actor.clone(),
        text(record.acting_user),
        text(record.organization),
        text(record.user),
        text(record.cipher),
        text(record.folder),
        text(record.collection),
        text(record.group),
        text(record.policy),
        text(record.membership),
        text(record.system_user),
        text(record.device),
        text(record.device_type),
        text(record.client.as_deref()),
        text(record.client_version.as_deref()),
        text(record.ip.as_deref()),
        record.origin.to_string(),
        record.category.to_string(),
        record.stream.to_string(),
        record.event.to_string(),
        record.correlation.to_string(),
        record.detail.to_string(),
    ]
}

/// Clients choose what they are called: a spreadsheet must not take it for a formula.
fn unevaluated(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn recorded(record: &AuditRecord) -> Timestamp {
    Timestamp(record.recorded_at_micros.div_euclid(1_000))
}

/// Whether somebody was refused, or what was looked at was not as it must be.
fn is_refusal(record: &AuditRecord) -> bool {
    matches!(record.kind, Some(1005 | 1006 | 2003)) || record.name == "AccessRefused"
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        event::Position,
        id::{CipherId, CollectionId, DeviceId, FolderId, GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    /// A refused login.
    pub(super) fn record() -> AuditRecord {
        AuditRecord {
            position: Position(7),
            kind: Some(1005),
            name: "UserLoginRefused".into(),
            at: Timestamp(1_795_361_680_123),
            recorded_at_micros: 1_795_361_680_456_789,
            actor: "anonymous".to_owned(),
            acting_user: None,
            organization: None,
            user: Some(UserId(Uuid::from_u128(5))),
            cipher: None,
            folder: None,
            collection: None,
            group: None,
            policy: None,
            membership: None,
            member: None,
            system_user: None,
            device: None,
            device_type: Some(9),
            client: Some("=cmd|'x'\n\"y\"".to_owned()),
            client_version: None,
            ip: Some("203.0.113.7".to_owned()),
            origin: "server".into(),
            category: "activity".into(),
            stream: Uuid::from_u128(5),
            event: Uuid::from_u128(6),
            correlation: Uuid::from_u128(8),
            detail: json!({"reason": "secret", "a=b": "c\\d"}),
        }
    }

    /// A record that says everything.
    pub(super) fn full() -> AuditRecord {
        let id = Uuid::from_u128;
        AuditRecord {
            kind: Some(1502),
            name: "MemberRoleChanged".into(),
            actor: "system".to_owned(),
            acting_user: Some(UserId(id(21))),
            organization: Some(OrganizationId(id(22))),
            user: Some(UserId(id(23))),
            cipher: Some(CipherId(id(24))),
            folder: Some(FolderId(id(25))),
            collection: Some(CollectionId(id(26))),
            group: Some(GroupId(id(27))),
            policy: Some(PolicyId(id(28))),
            membership: Some(MembershipId(id(29))),
            system_user: Some(77),
            device: Some(DeviceId(id(30))),
            device_type: Some(88),
            client: Some("web".to_owned()),
            client_version: Some("2026.8.0".to_owned()),
            origin: "client".into(),
            category: "membership".into(),
            stream: id(31),
            event: id(32),
            correlation: id(33),
            ..record()
        }
    }

    /// What of [`full`] every form must have: what it is called in JSON lines, but for times and the place.
    pub(super) fn said() -> Vec<(String, String)> {
        let Value::Object(members) = serde_json::to_value(full()).unwrap() else {
            panic!("a record is an object")
        };
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let left_out = ["position", "at", "recordedAtMicros", "detail"];
        let members = members.into_iter().filter(|(name, _)| !left_out.contains(&&**name));
        members.map(|(name, value)| (name, text(value))).collect()
    }

    pub(super) const AT: Cursor = Cursor {
        position: Position(7),
        ordinal: 0,
    };

    pub(super) fn written(format: Format) -> String {
        let mut writer = Writer::new(format, Vec::new(), false);
        writer.put(AT, &record()).unwrap();
        writer.put(AT, &record()).unwrap();
        String::from_utf8(writer.out).unwrap()
    }

    #[test]
    fn values_are_separated_by_commas_and_are_no_formulas() {
        let text = written(Format::Csv);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((&rows[0][0], &rows[0][1]), ("7.0", "1005"));
        assert_eq!(&rows[0][18], "'=cmd|'x'\n\"y\"");
        assert_eq!(&rows[0][4], "2026-11-22T15:34:40.456Z");
    }

    #[test]
    fn rows_say_everything_and_what_is_gone_on_with_has_no_second_header() {
        let mut writer = Writer::new(Format::Csv, Vec::new(), true);
        writer.put(AT, &full()).unwrap();
        let text = String::from_utf8(writer.out).unwrap();
        assert!(text.starts_with("7.0,1502,"), "{text}");
        for (name, value) in said() {
            assert!(text.contains(&value), "{name} is not in {text}");
        }
    }

    #[test]
    fn a_form_is_called_what_the_command_line_calls_it() {
        use clap::ValueEnum;
        for format in Format::value_variants() {
            assert_eq!(format.to_possible_value().unwrap().get_name(), format.name());
        }
    }

    #[test]
    fn a_line_says_where_to_go_on() {
        let text = written(Format::Jsonl);
        let value: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&value["cursor"], &value["position"]), (&json!("7.0"), &json!(7)));
    }
}
