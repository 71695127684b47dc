//! A rotation of a user key among others who write, on any event store: decisions and store, without HTTP.

use bytes::Bytes;
use commands::account::AccountError;
use commands::account::keys::{
    AbandonKeyRotation, AccountKeys, BeginKeyRotation, NewSecret, Resealed, ResealedCipher, RotateUserKey,
};
use commands::account::secret::{Proven, Way};
use commands::context::Context;
use commands::execute::{ExecuteError, Executor};
use commands::ports::{AppendError, Clock, EventStore, Expected, Ids, READ_PAGE, Seal, StreamAppend};
use commands::vault::cipher::{CipherError, CreateCipher, NewCipher, UpdateCipher};
use commands::vault::folder::{CreateFolder, FolderError};
use domain::account::fence::Fence;
use domain::account::signing::Signing;
use domain::account::user::{Credentials, KeyPair, Profile, User, UserEvent};
use domain::crypto::{EncString, Kdf, Verifier};
use domain::event::{Aggregate, DomainEvent, NewEvent, Position};
use domain::id::{CipherId, EmailAddressId, FenceId, FolderId, SubjectId, UserId};
use domain::personal::Personal;
use domain::time::Timestamp;
use domain::vault::cipher::{Cipher, CipherKind, Content};
use domain::vault::folder::Folder;
use ops::MemorySnapshots;
use sealing::table::MemoryKeyTable;
use sealing::{CACHED_SUBJECTS, Keks, KeyFolder, Keyring};
use serde_json::value::RawValue;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;
use uuid::Uuid;

const KDF: Kdf = Kdf::Pbkdf2 { iterations: 600_000 };

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp(chrono::Utc::now().timestamp_millis())
    }
}

struct Random;

impl Ids for Random {
    fn new_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// One person on a store.
struct Person {
    store: Arc<dyn EventStore>,
    executor: Executor,
    id: UserId,
    stamp: Uuid,
}

fn sealed(text: &str) -> EncString {
    EncString::parse(format!("2.{text}|AAAA|AAAA"), 100).expect("the form")
}

fn content(under: &str) -> Content {
    Content::new(RawValue::from_string(format!(r#"{{"name":"{under}"}}"#)).expect("JSON"))
}

fn new_item(under: &str) -> NewCipher {
    NewCipher {
        kind: CipherKind::Login,
        content: content(under),
        folder: None,
        favorite: false,
        archived: None,
    }
}

impl Person {
    async fn register(store: Arc<dyn EventStore>) -> Self {
        let keys = tempfile::tempdir().expect("a folder");
        let keks = Keks::open(KeyFolder::open(keys.path()).expect("it opens")).expect("keys are made");
        let keyring = Arc::new(Keyring::new(Arc::new(MemoryKeyTable::default()), keks, CACHED_SUBJECTS));
        let (id, stamp) = (UserId(Uuid::new_v4()), Uuid::new_v4());
        let registered = UserEvent::Registered {
            profile: Personal::of(
                id,
                Profile {
                    email: "ann@example.org".to_owned(),
                    name: None,
                },
            ),
            address: EmailAddressId(Uuid::new_v4()),
            email_verified: true,
            kdf: KDF,
            credentials: Personal::of(
                id,
                Credentials {
                    verifier: Verifier("old".to_owned()),
                    user_key: sealed("AAAA"),
                    salt: "ann@example.org".to_owned(),
                    hint: None,
                },
            ),
            stamp,
            at: Timestamp(1),
        };
        let (type_name, schema, data) = registered.encode();
        let event = NewEvent {
            id: Uuid::new_v4(),
            type_name: type_name.into(),
            schema,
            data,
            meta: Bytes::from_static(b"{}"),
        };
        let stream = User::stream(id);
        let events = keyring.seal(&stream, vec![event]).await.expect("it is sealed");
        let expected = Expected::NoStream;
        let append = StreamAppend {
            stream,
            expected,
            events,
        };
        store.append(vec![append]).await.expect("it is stored");
        let executor = Executor::new(
            Arc::clone(&store),
            keyring,
            Arc::new(MemorySnapshots::default()),
            Arc::new(Now),
            Arc::new(Random),
            SubjectId(Uuid::from_u128(1)),
            1024,
        );
        Self {
            store,
            executor,
            id,
            stamp,
        }
    }

    /// A request of a session with `stamp`.
    fn session(&self, stamp: Uuid) -> Context {
        Context {
            fence: Some(Fence::stream(FenceId::of(self.id, stamp))),
            ..Context::system(Uuid::new_v4(), None)
        }
    }

    /// Makes an item in a session with `stamp`; `None` if the session is over.
    async fn create(&self, stamp: Uuid, under: &str) -> Option<CipherId> {
        let cipher = CipherId(Uuid::new_v4());
        let create = CreateCipher {
            cipher,
            by: self.id,
            new: new_item(under),
        };
        match self.executor.transact(&self.session(stamp), &create).await {
            Ok(_) => Some(cipher),
            Err(ExecuteError::<CipherError>::Append(AppendError::Fenced)) => None,
            Err(error) => panic!("{error}"),
        }
    }

    async fn create_folder(&self, stamp: Uuid) -> Option<FolderId> {
        let folder = FolderId(Uuid::new_v4());
        let create = CreateFolder {
            folder,
            by: self.id,
            name: sealed("AAAA"),
        };
        match self.executor.execute_new(&self.session(stamp), &create).await {
            Ok(_) => Some(folder),
            Err(ExecuteError::<FolderError>::Append(AppendError::Fenced)) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Edits an item again and again until the session is over, after one edit together with the others.
    async fn edit(&self, cipher: CipherId, begun: &Barrier) {
        for edits in 0.. {
            if edits == 1 {
                begun.wait().await;
            }
            tokio::task::yield_now().await; // a store in memory never waits
            let update = UpdateCipher {
                cipher,
                by: self.id,
                new: new_item("old"),
                known: None,
            };
            match self.executor.transact(&self.session(self.stamp), &update).await {
                Ok(_) => {}
                Err(ExecuteError::<CipherError>::Append(AppendError::Fenced)) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Makes items and folders until the session is over, after the first of each together with the others.
    async fn fill(&self, begun: &Barrier) -> (Vec<CipherId>, Vec<FolderId>) {
        let (mut ciphers, mut folders) = (Vec::new(), Vec::new());
        loop {
            match self.create(self.stamp, "old").await {
                Some(cipher) => ciphers.push(cipher),
                None => return (ciphers, folders),
            }
            match self.create_folder(self.stamp).await {
                Some(folder) => folders.push(folder),
                None => return (ciphers, folders),
            }
            if folders.len() == 1 {
                begun.wait().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The ids of a category that the store has: there is one person in it, who deletes nothing.
    async fn listed<A: Aggregate>(&self) -> BTreeSet<Uuid> {
        let (mut found, mut after) = (BTreeSet::new(), Position::START);
        loop {
            let page = self.store.read_all(after, READ_PAGE).await.expect("it is read");
            let ours = page.events.iter().filter(|event| event.stream.category == A::CATEGORY);
            found.extend(ours.map(|event| event.stream.id));
            after = page.next;
            if page.next >= page.head {
                return found;
            }
        }
    }

    /// Steps 2 and 3 of a rotation; the stamp it was begun with.
    async fn begin(&self) -> Uuid {
        let begin = BeginKeyRotation {
            user: self.id,
            proven: Proven {
                way: Way::Password(Verifier("old".to_owned())),
                stamp: self.stamp,
            },
            stamp: Uuid::new_v4(),
        };
        let session = self.session(self.stamp);
        self.executor.transact(&session, &begin).await.expect("it is begun");
        self.executor.let_land().await.expect("it has landed");
        begin.stamp
    }

    /// The rotation that a client would ask for which knew of everything there is.
    async fn rotation(&self, begun: Uuid) -> RotateUserKey {
        let ciphers: Vec<_> = self.listed::<Cipher>().await.into_iter().map(CipherId).collect();
        let folders: Vec<_> = self.listed::<Folder>().await.into_iter().map(FolderId).collect();
        let resealed = |cipher: &CipherId| {
            let resealed = ResealedCipher {
                kind: CipherKind::Login,
                content: content("new"),
                known: None,
            };
            (*cipher, resealed)
        };
        RotateUserKey {
            user: self.id,
            secret: NewSecret {
                verifier: Verifier("new".to_owned()),
                user_key: sealed("BBBB"),
                salt: None,
                key_id: None,
            },
            kdf: KDF,
            hint: None,
            keys: AccountKeys {
                pair: KeyPair {
                    public_key: "AAAA".to_owned(),
                    private_key: sealed("BBBB"),
                },
                signing: Some(Signing {
                    signed_public_key: "AAAA".to_owned(),
                    signing_key: sealed("BBBB"),
                    verifying_key: "AAAA".to_owned(),
                    state: "AAAA".to_owned(),
                    version: 2,
                }),
            },
            resealed: Resealed {
                ciphers: ciphers.iter().map(resealed).collect(),
                folders: folders.iter().map(|folder| (*folder, sealed("BBBB"))).collect(),
                recovery: HashMap::new(),
            },
            ciphers,
            folders,
            memberships: vec![],
            begun,
            stamp: Uuid::new_v4(),
        }
    }

    async fn rotate(&self, rotation: &RotateUserKey) -> Result<(), ExecuteError<AccountError>> {
        let context = self.session(self.stamp).past_its_session();
        self.executor.transact(&context, rotation).await.map(drop)
    }
}

/// While a key is rotated many create and edit: afterwards every item is under the new key, or its making was refused.
///
/// # Panics
/// When something is left under the old key, or lost.
pub async fn every_item_is_rotated_or_refused(store: Arc<dyn EventStore>) {
    let person = Person::register(store).await;
    let edited = person.create(person.stamp, "old").await.expect("the session is good");
    let begun = Barrier::new(16);
    let writers = futures::future::join_all((0..12).map(|_| person.fill(&begun)));
    let editors = futures::future::join_all((0..3).map(|_| person.edit(edited, &begun)));
    let rotating = async {
        begun.wait().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begun = person.begin().await;
        let rotation = person.rotation(begun).await;
        person.rotate(&rotation).await.expect("everything was listed");
        rotation
    };
    let (written, _, rotation) = tokio::join!(writers, editors, rotating);
    let made: BTreeSet<Uuid> = written
        .iter()
        .flat_map(|(c, _)| c)
        .chain([&edited])
        .map(|c| c.0)
        .collect();
    let folders: BTreeSet<Uuid> = written.iter().flat_map(|(_, f)| f).map(|f| f.0).collect();
    assert_eq!(
        person.listed::<Cipher>().await,
        made,
        "what was answered is there, what was refused is not"
    );
    assert_eq!(person.listed::<Folder>().await, folders);

    let ids: Vec<CipherId> = made.iter().copied().map(CipherId).collect();
    for cipher in person.executor.states::<Cipher>(&ids).await.expect("they are read") {
        assert_eq!(cipher.of(person.id).expect("it is there").content, content("new"));
    }
    let ids: Vec<FolderId> = folders.iter().copied().map(FolderId).collect();
    for folder in person.executor.states::<Folder>(&ids).await.expect("they are read") {
        let (owner, name) = (person.id, sealed("BBBB"));
        assert_eq!(folder, Folder::Live { owner, name });
    }
    let user = person.executor.state::<User>(person.id).await.expect("it is read");
    let user = user.live().expect("it is there");
    assert_eq!((user.rotating, user.stamp), (false, rotation.stamp));
    let keys = (user.keys.clone(), user.signing.clone());
    assert_eq!(keys, (Some(rotation.keys.pair.clone()), rotation.keys.signing.clone()));
    assert_eq!(person.create(person.stamp, "old").await, None, "a session from before");
    assert!(
        person.create(rotation.stamp, "new").await.is_some(),
        "a session from after"
    );
}

/// Who signs in before a begun rotation is done ends it, and nothing has changed but the sessions.
///
/// # Panics
/// When it goes on, or locks the person out.
pub async fn a_sign_in_ends_a_rotation(store: Arc<dyn EventStore>) {
    let person = Person::register(store).await;
    let item = person.create(person.stamp, "old").await.expect("the session is good");
    let begun = person.begin().await;
    let rotation = person.rotation(begun).await;
    let system = Context::system(Uuid::new_v4(), None);
    let abandon = AbandonKeyRotation { user: person.id };
    let done = person
        .executor
        .execute(&system, &abandon)
        .await
        .expect("it is abandoned");
    assert_eq!(
        done.value.live().map(|user| (user.rotating, user.stamp)),
        Some((false, begun))
    );
    let refused = person.rotate(&rotation).await;
    assert!(
        matches!(refused, Err(ExecuteError::Refused(AccountError::Interrupted))),
        "{refused:?}"
    );
    let cipher = person.executor.state::<Cipher>(item).await.expect("it is read");
    assert_eq!(cipher.of(person.id).expect("it is there").content, content("old"));
    assert!(
        person.create(begun, "old").await.is_some(),
        "the session that was signed in to"
    );
    assert_eq!(person.create(person.stamp, "old").await, None, "a session from before");
}
