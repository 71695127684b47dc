//! Objects of the Open Cybersecurity Schema Framework 1.3, category 3 (Identity & Access Management).
//!
//! Source: classes, objects and what they require, by the tag 1.3.0 of `ocsf/ocsf-schema`. What it has no place for is in `unmapped`,
//! as JSON lines call it.

use super::{is_refusal, recorded};
use projections::audit::{read::Cursor, record::AuditRecord};
use serde_json::{Value, json};

/// Version of the schema.
const VERSION: &str = "1.3.0";

/// Account Change: what happens to an account.
const ACCOUNT: u32 = 3001;
/// Authentication.
const LOGIN: u32 = 3002;
/// Entity Management: everything else.
const ENTITY: u32 = 3004;
/// User Access Management: memberships.
const ACCESS: u32 = 3005;
/// Group Management.
const GROUP: u32 = 3006;

/// `activity_id` of what no class numbers.
const OTHER: u32 = 99;
/// Activities of [`ENTITY`].
const CREATE: u32 = 1;
const READ: u32 = 2;
const UPDATE: u32 = 3;
const DELETE: u32 = 4;

/// What is mapped, and so not said again.
const MAPPED: [&str; 9] = [
    "at",
    "type",
    "name",
    "actor",
    "actingUserId",
    "client",
    "ip",
    "eventId",
    "correlation",
];

/// Class and activity.
fn class(record: &AuditRecord) -> (u32, u32) {
    let (class, activity) = match record.kind {
        Some(kind) => numbered(kind, &record.name),
        None => unnumbered(record),
    };
    // what a class requires and nobody knows any more
    let lacks = match class {
        ACCOUNT | LOGIN | ACCESS => user(record).is_none(),
        GROUP => record.group.is_none() || (record.kind == Some(1504) && user(record).is_none()),
        _ => false,
    };
    if lacks { (ENTITY, OTHER) } else { (class, activity) }
}

fn numbered(kind: i32, name: &str) -> (u32, u32) {
    match kind {
        1000 | 1005 | 1006 => (LOGIN, 1),
        1001 | 1008 | 1011 => (ACCOUNT, 3),
        1508 => (ACCOUNT, 4),
        1515 => (ACCOUNT, 6),
        1002 => (ACCOUNT, 10),
        1003 | 1519 => (ACCOUNT, 11),
        1000..=1099 | 1525 => (ACCOUNT, OTHER),
        1400 => (GROUP, 6),
        1402 => (GROUP, 5),
        1401 => (GROUP, OTHER),
        1504 if name == "GroupMemberRemoved" => (GROUP, 4),
        1504 => (GROUP, 3),
        1500 | 1501 | 1512 | 1517 | 1526 => (ACCESS, 1),
        1503 | 1511 | 1516 | 1518 | 1520 | 1521 => (ACCESS, 2),
        1502 | 1506 | 1507 | 1523 | 1524 => (ACCESS, OTHER),
        1500..=1599 | 1618..=1619 | 2400..=2499 => (ENTITY, OTHER),
        1100 | 1300 | 1624 | 2000 | 2101 | 2201 | 2304 | 2500..=2505 => (ENTITY, CREATE),
        1102 | 1115 | 1302 | 1626 | 2001 | 2103..=2104 | 2203 | 2305 | 2508..=2509 => (ENTITY, DELETE),
        1107..=1114 | 1117..=1132 | 1602..=1603 | 2100 | 2200 | 2510..=2511 => (ENTITY, READ),
        _ => (ENTITY, UPDATE),
    }
}

fn unnumbered(record: &AuditRecord) -> (u32, u32) {
    match (&*record.category, &*record.name) {
        (_, "UserRegistered") => (ACCOUNT, 1),
        (_, "UserDeleted") => (ACCOUNT, 6),
        ("user", _) => (ACCOUNT, OTHER),
        (_, "AuditLogRead" | "AuditLogExported") => (ENTITY, READ),
        _ => (ENTITY, OTHER),
    }
}

/// Whom it is about. Of somebody who is invited nothing is known but the membership.
fn user(record: &AuditRecord) -> Option<Value> {
    let member = record.membership.map(|id| id.to_string());
    match (record.user, member) {
        (Some(user), member) => Some(json!({ "uid": user, "uid_alt": member, "type_id": 1 })),
        (None, Some(member)) => Some(json!({ "name": format!("member:{member}"), "uid_alt": member, "type_id": 1 })),
        (None, None) => None,
    }
}

/// Who acts: a person, an organization by its key, the server, or nobody in particular.
fn actor(record: &AuditRecord) -> Value {
    let type_id = match (record.acting_user, record.system_user) {
        (Some(_), _) => 1,
        (None, Some(_)) => 3,
        (None, None) => 0,
    };
    json!({
        "user": { "uid": record.acting_user, "name": record.actor, "type_id": type_id },
        "app_name": record.client,
    })
}

/// What a membership gives, where the event says it: a role, and what is permitted beside. It gives something in any case.
fn privileges(record: &AuditRecord) -> Vec<String> {
    let access = &record.detail["access"];
    let permitted = access["permissions"].as_object().into_iter().flatten();
    let permitted = permitted
        .filter(|(_, given)| **given == json!(true))
        .map(|(name, _)| name);
    let role = access["role"].as_str().map(str::to_owned);
    let mut all: Vec<String> = role.into_iter().chain(permitted.cloned()).collect();
    if all.is_empty() {
        all.push("membership".to_owned());
    }
    all
}

/// The thing whose event it is.
fn entity(record: &AuditRecord) -> Value {
    let type_id = match &*record.category {
        "user" | "membership" | "activity" => 2,
        "group" => 3,
        "organization" => 4,
        "policy" => 5,
        _ => OTHER,
    };
    json!({ "type": record.category, "type_id": type_id, "uid": record.stream })
}

/// What no attribute of a class is for.
fn unmapped(cursor: Cursor, record: &AuditRecord) -> Value {
    let mut all = serde_json::to_value(record).unwrap_or_default();
    if let Value::Object(members) = &mut all {
        for name in MAPPED {
            members.remove(name);
        }
        members.insert("cursor".to_owned(), json!(cursor.to_string()));
    }
    all
}

/// What is absent is left out: the schema has no nulls.
fn present(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.map(|(name, value)| (name, present(value))).collect())
        }
        Value::Array(values) => {
            let values = values.into_iter().filter(|value| !value.is_null());
            Value::Array(values.map(present).collect())
        }
        other => other,
    }
}

pub(super) fn object(cursor: Cursor, record: &AuditRecord) -> Value {
    let (class, activity) = class(record);
    let (severity, status) = if is_refusal(record) { (2, 2) } else { (1, 1) };
    let mut object = json!({
        "category_uid": class / 1_000,
        "class_uid": class,
        "activity_id": activity,
        "type_uid": class * 100 + activity,
        "severity_id": severity,
        "status_id": status,
        "time": recorded(record).0,
        "message": record.name,
        "metadata": {
            "version": VERSION,
            "product": { "name": "Annalock", "vendor_name": "Annalock", "version": env!("CARGO_PKG_VERSION") },
            "profiles": ["host"],
            "log_name": "audit",
            "tenant_uid": record.organization,
            "uid": record.event,
            "correlation_uid": record.correlation,
            "event_code": record.kind.map(|kind| kind.to_string()),
            "original_time": record.at.iso(),
        },
        "actor": actor(record),
        "src_endpoint": record.ip.as_ref().map(|ip| json!({ "ip": ip })),
        "unmapped": unmapped(cursor, record),
    });
    match class {
        ACCOUNT => object["user"] = json!(user(record)),
        LOGIN => {
            object["user"] = json!(user(record));
            object["service"] = json!({ "name": "Annalock" });
        }
        ACCESS => {
            object["user"] = json!(user(record));
            object["privileges"] = json!(privileges(record));
            object["resource"] = json!(
                record
                    .organization
                    .map(|id| json!({ "uid": id, "type": "organization" }))
            );
        }
        GROUP => {
            object["group"] = json!({ "uid": record.group });
            match record.kind {
                Some(1504) => object["user"] = json!(user(record)),
                // whatever a group gives, it gives in collections
                _ => object["privileges"] = json!(["collections"]),
            }
        }
        _ => object["entity"] = entity(record),
    }
    present(object)
}

#[cfg(test)]
mod tests;
