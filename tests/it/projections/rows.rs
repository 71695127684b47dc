//! Events in, rows out.

use super::history::{content, credentials, deleted, device, folder, item, mixed, ms, registered, sealed};
use super::world::{TABLES, World, person};
use domain::account::signing::Signing;
use domain::account::user::{KeyPair, User, UserEvent};
use domain::activity::{Activity, ActivityEvent, Grant};
use domain::crypto::Kdf;
use domain::device::{Device, DeviceEvent};
use domain::event::Position;
use domain::id::{CipherId, DeviceId, FolderId};
use domain::personal::Personal;
use domain::vault::cipher::{Cipher, CipherEvent};
use domain::vault::folder::{Folder, FolderEvent};
use projections::audit::AuditProjector;
use projections::sync::account::AccountView;
use projections::sync::cipher::{CipherRow, Holder};
use projections::sync::revision::Revision;
use projections::sync::{SyncProjector, read};
use tests::sample::seed;
use uuid::Uuid;

const THING: Uuid = Uuid::from_u128(77);

async fn account(world: &World) -> Option<AccountView> {
    let mut connection = world.pool.acquire().await.unwrap();
    read::account(&mut connection, person(1)).await.unwrap()
}

async fn revision(world: &World) -> Option<Revision> {
    let mut connection = world.pool.acquire().await.unwrap();
    read::revision_of(&mut connection, person(1)).await.unwrap()
}

async fn cipher(world: &World) -> Option<CipherRow> {
    let found = read::ciphers(&world.pool, &[THING]).await.unwrap();
    found.into_iter().next().map(|(_, row)| row)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_shows_what_its_events_say() {
    use UserEvent as E;
    let (world, user) = (World::new().await, person(1));
    let _running = world.run(SyncProjector::default());
    world.add::<User>(user, &registered(user, ms(0))).await;
    world.caught_up("sync").await;
    let first = account(&world).await.unwrap();
    assert_eq!(
        (first.email.as_str(), first.name.as_deref()),
        (&*format!("{user}@example.org"), Some("Ann"))
    );
    assert_eq!(
        (first.email_verified, first.verify_devices, first.created),
        (false, true, ms(0))
    );
    assert_eq!(
        (first.salt.as_str(), first.user_key.as_str()),
        ("salt1@example.org", sealed(1).as_str())
    );

    let keys = KeyPair {
        public_key: "public".to_owned(),
        private_key: sealed(2),
    };
    let signing = Signing {
        signed_public_key: "signed".to_owned(),
        signing_key: sealed(3),
        verifying_key: "verifying".to_owned(),
        state: "state".to_owned(),
        version: 2,
    };
    let kdf = Kdf::Argon2id {
        iterations: 3,
        memory: 64,
        parallelism: 4,
    };
    let events = [
        E::KeyPairSet {
            keys: Personal::of(user, keys),
            fingerprint: "f".to_owned(),
            at: ms(1),
        },
        E::UserKeyIdSet {
            key_id: "k".to_owned(),
            at: ms(2),
        },
        E::SigningKeysSet {
            signing: Personal::of(user, signing.clone()),
            fingerprint: "f".to_owned(),
            at: ms(2),
        },
        E::KdfChanged {
            kdf,
            credentials: credentials(user, 3),
            fingerprint: "f".to_owned(),
            stamp: Uuid::from_u128(3),
            at: ms(3),
        },
        E::EmailChanged {
            email: Personal::of(user, "new@example.org".to_owned()),
            before: Personal::of(user, first.email.clone()),
            address: domain::id::EmailAddressId(Uuid::from_u128(4)),
            credentials: credentials(user, 4),
            fingerprint: "f".to_owned(),
            stamp: Uuid::from_u128(4),
            at: ms(4),
        },
        E::Renamed { name: None, at: ms(5) },
        E::AvatarChanged {
            color: Some("#012345".to_owned()),
            at: ms(6),
        },
        E::DomainsSet {
            equivalent: Some(Personal::of(user, vec![vec!["a.org".to_owned(), "b.org".to_owned()]])),
            excluded: vec![7],
            at: ms(7),
        },
        E::DeviceVerificationSet { on: false, at: ms(8) },
        E::SecurityStampRotated {
            stamp: Uuid::from_u128(9),
            at: ms(9),
        },
    ];
    for event in &events {
        world.add::<User>(user, event).await;
    }
    world.caught_up("sync").await;
    let expected = AccountView {
        signing: Some(signing),
        email: "new@example.org".to_owned(),
        email_verified: true,
        name: None,
        kdf,
        salt: "salt4@example.org".to_owned(),
        user_key: sealed(4).as_str().to_owned(),
        key_id: Some("k".to_owned()),
        public_key: Some("public".to_owned()),
        private_key: Some(sealed(2).as_str().to_owned()),
        stamp: Uuid::from_u128(9),
        temporary_password: false,
        avatar_color: Some("#012345".to_owned()),
        verify_devices: false,
        equivalent_domains: Some(vec![vec!["a.org".to_owned(), "b.org".to_owned()]]),
        excluded_domains: vec![7],
        created: ms(0),
    };
    assert_eq!(account(&world).await, Some(expected));

    let before = revision(&world).await;
    world.add::<User>(user, &E::OneTimeCodeUsed { at: ms(10) }).await;
    world.caught_up("sync").await;
    assert_eq!(
        revision(&world).await,
        before,
        "nobody must sync because a code was used"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_shows_what_its_events_say() {
    use CipherEvent as E;
    let (world, filed) = (World::new().await, Some(FolderId(Uuid::from_u128(5))));
    let _running = world.run(SyncProjector::default());
    let step = async |event: CipherEvent| {
        world.add::<Cipher>(CipherId(THING), &event).await;
        world.caught_up("sync").await;
        cipher(&world).await
    };
    let made = step(item(person(1), ms(0))).await.unwrap();
    assert_eq!(
        (made.owner, made.kind, &*made.content),
        (Holder::Person(person(1)), 1, content(1).members())
    );
    assert_eq!(
        (made.folder, made.favorite, made.archived, made.deleted),
        (None, false, None, None)
    );
    assert_eq!((made.created, made.revised), (ms(0), ms(0)));

    let updated = E::Updated {
        content: content(2),
        folder: filed,
        favorite: true,
        archived: Some(ms(1)),
        at: ms(1),
    };
    let updated = step(updated).await.unwrap();
    assert_eq!(&*updated.content, content(2).members());
    assert_eq!(
        (updated.folder, updated.favorite, updated.archived),
        (filed, true, Some(ms(1)))
    );
    assert_eq!((updated.created, updated.revised), (ms(0), ms(1)));

    let moved = E::Filed {
        folder: None,
        favorite: false,
        at: ms(2),
    };
    let moved = step(moved).await.unwrap();
    assert_eq!((moved.folder, moved.favorite, moved.revised), (None, false, ms(1)));

    let row = step(E::Unarchived { at: ms(3) }).await.unwrap();
    assert_eq!((row.archived, row.revised), (None, ms(3)));
    let row = step(E::Archived { at: ms(4) }).await.unwrap();
    assert_eq!((row.archived, row.revised), (Some(ms(4)), ms(4)));
    let row = step(E::Trashed { at: ms(5) }).await.unwrap();
    assert_eq!((row.deleted, row.revised), (Some(ms(5)), ms(5)));
    assert!(
        row.frame.contains(&format!(r#""deletedDate":"{}""#, ms(5))),
        "{}",
        row.frame
    );
    let row = step(E::Restored { at: ms(6) }).await.unwrap();
    assert_eq!((row.deleted, row.revised), (None, ms(6)));
    assert!(row.frame.ends_with(r#""deletedDate":null"#), "{}", row.frame);
    assert_eq!(step(E::Deleted { at: ms(7) }).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_devices_show_what_their_events_say() {
    let (world, user) = (World::new().await, person(1));
    let _running = world.run(SyncProjector::default());
    world.add::<Folder>(FolderId(THING), &folder(user, ms(0))).await;
    let renamed = FolderEvent::Renamed {
        name: sealed(2),
        at: ms(1),
    };
    world.add::<Folder>(FolderId(THING), &renamed).await;
    world.add::<Device>(DeviceId(THING), &device(user, ms(0))).await;
    let signed_in = ActivityEvent::LoggedIn {
        device: DeviceId(THING),
        grant: Grant::Password,
        at: ms(5),
    };
    world.add::<Activity>(user, &signed_in).await;
    let name = Personal::of(user, "phone".to_owned());
    let token = DeviceEvent::PushTokenSet {
        token: Some(Personal::of(user, "token".to_owned())),
        at: ms(6),
    };
    let called = DeviceEvent::Renamed {
        kind: 1,
        name,
        at: ms(7),
    };
    world.add::<Device>(DeviceId(THING), &token).await;
    world.add::<Device>(DeviceId(THING), &called).await;
    world.caught_up("sync").await;

    let row = read::folder(&world.pool, FolderId(THING)).await.unwrap().unwrap();
    assert_eq!((row.owner, row.name.as_str()), (user, sealed(2).as_str()));
    assert_eq!((row.created, row.revised), (ms(0), ms(1)));
    let devices = read::devices_of(&world.pool, user).await.unwrap();
    let [(id, row)] = &devices[..] else {
        panic!("{devices:?}")
    };
    assert_eq!(
        (*id, row.kind, row.name.as_deref()),
        (DeviceId(THING), 1, Some("phone"))
    );
    assert_eq!(
        (row.created, row.active, row.push_token.as_deref()),
        (ms(0), ms(5), Some("token"))
    );
    let called = read::devices_called(&world.pool, &row.identifier).await.unwrap();
    assert_eq!(called, [(user, DeviceId(THING))]);

    world
        .add::<Folder>(FolderId(THING), &FolderEvent::Deleted { at: ms(8) })
        .await;
    world
        .add::<Device>(DeviceId(THING), &DeviceEvent::Removed { at: ms(8) })
        .await;
    world.caught_up("sync").await;
    assert_eq!(read::folder(&world.pool, FolderId(THING)).await.unwrap(), None);
    assert_eq!(read::devices_of(&world.pool, user).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_in_one_millisecond_have_two_revision_dates() {
    let (world, user) = (World::new().await, person(1));
    let _running = world.run(SyncProjector::default());
    world.add::<User>(user, &registered(user, ms(0))).await;
    let mut seen = Vec::new();
    for number in 1..=3 {
        let position = world
            .add::<Folder>(FolderId(Uuid::from_u128(number)), &folder(user, ms(0)))
            .await;
        world.caught_up("sync").await;
        let revision = revision(&world).await.unwrap();
        assert_eq!(revision.position, position);
        seen.push(revision.at);
    }
    assert_eq!(seen, [ms(1), ms(2), ms(3)]);
    world.add::<Folder>(FolderId(THING), &folder(user, ms(50))).await;
    world.caught_up("sync").await;
    assert_eq!(revision(&world).await.unwrap().at, ms(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_takes_all_its_rows_along_and_nobody_elses() {
    let world = World::new().await;
    for number in [1, 2] {
        let (user, id) = (person(number), |n: u128| Uuid::from_u128(number * 10 + n));
        world.add::<User>(user, &registered(user, ms(0))).await;
        world.add::<Cipher>(CipherId(id(1)), &item(user, ms(1))).await;
        world.add::<Folder>(FolderId(id(2)), &folder(user, ms(2))).await;
        world.add::<Device>(DeviceId(id(3)), &device(user, ms(3))).await;
    }
    let sync = &TABLES[..5];
    world.sync().await;
    for (table, rows) in world.dump(sync).await {
        assert_eq!(rows.len(), 2, "{table}");
    }
    // in one batch with a change before it, and one behind it that comes too late
    world
        .add::<Cipher>(CipherId(Uuid::from_u128(11)), &CipherEvent::Trashed { at: ms(4) })
        .await;
    world.add::<User>(person(1), &deleted(person(1), ms(5))).await;
    world
        .add::<Cipher>(CipherId(Uuid::from_u128(11)), &CipherEvent::Restored { at: ms(6) })
        .await;
    world.sync().await;
    for (table, rows) in world.dump(sync).await {
        assert_eq!(rows.len(), 1, "{table}");
        assert!(!rows[0].contains(&person(1).to_string()), "{table}: {}", rows[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_do_not_depend_on_how_many_events_come_at_once() {
    let seed = seed("a mixed history");
    let mut dumps = Vec::new();
    for batch in [1, 7, 2_000] {
        let world = World::new().await;
        world.start_empty(SyncProjector::default()).await;
        world.start_empty(AuditProjector).await;
        mixed(&world, seed, 400).await;
        world.batches_of(batch);
        let _running = (world.run(SyncProjector::default()), world.run(AuditProjector));
        world.caught_up("sync").await;
        world.caught_up("audit").await;
        let mut dump = world.dump(&TABLES).await;
        // ids and times of the store differ from world to world
        dump.retain(|(table, _)| *table != "audit_record");
        let audit = "select concat_ws(' ', position, ordinal, type, name, at, actor, user_id, detail)
                     from read.audit_record order by position, ordinal";
        let audit: Vec<String> = sqlx::query_scalar(audit).fetch_all(&world.pool).await.unwrap();
        assert_eq!(world.position("sync").await, Some(Position(404)));
        dumps.push((batch, dump, audit.len(), audit));
    }
    for (table, rows) in &dumps[0].1 {
        assert!(!rows.is_empty(), "{table} has no rows: the history shows too little");
    }
    for other in &dumps[1..] {
        assert_eq!(dumps[0].1, other.1, "one by one, and {} at once", other.0);
        assert_eq!(
            (dumps[0].2, &dumps[0].3),
            (other.2, &other.3),
            "one by one, and {} at once",
            other.0
        );
    }
}
