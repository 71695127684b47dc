use super::super::{
    Format,
    tests::{AT, full, record, said, written},
};
use super::*;

/// What each class requires, and of what it requires one at least, all its bases among it.
const CLASSES: [(u32, &[&str], &[&str]); 5] = [
    (ACCOUNT, &["user"], &[]),
    (LOGIN, &["user"], &["service", "dst_endpoint"]),
    (ENTITY, &["entity"], &[]),
    (ACCESS, &["user", "privileges"], &[]),
    (GROUP, &["group"], &["privileges", "user"]),
];
const EVERY_CLASS: [&str; 7] = [
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "time",
    "type_uid",
];
/// Of what an object requires one at least, wherever it stands.
const OBJECTS: [(&str, &[&str]); 9] = [
    ("/user", &["account", "name", "uid"]),
    (
        "/actor",
        &["process", "user", "invoked_by", "session", "app_name", "app_uid"],
    ),
    ("/actor/user", &["account", "name", "uid"]),
    ("/group", &["name", "uid"]),
    ("/service", &["name", "uid"]),
    ("/resource", &["name", "uid"]),
    ("/entity", &["name", "uid", "device", "group", "org", "policy", "user"]),
    ("/src_endpoint", &["ip", "uid", "name", "hostname", "svc_name"]),
    ("/metadata/product", &["name", "uid"]),
];
/// The activities a class has, but for 0 and 99.
const ACTIVITIES: [(u32, std::ops::RangeInclusive<u64>); 5] = [
    (ACCOUNT, 1..=11),
    (LOGIN, 1..=6),
    (ENTITY, 1..=13),
    (ACCESS, 1..=2),
    (GROUP, 1..=6),
];

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

#[track_caller]
fn assert_valid(record: &AuditRecord) {
    let object = object(AT, record);
    let what = format!("{:?} {}: {object}", record.kind, record.name);
    assert!(!has_null(&object), "{what}");
    for name in EVERY_CLASS {
        assert!(object.get(name).is_some(), "no {name}: {what}");
    }
    let class = object["class_uid"].as_u64().unwrap();
    assert_eq!(object["category_uid"], class / 1_000, "{what}");
    let activity = object["activity_id"].as_u64().unwrap();
    assert_eq!(object["type_uid"].as_u64(), Some(class * 100 + activity), "{what}");
    let (_, required, one_of) = CLASSES.iter().find(|(of, ..)| u64::from(*of) == class).unwrap();
    for name in *required {
        assert!(object.get(*name).is_some(), "no {name}: {what}");
    }
    assert!(
        one_of.is_empty() || one_of.iter().any(|name| object.get(*name).is_some()),
        "none of {one_of:?}: {what}"
    );
    let (_, known) = ACTIVITIES.iter().find(|(of, _)| u64::from(*of) == class).unwrap();
    assert!(activity == 99 || known.contains(&activity), "{what}");
    for (place, one_of) in OBJECTS {
        if let Some(part) = object.pointer(place) {
            assert!(one_of.iter().any(|name| part.get(name).is_some()), "{place}: {what}");
        }
    }
    assert_eq!(object["metadata"]["version"], VERSION);
    assert!(object["metadata"]["product"]["vendor_name"].is_string(), "{what}");
    let privileges = object.get("privileges").map(|all| all.as_array().unwrap());
    assert!(privileges.is_none_or(|all| all.iter().all(Value::is_string)), "{what}");
}

/// A record that says next to nothing.
fn bare() -> AuditRecord {
    AuditRecord {
        user: None,
        client: None,
        ip: None,
        device_type: None,
        detail: json!({ "claimedDate": null }),
        ..record()
    }
}

#[test]
fn every_record_is_what_its_class_requires() {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for category in domain::registry::CATEGORIES {
        names.extend(category.types.iter().map(|(name, _)| (category.name, *name)));
    }
    assert!(names.len() > 100);
    let kinds = (1_000..2_600).map(Some).chain([None]);
    for kind in kinds {
        for (category, name) in [
            ("group_member", "GroupMemberRemoved"),
            ("membership", "MembershipEnded"),
        ]
        .into_iter()
        .chain(names.iter().copied().filter(|_| kind.is_none()))
        {
            for of in [bare(), full(), record()] {
                for membership in [None, full().membership] {
                    assert_valid(&AuditRecord {
                        kind,
                        name: name.into(),
                        category: category.into(),
                        membership,
                        ..of.clone()
                    });
                }
            }
        }
    }
}

#[test]
fn what_the_schema_has_no_place_for_is_there_all_the_same() {
    let text = object(AT, &full()).to_string();
    for (name, value) in said() {
        assert!(text.contains(&value), "{name} is not in {text}");
    }
    assert_eq!(object(AT, &full())["unmapped"]["systemUser"], 77);
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
fn what_happened_has_the_number_the_schema_gives_it() {
    let of = |kind: Option<i32>, name: &'static str| {
        let record = AuditRecord {
            kind,
            name: name.into(),
            ..full()
        };
        let object = object(AT, &record);
        (
            object["type_uid"].as_u64().unwrap(),
            object["status_id"].as_u64().unwrap(),
        )
    };
    assert_eq!(of(Some(1504), "GroupMemberAdded"), (300_603, 1));
    assert_eq!(of(Some(1504), "GroupMemberRemoved"), (300_604, 1));
    assert_eq!(of(Some(1508), "AccountRecovered"), (300_104, 1));
    assert_eq!(of(Some(1515), "MembershipEnded"), (300_106, 1));
    assert_eq!(of(Some(1001), "UserPasswordChanged"), (300_103, 1));
    assert_eq!(of(None, "AccessRefused"), (300_499, 2));
    let role = json!({"access": {"role": "custom", "permissions": {"manageUsers": true, "manageSso": false}}});
    let changed = AuditRecord { detail: role, ..full() };
    assert_eq!(object(AT, &changed)["privileges"], json!(["custom", "manageUsers"]));
}
