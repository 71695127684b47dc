use super::*;
use domain::{
    account::fence::Fence,
    event::{Counts, Revision, StreamName},
    id::CommandId,
    meta::organizations_in,
    organization::{claim::HeldName, place::Place},
};
use std::{collections::BTreeSet, path::Path};

/// The stored examples of one category: the organizations named in the metadata an event gets when it is appended are
/// those in whose logs it has records.
fn compare<A: Aggregate>() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/src/upcast/fixtures");
    for (name, schema) in A::Event::TYPES {
        let data = std::fs::read(folder.join(format!("{name}.{schema}.json"))).unwrap();
        let event = A::Event::decode(name, *schema, &data).unwrap();
        let id = Uuid::from_u128(7);
        let asked = [1, 2].map(|n| OrganizationId(Uuid::from_u128(n)));
        let named = match A::default().counts(A::Id::from(id), &event) {
            Counts::AsAsked => asked.to_vec(),
            Counts::For(one) => vec![one],
            Counts::ForNone => Vec::new(),
        };
        let meta = Meta {
            actor: Actor::System,
            origin: Origin::Server,
            device: None,
            device_type: None,
            client: None,
            client_version: None,
            ip: None,
            command: CommandId(id),
            correlation: id,
            causation: None,
            organizations: named.clone(),
        };
        let stored = StoredEvent {
            position: Position(1),
            stream: StreamName::new(A::CATEGORY, id),
            revision: Revision(0),
            id,
            type_name: (*name).into(),
            schema: *schema,
            recorded_at_micros: 1,
            data: data.into(),
            meta: serde_json::to_vec(&meta).unwrap().into(),
        };
        let shown = records(&stored).unwrap();
        let shown: BTreeSet<_> = shown.iter().filter_map(|record| record.organization).collect();
        assert_eq!(shown, named.into_iter().collect(), "{name}");
        assert_eq!(shown, organizations_in(&stored.meta).into_iter().collect(), "{name}");
    }
}

#[test]
fn an_event_has_records_in_the_logs_of_the_organizations_its_metadata_names_and_in_no_others() {
    compare::<User>();
    compare::<EmailAddress>();
    compare::<Fence>();
    compare::<Device>();
    compare::<Activity>();
    compare::<Cipher>();
    compare::<Folder>();
    compare::<Filing>();
    compare::<Organization>();
    compare::<Membership>();
    compare::<Collection>();
    compare::<Grant>();
    compare::<Group>();
    compare::<GroupPlace>();
    compare::<Place>();
    compare::<HeldName>();
    compare::<Policy>();
    compare::<Task>();
}

#[test]
fn what_the_server_does_by_itself_has_the_number_of_the_catalogue() {
    let organization = OrganizationId(Uuid::from_u128(1));
    for (actor, kind, number) in [
        (Actor::DomainVerification, 2002, Some(2)),
        (Actor::DomainVerification, 1700, Some(2)),
        (Actor::DomainVerification, 1521, Some(2)),
        (Actor::System, 2003, Some(2)),
        (Actor::System, 1520, Some(4)),
        (Actor::System, 1503, Some(0)),
        (Actor::Organization(organization), 1503, Some(3)),
        (Actor::Scim(organization), 1503, Some(1)),
        (Actor::Anonymous, 1005, None),
    ] {
        assert_eq!(system_user(actor, Some(kind)), number, "{actor:?} {kind}");
    }
    // as it was written before, and as it is now
    let read = |text: &str| serde_json::from_str::<Actor>(text).unwrap();
    assert_eq!(read(r#"{"kind":"system"}"#), Actor::System);
    assert_eq!(read(r#"{"kind":"domain_verification"}"#), Actor::DomainVerification);
}
