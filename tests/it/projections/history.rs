//! Events to project: single ones for a test to name, and a long mixed history thrown by dice.

use super::world::{NOON, World, person};
use domain::account::user::{Credentials, KeyPair, Profile, User, UserEvent};
use domain::activity::{Activity, ActivityEvent, Grant, Refusal};
use domain::crypto::{EncString, Kdf, Verifier};
use domain::device::{Device, DeviceEvent};
use domain::id::{CipherId, DeviceId, EmailAddressId, FolderId, UserId};
use domain::personal::Personal;
use domain::time::Timestamp;
use domain::vault::cipher::{Cipher, CipherEvent, CipherKind, Content};
use domain::vault::folder::{Folder, FolderEvent};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::value::RawValue;
use uuid::Uuid;

/// So many milliseconds after noon.
pub fn ms(millis: i64) -> Timestamp {
    Timestamp(NOON.0 + millis)
}

/// A sealed text that says which it is to those who compare.
pub fn sealed(number: u32) -> EncString {
    EncString::parse(format!("2.{number:08}|AAAA|BBBB"), 1000).unwrap()
}

pub fn credentials(user: UserId, number: u32) -> Personal<Credentials> {
    let credentials = Credentials {
        verifier: Verifier(format!("verifier {number}")),
        user_key: sealed(number),
        salt: format!("salt{number}@example.org"),
        hint: None,
    };
    Personal::of(user, credentials)
}

pub fn registered(user: UserId, at: Timestamp) -> UserEvent {
    let profile = Profile {
        email: format!("{user}@example.org"),
        name: Some("Ann".to_owned()),
    };
    UserEvent::Registered {
        profile: Personal::of(user, profile),
        address: EmailAddressId(user.0),
        email_verified: false,
        kdf: Kdf::Pbkdf2 { iterations: 600_000 },
        credentials: credentials(user, 1),
        stamp: Uuid::from_u128(1),
        at,
    }
}

pub fn deleted(user: UserId, at: Timestamp) -> UserEvent {
    UserEvent::Deleted {
        email: Personal::of(user, format!("{user}@example.org")),
        at,
    }
}

pub fn content(number: u32) -> Content {
    let json = format!(r#"{{"type":1,"name":"2.{number:08}|AAAA|BBBB"}}"#);
    Content::new(RawValue::from_string(json).unwrap())
}

pub fn item(owner: UserId, at: Timestamp) -> CipherEvent {
    CipherEvent::Created {
        owner,
        organization: None,
        collections: Vec::new(),
        kind: CipherKind::Login,
        content: content(1),
        folder: None,
        favorite: false,
        archived: None,
        imported: false,
        at,
    }
}

pub fn folder(owner: UserId, at: Timestamp) -> FolderEvent {
    FolderEvent::Created {
        owner,
        name: sealed(1),
        at,
    }
}

pub fn device(user: UserId, at: Timestamp) -> DeviceEvent {
    DeviceEvent::Registered {
        user,
        identifier: format!("{user} at home"),
        kind: 9,
        name: Personal::of(user, "firefox".to_owned()),
        at,
    }
}

/// How many people a mixed history is about.
const PEOPLE: u128 = 4;
/// How many items, folders and devices each may have.
const THINGS: u128 = 5;

/// Adds `events` events of all kinds about a few people and their things, in whatever order the dice say: also for things
/// that are not there yet or no longer, and with times that collide. Some accounts are deleted on the way.
pub async fn mixed(world: &World, seed: u64, events: usize) {
    crowd(world, seed, PEOPLE, events).await;
}

/// The same about this many people.
pub async fn crowd(world: &World, seed: u64, people: u128, events: usize) {
    let mut dice = StdRng::seed_from_u64(seed);
    for number in 0..people {
        world
            .add::<User>(person(number), &registered(person(number), NOON))
            .await;
    }
    for number in 0..events {
        let user = person(dice.random_range(0..people));
        let thing = Uuid::from_u128(user.0.as_u128() + 1 + dice.random_range(0..THINGS));
        let at = ms(number as i64 / 3);
        match dice.random_range(0..20) {
            0..=3 => {
                let event = about_account(&mut dice, user, at);
                world.add::<User>(user, &event).await
            }
            4..=10 => {
                let event = about_item(&mut dice, user, at);
                world.add::<Cipher>(CipherId(thing), &event).await
            }
            11..=13 => {
                let event = about_folder(&mut dice, user, at);
                world.add::<Folder>(FolderId(thing), &event).await
            }
            14..=16 => {
                let event = about_device(&mut dice, user, at);
                world.add::<Device>(DeviceId(thing), &event).await
            }
            _ => {
                let event = about_activity(&mut dice, DeviceId(thing), at);
                world.add::<Activity>(user, &event).await
            }
        };
    }
}

fn about_account(dice: &mut StdRng, user: UserId, at: Timestamp) -> UserEvent {
    use UserEvent as E;
    let number = dice.random_range(2..1000);
    let stamp = Uuid::from_u128(u128::from(number));
    let fingerprint = number.to_string();
    match dice.random_range(0..40) {
        0 => deleted(user, at),
        1..=5 => E::PasswordChanged {
            credentials: credentials(user, number),
            fingerprint,
            stamp,
            at,
        },
        6..=10 => E::Renamed {
            name: dice
                .random::<bool>()
                .then(|| Personal::of(user, format!("Ann {number}"))),
            at,
        },
        11..=15 => E::KeyPairSet {
            keys: Personal::of(
                user,
                KeyPair {
                    public_key: fingerprint.clone(),
                    private_key: sealed(number),
                },
            ),
            fingerprint,
            at,
        },
        16..=20 => E::DomainsSet {
            equivalent: Some(Personal::of(user, vec![vec![fingerprint, "example.org".to_owned()]])),
            excluded: vec![1, 2],
            at,
        },
        21..=25 => E::SecurityStampRotated { stamp, at },
        26..=30 => E::EmailVerified { at },
        31..=35 => E::OneTimeCodeRequested { nonce: stamp, at },
        _ => registered(user, at),
    }
}

fn about_item(dice: &mut StdRng, owner: UserId, at: Timestamp) -> CipherEvent {
    use CipherEvent as E;
    let (folder, favorite) = (Some(FolderId(Uuid::from_u128(owner.0.as_u128() + 1))), dice.random());
    match dice.random_range(0..12) {
        0..=3 => item(owner, at),
        4 | 5 => E::Updated {
            content: content(dice.random_range(2..1000)),
            folder,
            favorite,
            archived: None,
            at,
        },
        6 => E::Filed { folder, favorite, at },
        7 => E::Archived { at },
        8 => E::Unarchived { at },
        9 => E::Trashed { at },
        10 => E::Restored { at },
        _ => E::Deleted { at },
    }
}

fn about_folder(dice: &mut StdRng, owner: UserId, at: Timestamp) -> FolderEvent {
    match dice.random_range(0..4) {
        0 | 1 => folder(owner, at),
        2 => FolderEvent::Renamed {
            name: sealed(dice.random_range(2..1000)),
            at,
        },
        _ => FolderEvent::Deleted { at },
    }
}

fn about_device(dice: &mut StdRng, user: UserId, at: Timestamp) -> DeviceEvent {
    let name = Personal::of(user, format!("phone {}", dice.random_range(0..1000)));
    match dice.random_range(0..5) {
        0 | 1 => device(user, at),
        2 => DeviceEvent::Renamed { kind: 1, name, at },
        3 => DeviceEvent::PushTokenSet {
            token: dice.random::<bool>().then_some(name),
            at,
        },
        _ => DeviceEvent::Removed { at },
    }
}

fn about_activity(dice: &mut StdRng, device: DeviceId, at: Timestamp) -> ActivityEvent {
    match dice.random_range(0..4) {
        0 | 1 => ActivityEvent::LoggedIn {
            device,
            grant: Grant::Password,
            at,
        },
        2 => ActivityEvent::SecretRefused { count: 1, at },
        _ => ActivityEvent::LoginRefused {
            reason: Refusal::Secret,
            count: 1,
            at,
        },
    }
}
