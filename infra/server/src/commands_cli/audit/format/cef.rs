//! Common Event Format in syslog messages (RFC 5424).
//!
//! What the format has no key for stands under keys that begin with `Annalock`: it leaves such to vendors.

use super::{is_refusal, recorded};
use projections::audit::{read::Cursor, record::AuditRecord};
use std::net::IpAddr;

/// Syslog: facility 13 (log audit), severity 6 (informational).
const PRIORITY: u8 = 13 * 8 + 6;

fn header(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace(['\r', '\n'], " ")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('=', "\\=")
        .replace('\r', "\\r")
        .replace('\n', "\\n")
}

/// Keys and values behind the header.
#[derive(Default)]
struct Extension(Vec<String>);

impl Extension {
    fn put(&mut self, key: &str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.0.push(format!("{key}={}", escaped(&value.to_string())));
        }
        self
    }

    /// A key of no meaning of its own, and what it means here.
    fn labelled(&mut self, key: &str, label: &str, value: Option<impl ToString>) -> &mut Self {
        if value.is_some() {
            self.put(&format!("{key}Label"), Some(label)).put(key, value);
        }
        self
    }
}

/// `<110>1 TIME - annalock - - - CEF:0|Annalock|Annalock|VERSION|TYPE|NAME|SEVERITY|…`.
pub(super) fn message(cursor: Cursor, record: &AuditRecord) -> String {
    let (severity, outcome) = if is_refusal(record) {
        (5, "failure")
    } else {
        (3, "success")
    };
    let kind = record
        .kind
        .map_or_else(|| record.name.to_string(), |kind| kind.to_string());
    let mut extension = Extension::default();
    extension
        .put("rt", Some(recorded(record).0))
        .put("externalId", Some(cursor))
        .put("start", Some(record.at.0))
        .put("suser", Some(&record.actor))
        .put("suid", record.acting_user)
        .put("duid", record.user);
    match record.ip.as_deref().map(|ip| (ip, ip.parse::<IpAddr>())) {
        Some((ip, Ok(IpAddr::V6(_)))) => extension.labelled("c6a2", "Source IPv6 Address", Some(ip)),
        other => extension.put("src", other.map(|(ip, _)| ip)),
    };
    extension
        .put("requestClientApplication", record.client.as_ref())
        .put("outcome", Some(outcome))
        .put("cat", Some(&record.category))
        .put("AnnalockOrigin", Some(&record.origin))
        .put("AnnalockClientVersion", record.client_version.as_ref())
        .put("AnnalockDeviceId", record.device)
        .put("AnnalockFolderId", record.folder)
        .put("AnnalockGroupId", record.group)
        .put("AnnalockPolicyId", record.policy)
        .put("AnnalockEventId", Some(record.event))
        .put("AnnalockCorrelation", Some(record.correlation))
        .labelled("cn1", "systemUser", record.system_user)
        .labelled("cn2", "deviceType", record.device_type)
        .labelled("cs1", "organizationId", record.organization)
        .labelled("cs2", "object", Some(format!("{}-{}", record.category, record.stream)))
        .labelled("cs4", "cipherId", record.cipher)
        .labelled("cs5", "collectionId", record.collection)
        .labelled("cs6", "organizationUserId", record.membership)
        .labelled("cs3", "detail", Some(&record.detail));
    format!(
        "<{PRIORITY}>1 {} - annalock - - - CEF:0|Annalock|Annalock|{}|{}|{}|{severity}|{}",
        recorded(record).iso(),
        header(env!("CARGO_PKG_VERSION")),
        header(&kind),
        header(&record.name),
        extension.0.join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::super::{
        Format,
        tests::{AT, full, record, said, written},
    };
    use super::*;

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
        assert!(line.contains(" src=203.0.113.7 "), "{line}");
    }

    #[test]
    fn a_message_says_all_that_lines_of_json_say() {
        let line = message(AT, &full());
        for (name, value) in said() {
            assert!(line.contains(&value), "{name} is not in {line}");
        }
        let newer = AuditRecord {
            ip: Some("2001:db8::7".to_owned()),
            ..full()
        };
        let line = message(AT, &newer);
        assert!(
            line.contains("c6a2Label=Source IPv6 Address c6a2=2001:db8::7 "),
            "{line}"
        );
        assert!(!line.contains("src="), "{line}");
    }

    #[test]
    fn what_was_refused_failed() {
        let refused = AuditRecord {
            kind: None,
            name: "AccessRefused".into(),
            ..full()
        };
        let line = message(AT, &refused);
        assert!(
            line.contains("|AccessRefused|AccessRefused|5|") && line.contains(" outcome=failure "),
            "{line}"
        );
        let line = message(AT, &full());
        assert!(
            line.contains("|1502|MemberRoleChanged|3|") && line.contains(" outcome=success "),
            "{line}"
        );
        assert!(message(AT, &record()).contains(" outcome=failure "));
    }
}
