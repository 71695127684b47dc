//! A store, the trees over it, and the audit log made of it.

use async_trait::async_trait;
use commands::ports::{EventStore, Expected, StoredLeaf, StreamAppend};
use domain::{
    crypto::EncString,
    event::{DomainEvent, NewEvent, Position, StoredEvent, StreamName},
    id::{CommandId, OrganizationId, UserId},
    meta::{Actor, Meta, Origin},
    personal::Personal,
    proof::{LogId, checkpoint::Checkpoint, tree::Tree},
    time::Timestamp,
    vault::folder::FolderEvent,
};
use eventstore_postgres::{PostgresStore, Settings};
use ops::log_tree::{Follower, Known, LAG, LogKey, LogTree, Verified, check};
use projections::{
    audit::{AuditProjector, compare},
    feed::{Batch, FeedError, Subscription},
    generation,
    runner::Runner,
};
use sqlx::{AssertSqlSafe, PgPool};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tests::cluster::{TestDatabase, database};
use tokio::sync::watch;
use uuid::Uuid;

/// Two organizations: of three events one names the first, one both, and one none.
pub fn organizations() -> [OrganizationId; 2] {
    [1, 2].map(|n| OrganizationId(Uuid::from_u128(n)))
}

fn named(i: usize) -> Vec<OrganizationId> {
    let [a, b] = organizations();
    match i % 3 {
        0 => vec![a],
        1 => vec![b, a, b],
        _ => Vec::new(),
    }
}

/// Who makes all folders.
const USER: UserId = UserId(Uuid::from_u128(9));

/// A folder that a member made.
fn folder(organizations: Vec<OrganizationId>) -> NewEvent {
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    let meta = Meta {
        actor: Actor::User(USER),
        origin: Origin::Server,
        device: None,
        device_type: Some(9),
        client: Some("web".to_owned()),
        client_version: None,
        ip: Some(Personal::of(USER, address)),
        command: CommandId(Uuid::new_v4()),
        correlation: Uuid::new_v4(),
        causation: None,
        organizations,
    };
    let event = FolderEvent::Created {
        owner: USER,
        name: EncString::parse("2.AAAA|AAAA|AAAA", 1_000).unwrap(),
        at: Timestamp(1_795_000_000_000),
    };
    let (type_name, schema, data) = event.encode();
    NewEvent {
        id: Uuid::new_v4(),
        type_name: type_name.into(),
        schema,
        data,
        meta: serde_json::to_vec(&meta).unwrap().into(),
    }
}

/// The store as the audit log's projector sees it; nothing in it is sealed.
struct Feed(Arc<PostgresStore>);

#[async_trait]
impl Subscription for Feed {
    async fn next(&self, after: Position, max: usize) -> Result<Batch, FeedError> {
        let page = self.0.read_all(after, max).await;
        let page = page.map_err(|e| FeedError(e.to_string()))?;
        Ok(Batch {
            events: page.events,
            next: page.next,
            head: page.head,
        })
    }

    async fn find(&self, _: &StreamName, _: Position) -> Result<Option<StoredEvent>, FeedError> {
        Err(FeedError("nothing is parked here".to_owned()))
    }

    async fn head(&self) -> Result<Position, FeedError> {
        self.0.head().await.map_err(|e| FeedError(e.to_string()))
    }

    fn wake(&self) -> watch::Receiver<Position> {
        self.0.wake()
    }
}

/// A store, and the trees over it.
pub struct World {
    pub url: String,
    pub pool: PgPool,
    pub store: Arc<PostgresStore>,
    pub log: LogId,
    pub key: LogKey,
}

impl World {
    pub async fn new() -> Self {
        let TestDatabase { url, pool } = database().await;
        eventstore_postgres::migrate(&pool).await.unwrap();
        ops::migrate(&pool).await.unwrap();
        generation::migrate(&pool).await.unwrap();
        let store = PostgresStore::connect(&pool, Settings::default()).await.unwrap();
        let log = LogId("annalock/test".to_owned());
        Self {
            pool,
            store: Arc::new(store),
            key: LogKey::new(&log, &[3; 32]).unwrap(),
            log,
            url,
        }
    }

    pub fn tree(&self) -> LogTree {
        self.tree_over(&self.pool)
    }

    pub fn tree_over(&self, pool: &PgPool) -> LogTree {
        let store = Arc::clone(&self.store) as Arc<dyn EventStore>;
        LogTree::new(self.log.clone(), pool.clone(), store, |_| true)
    }

    /// Adds that many events, to as many streams.
    pub async fn append(&self, count: usize) {
        self.append_naming(count, named).await;
    }

    /// The same, as it was when metadata named no organizations.
    pub async fn append_for_nobody(&self, count: usize) {
        self.append_naming(count, |_| Vec::new()).await;
    }

    pub async fn append_naming(&self, count: usize, named: fn(usize) -> Vec<OrganizationId>) {
        let appends = (0..count).map(|i| StreamAppend {
            stream: StreamName::new("folder", Uuid::new_v4()),
            expected: Expected::NoStream,
            events: vec![folder(named(i))],
        });
        self.store.append(appends.collect()).await.unwrap();
    }

    /// Lets the projector of the audit log take all there is.
    pub async fn project(&self) {
        let feed = Arc::new(Feed(Arc::clone(&self.store)));
        let head = feed.head().await.unwrap();
        let runner = Runner::new(Arc::new(AuditProjector), self.pool.clone(), feed, None);
        let running = tokio::spawn(runner.run());
        while compare::position(&self.pool).await.unwrap() < head {
            assert!(!running.is_finished(), "the projector ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        running.abort();
        let _ = running.await;
    }

    /// Takes everything up and signs it.
    pub async fn signed(&self) -> String {
        Follower::new(self.tree()).catch_up().await.unwrap();
        self.tree().sign_parts(&self.key).await.unwrap();
        self.tree().sign(&self.key).await.unwrap().unwrap().1
    }

    /// What comparing everything says: how many events the tree has, or what is wrong.
    pub async fn verify(&self, known: &[&str]) -> Result<u64, String> {
        self.verified(known).await.map(|verified| verified.events)
    }

    /// All of what it says.
    pub async fn verified(&self, known: &[&str]) -> Result<Verified, String> {
        let known = known.iter().map(|note| Known {
            source: "an outsider".to_owned(),
            note: (*note).to_owned(),
        });
        let worked = compare::position(&self.pool).await.unwrap();
        let verified = self
            .tree()
            .verify(self.key.public(), known.collect(), worked, &|_, _| {})
            .await;
        let verified = verified.map_err(|e| e.to_string())?;
        let feed = Feed(Arc::clone(&self.store));
        let compared = compare::compare(&self.pool, &feed, (verified.position, LAG), &|_, _| {}).await;
        let compared = compared.map_err(|e| e.to_string())?;
        assert_eq!(compared.position, worked);
        Ok(verified)
    }

    /// Runs statements as a superuser may: past all triggers.
    pub async fn tamper(&self, statements: &str) {
        let mut tx = self.pool.begin().await.unwrap();
        let past = format!("set local session_replication_role = replica; {statements}");
        sqlx::raw_sql(AssertSqlSafe(past)).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Size and root over what is stored, computed without any tile.
    pub async fn root(&self) -> (u64, [u8; 32]) {
        self.root_of(&self.log, |_| true).await
    }

    pub async fn root_of(&self, log: &LogId, counts: impl Fn(&[u8]) -> bool) -> (u64, [u8; 32]) {
        let mut tree = Tree::default();
        let leaves = self.store.read_leaves(Position::START, 100_000).await.unwrap().leaves;
        for StoredLeaf { leaf, .. } in leaves.into_iter().filter(|leaf| counts(&leaf.meta)) {
            tree.push(leaf.hash(log, tree.size()));
        }
        (tree.size(), tree.root())
    }

    /// What is signed of an organization's log, after comparing it with what is stored.
    pub async fn part(&self, organization: OrganizationId) -> Checkpoint {
        let log = self.log.of(organization);
        let (_, note) = self.tree().of(organization).latest().await.unwrap().unwrap();
        let signed = Checkpoint::open(&note, &log, self.key.public(), check).unwrap();
        let name = organization.to_string();
        let names = |meta: &[u8]| String::from_utf8_lossy(meta).contains(&name);
        assert_eq!((signed.size, signed.root), self.root_of(&log, names).await);
        signed
    }

    pub fn checkpoint(&self, note: &str) -> Checkpoint {
        Checkpoint::open(note, &self.log, self.key.public(), check).unwrap()
    }
}
