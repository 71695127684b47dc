//! Records of the audit log in the forms other programs read.

use anyhow::Result;
use domain::time::Timestamp;
use projections::audit::{read::Cursor, record::AuditRecord};
use serde::Serialize;
use serde_json::{Value, json};
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

/// Version of the schema of [`Format::Ocsf`].
const OCSF: &str = "1.3.0";
/// Syslog: facility 13 (log audit), severity 6 (informational).
const PRIORITY: u8 = 13 * 8 + 6;

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
    pub fn new(format: Format, out: W) -> Self {
        Self {
            format,
            out,
            rows: csv::Writer::from_writer(Vec::new()),
            begun: false,
        }
    }

    pub fn put(&mut self, cursor: Cursor, record: &AuditRecord) -> Result<()> {
        match self.format {
            Format::Jsonl => {
                let cursor = cursor.to_string();
                serde_json::to_writer(&mut self.out, &Placed { cursor, record })?;
            }
            Format::Ocsf => serde_json::to_writer(&mut self.out, &ocsf(cursor, record))?,
            Format::Cef => self.out.write_all(cef(cursor, record).as_bytes())?,
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

/// Whether somebody was refused.
fn is_refusal(record: &AuditRecord) -> bool {
    matches!(record.kind, Some(1005 | 1006))
}

fn header(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace(['\r', '\n'], " ")
}

fn extension(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('=', "\\=")
        .replace('\r', "\\r")
        .replace('\n', "\\n")
}

/// `<110>1 TIME - annalock - - - CEF:0|Annalock|Annalock|VERSION|TYPE|NAME|SEVERITY|…`.
fn cef(cursor: Cursor, record: &AuditRecord) -> String {
    let severity = if is_refusal(record) { 5 } else { 3 };
    let kind = record
        .kind
        .map_or_else(|| record.name.to_string(), |kind| kind.to_string());
    let mut line = format!(
        "<{PRIORITY}>1 {} - annalock - - - CEF:0|Annalock|Annalock|{}|{}|{}|{severity}|",
        recorded(record).iso(),
        header(env!("CARGO_PKG_VERSION")),
        header(&kind),
        header(&record.name),
    );
    let outcome = if is_refusal(record) { "failure" } else { "success" };
    let object = format!("{}-{}", record.category, record.stream);
    let fields: [(&str, Option<String>); 15] = [
        ("rt", Some(recorded(record).0.to_string())),
        ("externalId", Some(cursor.to_string())),
        ("suser", Some(record.actor.clone())),
        ("suid", record.acting_user.map(|id| id.to_string())),
        ("duid", record.user.map(|id| id.to_string())),
        ("src", record.ip.clone()),
        ("requestClientApplication", record.client.clone()),
        ("outcome", Some(outcome.to_owned())),
        ("cat", Some(record.category.to_string())),
        ("cs1Label", Some("organizationId".to_owned())),
        ("cs1", record.organization.map(|id| id.to_string())),
        ("cs2Label", Some("object".to_owned())),
        ("cs2", Some(object)),
        ("cs3Label", Some("detail".to_owned())),
        ("cs3", Some(record.detail.to_string())),
    ];
    let fields: Vec<String> = fields
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", extension(&value?))))
        .collect();
    line.push_str(&fields.join(" "));
    line
}

/// Class and activity: logins are Authentication (3002), what happens to an account is Account Change (3001), memberships are User
/// Access Management (3005), groups Group Management (3006), the rest Entity Management (3004).
fn class(record: &AuditRecord) -> (u32, u32) {
    const CREATE: u32 = 1;
    const UPDATE: u32 = 3;
    const DELETE: u32 = 4;
    const OTHER: u32 = 99;
    match record.kind {
        Some(1000 | 1005 | 1006) => (3002, 1),
        Some(1001) => (3001, 3),
        Some(1000..=1099) => (3001, OTHER),
        Some(1400) => (3006, 6),
        Some(1402) => (3006, 5),
        Some(1401 | 1504) => (3006, OTHER),
        Some(1500 | 1501 | 1512) => (3005, 1),
        Some(1503 | 1511 | 1516 | 1518 | 1520 | 1521) => (3005, 2),
        Some(1500..=1599) => (3005, OTHER),
        Some(1100 | 1300) => (3004, CREATE),
        Some(1102 | 1302 | 1115 | 1601) => (3004, DELETE),
        Some(1107..=1114 | 1117..=1132) => (3004, 2),
        Some(_) => (3004, UPDATE),
        None => (3004, OTHER),
    }
}

fn ocsf(cursor: Cursor, record: &AuditRecord) -> Value {
    let (class, activity) = class(record);
    let status = if is_refusal(record) { 2 } else { 1 };
    json!({
        "category_uid": 3,
        "class_uid": class,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "severity_id": 1,
        "status_id": status,
        "time": recorded(record).0,
        "message": record.name,
        "metadata": {
            "version": OCSF,
            "product": { "name": "Annalock", "vendor_name": "Annalock", "version": env!("CARGO_PKG_VERSION") },
            "uid": record.event,
            "correlation_uid": record.correlation,
            "event_code": record.kind.map(|kind| kind.to_string()),
        },
        "actor": {
            "user": { "uid": record.acting_user, "name": record.actor },
            "app_name": record.client,
        },
        "user": { "uid": record.user },
        "entity": { "type": record.category, "uid": record.stream },
        "src_endpoint": { "ip": record.ip },
        "unmapped": {
            "cursor": cursor.to_string(),
            "organizationId": record.organization,
            "cipherId": record.cipher,
            "collectionId": record.collection,
            "groupId": record.group,
            "policyId": record.policy,
            "organizationUserId": record.membership,
            "deviceId": record.device,
            "deviceType": record.device_type,
            "clientVersion": record.client_version,
            "origin": record.origin,
            "detail": record.detail,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{event::Position, id::UserId};
    use uuid::Uuid;

    fn record() -> AuditRecord {
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

    const AT: Cursor = Cursor {
        position: Position(7),
        ordinal: 0,
    };

    fn written(format: Format) -> String {
        let mut writer = Writer::new(format, Vec::new());
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
    fn a_message_is_one_line_and_nothing_in_it_ends_a_field() {
        let text = written(Format::Cef);
        assert_eq!(text.lines().count(), 2);
        let line = text.lines().next().unwrap();
        let start = "<110>1 2026-11-22T15:34:40.456Z - annalock - - - CEF:0|Annalock|Annalock|";
        assert!(line.starts_with(start), "{line}");
        assert!(
            line.contains("|1005|UserLoginRefused|5|rt=1795361680456 externalId=7.0 "),
            "{line}"
        );
        assert!(
            line.contains(r#"requestClientApplication=\=cmd|'x'\n"y" outcome=failure"#),
            "{line}"
        );
        assert!(line.ends_with(r#"cs3={"a\=b":"c\\\\d","reason":"secret"}"#), "{line}");
    }

    #[test]
    fn an_object_names_its_class_and_what_came_of_it() {
        let text = written(Format::Ocsf);
        let value: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&value["class_uid"], &value["type_uid"]),
            (&json!(3002), &json!(300_201))
        );
        assert_eq!(
            (&value["status_id"], &value["time"]),
            (&json!(2), &json!(1_795_361_680_456_i64))
        );
        assert_eq!(value["unmapped"]["cursor"], "7.0");
    }

    #[test]
    fn a_line_says_where_to_go_on() {
        let text = written(Format::Jsonl);
        let value: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((&value["cursor"], &value["position"]), (&json!("7.0"), &json!(7)));
    }
}
