use super::*;
use crate::audit::read::{Filter, Log};
use domain::{
    event::{Aggregate, Revision, StreamName},
    id::{CommandId, OrganizationId, UserId},
    meta::{Actor, Origin},
    organization::profile::Organization,
    personal::Personal,
};
use std::net::IpAddr;
use uuid::Uuid;

const USER: UserId = UserId(Uuid::from_u128(1));
const ORGANIZATION: Uuid = Uuid::from_u128(2);

/// An organization sets three of its settings at once: the log has a record of each.
fn event(ip: Option<Personal<IpAddr>>) -> StoredEvent {
    let meta = Meta {
        actor: Actor::User(USER),
        origin: Origin::Server,
        device: None,
        device_type: None,
        client: None,
        client_version: None,
        ip,
        command: CommandId(ORGANIZATION),
        correlation: ORGANIZATION,
        causation: None,
        organizations: vec![OrganizationId(ORGANIZATION)],
    };
    StoredEvent {
        position: Position(4),
        stream: StreamName::new(Organization::CATEGORY, ORGANIZATION),
        revision: Revision(1),
        id: ORGANIZATION,
        type_name: "OrganizationCollectionSettingsChanged".into(),
        schema: 1,
        recorded_at_micros: 5,
        data: br#"{
            "before":{"limit_collection_creation":false,"limit_collection_deletion":false,"limit_item_deletion":false,
                      "allow_admin_access_to_all_collection_items":true},
            "settings":{"limit_collection_creation":true,"limit_collection_deletion":true,"limit_item_deletion":true,
                        "allow_admin_access_to_all_collection_items":true},
            "at":1795361680123}"#
            .as_slice()
            .into(),
        meta: serde_json::to_vec(&meta).unwrap().into(),
    }
}

fn records(event: &StoredEvent) -> Vec<AuditRecord> {
    record::records(event).unwrap()
}

fn told(what: Result<(), CompareError>) -> String {
    what.unwrap_err().to_string()
}

#[test]
fn what_the_projector_writes_of_an_event_is_what_it_says() {
    let event = event(None);
    let there = records(&event);
    assert!(there.len() > 1, "several records of one event");
    let mut told = Told::by(event).unwrap();
    for (ordinal, record) in (0..).zip(&there) {
        assert!(told.end().is_err());
        told.take(ordinal, record).unwrap();
    }
    told.end().unwrap();
}

#[test]
fn a_record_that_differs_is_missing_or_was_put_in_is_named() {
    let event = event(None);
    let there = records(&event);
    let begin = || Told::by(event.clone()).unwrap();
    let changed = AuditRecord {
        ip: Some("203.0.113.9".to_owned()),
        kind: Some(1),
        ..there[0].clone()
    };
    let found = told(begin().take(0, &changed));
    assert!(
        found.contains("the event at position 4 ") && found.ends_with(": ip, type"),
        "{found}"
    );
    assert!(!found.contains("203.0.113.9"), "{found}");
    let found = told(begin().take(1, &there[1]));
    assert!(
        found.contains("record 0 of the event at position 4 ") && found.ends_with("is missing"),
        "{found}"
    );
    let mut all = begin();
    for (ordinal, record) in (0..).zip(&there) {
        all.take(ordinal, record).unwrap();
    }
    let found = told(all.take(there.len() as i16, &there[0]));
    assert!(found.ends_with("was put in"), "{found}");
}

#[test]
fn the_address_of_somebody_who_was_erased_is_not_compared_and_everything_else_is() {
    let erased = event(Some(Personal::Erased { subject: USER.into() }));
    let unknown = event(None);
    let known = AuditRecord {
        ip: Some("203.0.113.9".to_owned()),
        ..records(&erased)[0].clone()
    };
    Told::by(erased.clone()).unwrap().take(0, &known).unwrap();
    let other = AuditRecord {
        acting_user: None,
        ..known.clone()
    };
    assert!(Told::by(erased).unwrap().take(0, &other).is_err());
    assert!(Told::by(unknown).unwrap().take(0, &known).is_err(), "nobody was erased");
}

#[test]
fn of_an_export_only_what_is_asked_for_is_expected() {
    let event = event(None);
    let there = records(&event);
    let (organization, kind) = (OrganizationId(ORGANIZATION), there[1].kind);
    let of_kind = Filter {
        kinds: kind.into_iter().collect(),
        ..Filter::default()
    };
    let read = |log, filter: &Filter| {
        let told = Told::by(event.clone()).unwrap();
        told.read(|cursor, record| filter.takes(log, cursor.ordinal, record))
    };
    let mut one = read(Log::Organization(organization), &of_kind);
    one.take(1, &read::shown(there[1].clone())).unwrap();
    one.end().unwrap();
    let other = OrganizationId(Uuid::from_u128(9));
    read(Log::Organization(other), &Filter::default()).end().unwrap();
    let mut own = read(Log::All(USER), &Filter::default());
    for (ordinal, record) in (0..).zip(&there) {
        own.take(ordinal, &read::shown(record.clone())).unwrap();
    }
    own.end().unwrap();
}
