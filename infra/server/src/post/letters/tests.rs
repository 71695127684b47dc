//! Letters that depend on when something happened, by a clock the tests set.

use super::*;
use async_trait::async_trait;
use commands::{
    account::{device::DeviceInfo, login::RecordLogin, registration::Register},
    context::Context,
    ports::{Clock, EventStore, Seal, SealError},
};
use domain::{
    account::user::{Credentials, Profile},
    activity::Grant,
    crypto::{EncString, Kdf, Verifier},
    event::{NewEvent, Position, StreamName},
    id::EmailAddressId,
    time::Timestamp,
};
use eventstore_memory::MemoryStore;
use ops::MemorySnapshots;
use passwords::HmacProofs;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

const ANN: UserId = UserId(Uuid::from_u128(1));
const NOON: i64 = 1_795_000_000_000;
const MINUTE: i64 = 60_000;

/// A clock that shows what it was set to.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Nothing is sealed.
struct Open;

#[async_trait]
impl Seal for Open {
    async fn seal(&self, _: &StreamName, events: Vec<NewEvent>) -> Result<Vec<NewEvent>, SealError> {
        Ok(events)
    }

    async fn open(&self, events: Vec<StoredEvent>) -> Result<Vec<StoredEvent>, SealError> {
        Ok(events)
    }
}

/// Ann's account, made at noon.
struct World {
    clock: Arc<SetClock>,
    store: Arc<MemoryStore>,
    letters: Letters,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(NOON)));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
        let executor = Executor::new(
            Arc::clone(&store) as _,
            Arc::new(Open),
            Arc::new(MemorySnapshots::default()),
            Arc::clone(&clock) as _,
            Arc::new(clock::RandomIds),
            ANN.into(),
            16,
        );
        let letters = Letters {
            executor,
            proofs: Arc::new(HmacProofs::new(&[7; 32])),
            verify_signups: true,
        };
        let world = Self { clock, store, letters };
        let register = Register {
            user: ANN,
            address: EmailAddressId(Uuid::from_u128(2)),
            profile: Profile {
                email: "ann@example.org".to_owned(),
                name: None,
            },
            email_verified: true,
            kdf: Kdf::Pbkdf2 { iterations: 600_000 },
            credentials: Credentials {
                verifier: Verifier("v".to_owned()),
                user_key: EncString::parse("2.AAAA|AAAA|AAAA", 100).unwrap(),
                salt: "ann@example.org".to_owned(),
                hint: None,
            },
            keys: None,
            key_id: None,
            stamp: Uuid::from_u128(3),
        };
        world
            .letters
            .executor
            .transact(&world.context(), &register)
            .await
            .unwrap();
        world
    }

    fn context(&self) -> Context {
        let mut context = Context::system(Uuid::from_u128(4), None).by(ANN);
        context.ip = Some("192.0.2.7".parse().unwrap());
        context
    }

    /// Ann signs in with a device, this long after she registered.
    async fn login(&self, identifier: &str, minutes: i64) {
        self.clock.0.store(NOON + minutes * MINUTE, Ordering::Relaxed);
        let login = RecordLogin {
            user: ANN,
            device: DeviceInfo {
                identifier: identifier.to_owned(),
                kind: 25,
                name: format!("name of {identifier}"),
                push_token: None,
            },
            grant: Grant::Password,
        };
        self.letters.executor.transact(&self.context(), &login).await.unwrap();
    }

    /// The letters for everything that happened.
    async fn written(&self) -> Vec<NewMail> {
        let page = self.store.read_all(Position::START, 1_000).await.unwrap();
        let mut written = Vec::new();
        for event in page.events {
            written.extend(self.letters.for_event(&event).await.unwrap());
        }
        written
    }
}

#[tokio::test]
async fn a_device_the_account_did_not_know_is_told_once_with_name_and_network_address() {
    let world = World::new().await;
    world.login("phone", 11).await;
    world.login("phone", 12).await;
    let [mail] = &world.written().await[..] else {
        panic!("one letter")
    };
    assert_eq!((mail.to.as_str(), mail.subject), ("ann@example.org", ANN.into()));
    let Letter::NewDeviceLogin { device, ip, time } = &mail.letter else {
        panic!("another letter: {}", mail.letter.kind())
    };
    assert_eq!(device, "name of phone");
    assert_eq!(*ip, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(time.0, NOON + 11 * MINUTE);
}

#[tokio::test]
async fn the_device_an_account_was_made_with_is_no_news() {
    let world = World::new().await;
    world.login("laptop", 1).await;
    assert!(world.written().await.is_empty());
}
