//! The audit log says who did what, when, from where, and who vouches for it.

use super::history::{credentials, deleted, folder, item, ms, registered};
use super::world::{World, meta, person};
use domain::account::address::{EmailAddress, EmailAddressEvent};
use domain::account::user::{User, UserEvent};
use domain::activity::{Activity, ActivityEvent, Grant, Refusal};
use domain::event::Position;
use domain::id::{CipherId, DeviceId, EmailAddressId, FolderId, GroupId, GroupPlaceId, MembershipId, OrganizationId};
use domain::meta::{Actor, Meta, Origin};
use domain::organization::group::{GroupPlace, GroupPlaceEvent};
use domain::organization::membership::{Ending, Invitee, Membership, MembershipEvent, RevocationReason};
use domain::organization::role::Role;
use domain::personal::Personal;
use domain::vault::cipher::{Cipher, CipherEvent};
use domain::vault::folder::Folder;
use projections::audit::AuditProjector;
use projections::audit::read;
use projections::audit::record::AuditRecord;
use serde_json::json;
use std::net::IpAddr;
use uuid::Uuid;

const THING: Uuid = Uuid::from_u128(77);

/// All records about a person.
async fn records(world: &World, number: u128) -> Vec<AuditRecord> {
    let log = read::Log::All(person(number));
    let found = read::page(
        &world.pool,
        log,
        &read::Filter::default(),
        read::Order::Oldest,
        None,
        1_000,
    )
    .await;
    found.unwrap().into_iter().map(|(_, record)| record).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_who_what_when_and_from_where() {
    let (world, user) = (World::new().await, person(1));
    let _running = world.run(AuditProjector);
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    let from = Meta {
        origin: Origin::ClientReported,
        device: Some(DeviceId(Uuid::from_u128(5))),
        device_type: Some(9),
        client: Some("web".to_owned()),
        client_version: Some("2026.8.0".to_owned()),
        ip: Some(Personal::of(user, address)),
        ..meta(Actor::User(user))
    };
    let position = world.add_by::<Cipher>(CipherId(THING), &item(user, ms(3)), &from).await;
    let erased = Meta {
        ip: Some(Personal::Erased { subject: user.into() }),
        ..meta(Actor::User(user))
    };
    world
        .add_by::<Cipher>(CipherId(THING), &CipherEvent::Trashed { at: ms(4) }, &erased)
        .await;
    world.caught_up("audit").await;

    let found = records(&world, 1).await;
    let [made, trashed] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (made.position, made.kind, &*made.name),
        (position, Some(1100), "CipherCreated")
    );
    assert_eq!((made.at, made.recorded_at_micros), (ms(3), ms(0).0 * 1_000));
    assert_eq!(
        (made.actor.as_str(), made.acting_user),
        (&*format!("user:{user}"), Some(user))
    );
    assert_eq!(
        (made.user, made.cipher, made.folder),
        (Some(user), Some(CipherId(THING)), None)
    );
    assert_eq!((made.device, made.device_type), (from.device, Some(9)));
    assert_eq!(
        (made.client.as_deref(), made.client_version.as_deref()),
        (Some("web"), Some("2026.8.0"))
    );
    assert_eq!((made.ip.as_deref(), &*made.origin), (Some("203.0.113.7"), "client"));
    assert_eq!(
        (made.correlation, &made.detail),
        (from.correlation, &json!({"cipherType": 1, "imported": false}))
    );
    assert_eq!(
        (trashed.kind, trashed.ip.as_deref(), &*trashed.origin),
        (Some(1115), None, "server")
    );
    assert_eq!(trashed.user, Some(user), "whoever acts on a personal item owns it");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_the_type_numbers_clients_know() {
    use CipherEvent as C;
    let (world, user) = (World::new().await, person(1));
    let by = meta(Actor::User(user));
    world.add_by::<User>(user, &registered(user, ms(0)), &by).await;
    for event in [
        item(user, ms(1)),
        C::Filed {
            folder: None,
            favorite: true,
            at: ms(2),
        },
        C::Archived { at: ms(3) },
        C::Trashed { at: ms(4) },
        C::Restored { at: ms(5) },
        C::Deleted { at: ms(6) },
    ] {
        world.add_by::<Cipher>(CipherId(THING), &event, &by).await;
    }
    world.add_by::<Folder>(FolderId(THING), &folder(user, ms(7)), &by).await;
    let signed_in = ActivityEvent::LoggedIn {
        device: DeviceId(THING),
        grant: Grant::Password,
        at: ms(8),
    };
    world.add_by::<Activity>(user, &signed_in, &by).await;
    for reason in [Refusal::Secret, Refusal::SecondFactor] {
        let refused = ActivityEvent::LoginRefused {
            reason,
            count: 3,
            at: ms(9),
        };
        world.add_by::<Activity>(user, &refused, &meta(Actor::Anonymous)).await;
    }
    let refused = ActivityEvent::SecretRefused { count: 2, at: ms(9) };
    world.add_by::<Activity>(user, &refused, &by).await;
    let changed = UserEvent::PasswordChanged {
        credentials: credentials(user, 2),
        fingerprint: "f".to_owned(),
        stamp: THING,
        at: ms(10),
    };
    world.add_by::<User>(user, &changed, &by).await;
    world.add_by::<User>(user, &deleted(user, ms(11)), &by).await;
    let _running = world.run(AuditProjector);
    world.caught_up("audit").await;

    let found = records(&world, 1).await;
    let kinds: Vec<_> = found.iter().map(|r| (&*r.name, r.kind)).collect();
    let expected = [
        ("UserRegistered", None),
        ("CipherCreated", Some(1100)),
        ("CipherFiled", None),
        ("CipherArchived", None),
        ("CipherTrashed", Some(1115)),
        ("CipherRestored", Some(1116)),
        ("CipherDeleted", Some(1102)),
        ("FolderCreated", None),
        ("UserLoggedIn", Some(1000)),
        ("UserLoginRefused", Some(1005)),
        ("UserLoginRefused", Some(1006)),
        ("UserSecretRefused", None),
        ("UserPasswordChanged", Some(1001)),
        ("UserDeleted", None),
    ];
    assert_eq!(kinds, expected);
    let places: Vec<u64> = found.iter().map(|r| r.position.0).collect();
    assert_eq!(places, (1..=14).collect::<Vec<u64>>());
    assert_eq!((found[9].actor.as_str(), found[9].acting_user), ("anonymous", None));
    assert_eq!(found[9].detail, json!({"reason": "secret", "count": 3}));
    for secret in ["salt", "2.0000", "example.org", "verifier"] {
        let all = serde_json::to_string(&found).unwrap();
        assert!(!all.contains(secret), "contents in the audit log: {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holding_an_address_is_told_by_the_account_and_not_twice() {
    let (world, user) = (World::new().await, person(1));
    let _running = world.run(AuditProjector);
    let held = EmailAddressEvent::Held { by: user, at: ms(0) };
    world.add::<EmailAddress>(EmailAddressId(THING), &held).await;
    world.add::<User>(user, &registered(user, ms(1))).await;
    world.caught_up("audit").await;
    let names: Vec<String> = sqlx::query_scalar("select name from read.audit_record order by position")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(names, ["UserRegistered"]);
}

/// Events say whose a membership is once, and some of them are from before they said it at the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_membership_says_whose_it_is_from_when_that_is_known() {
    let organization = OrganizationId(Uuid::from_u128(50));
    let member = MembershipId(Uuid::from_u128(51));
    let group = GroupId(Uuid::from_u128(52));
    let place = GroupPlaceId::of(group, member);
    for batch in [1, 3, 2_000] {
        let (world, user) = (World::new().await, person(1));
        world.batches_of(batch);
        let by = Meta {
            organizations: vec![organization],
            ..meta(Actor::User(person(2)))
        };
        let _running = world.run(AuditProjector);
        let invited = MembershipEvent::Invited {
            organization,
            who: Personal::of(
                organization,
                Invitee {
                    email: "ben@example.org".to_owned(),
                },
            ),
            address: EmailAddressId(THING),
            role: Role::User,
            external_id: None,
            secrets_manager: false,
            at: ms(0),
        };
        world.add_by::<Membership>(member, &invited, &by).await;
        let again = MembershipEvent::InvitedAgain { at: ms(1) };
        world.add_by::<Membership>(member, &again, &by).await;
        let accepted = MembershipEvent::Accepted { user, at: ms(2) };
        world.add_by::<Membership>(member, &accepted, &by).await;
        let added = GroupPlaceEvent::Added {
            organization,
            group,
            member,
            at: ms(3),
        };
        world.add_by::<GroupPlace>(place, &added, &by).await;
        let revoked = MembershipEvent::Revoked {
            reason: RevocationReason::ByAdmin,
            at: ms(4),
        };
        world.add_by::<Membership>(member, &revoked, &by).await;
        let ended = MembershipEvent::Ended {
            how: Ending::Removed,
            user: None,
            at: ms(5),
        };
        world.add_by::<Membership>(member, &ended, &by).await;
        let removed = GroupPlaceEvent::Removed {
            group: Some(group),
            member: Some(member),
            at: ms(6),
        };
        world.add_by::<GroupPlace>(place, &removed, &by).await;
        world.caught_up("audit").await;

        let log = read::Log::Organization(organization);
        let found = read::page(&world.pool, log, &read::Filter::default(), read::Order::Oldest, None, 9).await;
        let found: Vec<_> = found.unwrap().into_iter().map(|(_, r)| (r.kind, r.user)).collect();
        let known = Some(user);
        let expected = [
            (Some(1500), None),
            (Some(1500), None),
            (None, known),
            (Some(1504), known),
            (Some(1511), known),
            (Some(1503), known),
            (Some(1504), known),
        ];
        assert_eq!(found, expected, "{batch} at once");
        let compared = world.rebuild(&AuditProjector, false).await.unwrap().unwrap();
        assert!(compared.equal(), "{batch} at once");
        // what somebody did is found by them, whomever it was done to
        assert_eq!(records(&world, 2).await.len(), 7);
    }
}

/// Told by the events of others: who holds an address or a domain, who has a place in an organization, which sessions are over.
const SILENT: [&str; 7] = [
    "EmailAddressHeld",
    "EmailAddressReleased",
    "MemberPlaceTaken",
    "MemberPlaceFreed",
    "DomainNameHeld",
    "DomainNameReleased",
    "SessionsFenced",
];

#[test]
fn everything_that_can_happen_is_told() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/src/upcast/fixtures");
    let meta = serde_json::to_vec(&meta(Actor::System)).unwrap();
    for category in domain::registry::CATEGORIES {
        for (name, schema) in category.types {
            let data = std::fs::read(examples.join(format!("{name}.{schema}.json"))).unwrap();
            let stored = domain::event::StoredEvent {
                position: Position(1),
                stream: domain::event::StreamName::new(category.name, THING),
                revision: domain::event::Revision(0),
                id: Uuid::from_u128(1),
                type_name: (*name).into(),
                schema: *schema,
                recorded_at_micros: 0,
                data: data.into(),
                meta: meta.clone().into(),
            };
            let told = projections::audit::record::records(&stored).unwrap().len();
            assert_eq!(told, usize::from(!SILENT.contains(name)), "{name}");
        }
    }
}
