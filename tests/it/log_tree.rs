//! The tree over the history, in PostgreSQL: it goes on after a crash as if there had been none, and whatever is done to a
//! stored event, to the tree or to a checkpoint shows.

use bytes::Bytes;
use commands::ports::{EventStore, Expected, StoredLeaf, StreamAppend};
use domain::{
    event::{NewEvent, Position, StreamName},
    id::OrganizationId,
    proof::{LogId, checkpoint::Checkpoint, path, tree::Tree},
};
use eventstore_postgres::{PostgresStore, Settings};
use ops::log_tree::{Follower, Known, LogKey, LogTree, Prover, Step, check};
use sqlx::{AssertSqlSafe, PgPool};
use std::{sync::Arc, time::Duration};
use tests::cluster::{TestDatabase, database};
use uuid::Uuid;

/// Two organizations: of three events one names the first, one both, and one none.
fn organizations() -> [OrganizationId; 2] {
    [1, 2].map(|n| OrganizationId(Uuid::from_u128(n)))
}

fn meta(i: usize) -> Bytes {
    let [a, b] = organizations();
    Bytes::from(match i % 3 {
        0 => format!(r#"{{"organizations":["{a}"]}}"#),
        1 => format!(r#"{{"organizations":["{b}","{a}","{b}"]}}"#),
        _ => "{}".to_owned(),
    })
}

/// A store, and the trees over it.
struct World {
    url: String,
    pool: PgPool,
    store: Arc<PostgresStore>,
    log: LogId,
    key: LogKey,
}

impl World {
    async fn new() -> Self {
        let TestDatabase { url, pool } = database().await;
        eventstore_postgres::migrate(&pool).await.unwrap();
        ops::migrate(&pool).await.unwrap();
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

    fn tree(&self) -> LogTree {
        self.tree_over(&self.pool)
    }

    fn tree_over(&self, pool: &PgPool) -> LogTree {
        let store = Arc::clone(&self.store) as Arc<dyn EventStore>;
        LogTree::new(self.log.clone(), pool.clone(), store, |_| true)
    }

    /// Adds that many events, to as many streams.
    async fn append(&self, count: usize) {
        let appends = (0..count).map(|i| StreamAppend {
            stream: StreamName::new("folder", Uuid::new_v4()),
            expected: Expected::NoStream,
            events: vec![NewEvent {
                id: Uuid::new_v4(),
                type_name: "FolderCreated".into(),
                schema: 1,
                data: Bytes::from(format!("{{\"name\":\"2.{i}\"}}")),
                meta: meta(i),
            }],
        });
        self.store.append(appends.collect()).await.unwrap();
    }

    /// Takes everything up and signs it.
    async fn signed(&self) -> String {
        Follower::new(self.tree()).catch_up().await.unwrap();
        self.tree().sign_parts(&self.key).await.unwrap();
        self.tree().sign(&self.key).await.unwrap().unwrap().1
    }

    /// What comparing everything says.
    async fn verify(&self, known: &[&str]) -> Result<u64, String> {
        let known = known.iter().map(|note| Known {
            source: "an outsider".to_owned(),
            note: (*note).to_owned(),
        });
        let verified = self.tree().verify(self.key.public(), known.collect(), &|_, _| {}).await;
        verified.map(|verified| verified.events).map_err(|e| e.to_string())
    }

    /// Runs statements as a superuser may: past all triggers.
    async fn tamper(&self, statements: &str) {
        let mut tx = self.pool.begin().await.unwrap();
        let past = format!("set local session_replication_role = replica; {statements}");
        sqlx::raw_sql(AssertSqlSafe(past)).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Size and root over what is stored, computed without any tile.
    async fn root(&self) -> (u64, [u8; 32]) {
        self.root_of(&self.log, |_| true).await
    }

    async fn root_of(&self, log: &LogId, counts: impl Fn(&[u8]) -> bool) -> (u64, [u8; 32]) {
        let mut tree = Tree::default();
        let leaves = self.store.read_leaves(Position::START, 100_000).await.unwrap().leaves;
        for StoredLeaf { leaf, .. } in leaves.into_iter().filter(|leaf| counts(&leaf.meta)) {
            tree.push(leaf.hash(log, tree.size()));
        }
        (tree.size(), tree.root())
    }

    /// What is signed of an organization's log, after comparing it with what is stored.
    async fn part(&self, organization: OrganizationId) -> Checkpoint {
        let log = self.log.of(organization);
        let (_, note) = self.tree().of(organization).latest().await.unwrap().unwrap();
        let signed = Checkpoint::open(&note, &log, self.key.public(), check).unwrap();
        let name = organization.to_string();
        let names = |meta: &[u8]| String::from_utf8_lossy(meta).contains(&name);
        assert_eq!((signed.size, signed.root), self.root_of(&log, names).await);
        signed
    }

    fn checkpoint(&self, note: &str) -> Checkpoint {
        Checkpoint::open(note, &self.log, self.key.public(), check).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_dies_between_batches_or_within_one_leaves_no_gap() {
    let world = World::new().await;
    world.append(700).await;
    let mut steps = 0_u64;
    loop {
        // dropped after each step, and before that now and then in the middle of one; its connections go with it
        let own = PgPool::connect(&world.url).await.unwrap();
        let mut dying = Follower::new(world.tree_over(&own));
        let patience = Duration::from_micros(500 + 137 * (steps % 40));
        let _ = tokio::time::timeout(patience, dying.step_of(11)).await;
        drop((dying, own));
        let step = Follower::new(world.tree()).step_of(13).await.unwrap();
        steps += 1;
        if step == Step::Head {
            break;
        }
    }
    assert!(steps > 10, "only {steps} steps");
    let note = world.signed().await;
    assert_eq!(
        (world.checkpoint(&note).size, world.checkpoint(&note).root),
        world.root().await
    );
    for (organization, size) in organizations().into_iter().zip([467, 233]) {
        assert_eq!(world.part(organization).await.size, size);
    }
    assert_eq!(world.verify(&[]).await, Ok(700));
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_of_several_processes_add_each_event_once() {
    let world = World::new().await;
    world.append(600).await;
    let [mut a, mut b] = [(); 2].map(|()| Follower::new(world.tree()));
    assert_eq!(a.step_of(50).await.unwrap(), Step::More);
    assert_eq!(b.step_of(50).await.unwrap(), Step::More);
    assert_eq!(a.step_of(50).await.unwrap(), Step::Overtaken);
    loop {
        let (a, b) = tokio::join!(a.step_of(50), b.step_of(50));
        if [a.unwrap(), b.unwrap()].contains(&Step::Head) {
            break;
        }
    }
    let note = world.signed().await;
    assert_eq!(world.checkpoint(&note).root, world.root().await.1);
    for (organization, size) in organizations().into_iter().zip([400, 200]) {
        assert_eq!(world.part(organization).await.size, size);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_proved_and_every_checkpoint_extends_those_before() {
    let world = World::new().await;
    let mut notes = Vec::new();
    for count in [1, 254, 1, 1, 300] {
        world.append(count).await;
        notes.push(world.signed().await);
    }
    let last = world.checkpoint(notes.last().unwrap());
    let mut prover = Prover::new(world.tree(), last.size);
    for position in (1..=557).step_by(3).chain([255, 256, 257, 512, 557]) {
        let (index, leaf, proof) = prover.event(Position(position)).await.unwrap();
        assert_eq!(index, position - 1);
        let hash = leaf.hash(&world.log, index);
        assert!(
            path::includes(&hash, index, last.size, &proof, &last.root),
            "{position}"
        );
    }
    assert!(prover.event(Position(558)).await.is_err());
    for note in &notes {
        let old = world.checkpoint(note);
        let proof = prover.consistency(old.size).await.unwrap();
        assert!(path::extends((old.size, &old.root), (last.size, &last.root), &proof));
    }
    assert_eq!(world.verify(&[&notes[0]]).await, Ok(557));
    assert_eq!(
        world.tree().sign(&world.key).await.unwrap().unwrap().1,
        notes[4],
        "signed once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_an_organization_is_proved_in_its_own_log_and_no_other_event_is() {
    let world = World::new().await;
    let [organization, _] = organizations();
    let mut old = Vec::new();
    for count in [3, 600, 300] {
        world.append(count).await;
        world.signed().await;
        old.push(world.part(organization).await);
    }
    let (tree, last) = (world.tree().of(organization), &old[2]);
    assert_eq!(last.size, 602);
    let mut prover = Prover::new(tree, last.size);
    let mut next = 0;
    for position in 1..=903_u64 {
        let proved = prover.event(Position(position)).await;
        if (position - 1) % 3 == 2 {
            assert!(proved.is_err(), "{position}");
            continue;
        }
        let (index, leaf, proof) = proved.unwrap();
        assert_eq!(index, next, "indices have no gaps");
        next += 1;
        let hash = leaf.hash(&last.origin, index);
        assert!(path::includes(&hash, index, last.size, &proof, &last.root));
    }
    for old in &old {
        let proof = prover.consistency(old.size).await.unwrap();
        assert!(path::extends((old.size, &old.root), (last.size, &last.root), &proof));
    }
    // signed once
    assert_eq!(world.tree().sign_parts(&world.key).await.unwrap(), 0);
}

/// A tree that is older than those of organizations: they begin where they were added, and it goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn logs_of_organizations_begin_where_the_tree_was_when_they_were_added() {
    let world = World::new().await;
    world.append(300).await;
    let old = world.signed().await;
    world
        .tamper(
            "delete from ops.log_tree where log like '%/organization/%';
             delete from ops.log_tree_tile where log like '%/organization/%';
             delete from ops.log_checkpoint where log like '%/organization/%';
             update ops.log_tree set parts_since = position",
        )
        .await;
    world.append(60).await;
    let mut follower = Follower::new(world.tree());
    while follower.step_of(50).await.unwrap() != Step::Head {}
    world.signed().await;
    assert_eq!(world.tree().parts_since().await.unwrap(), Position(300));
    let [a, b] = organizations().map(|organization| world.tree().of(organization));
    for (part, size) in [(a, 40), (b, 20)] {
        assert_eq!(part.latest().await.unwrap().unwrap().0, size);
        let mut prover = Prover::new(part, size);
        assert!(prover.event(Position(1)).await.is_err());
        assert_eq!(
            prover.event(Position(302)).await.unwrap().0,
            if size == 40 { 1 } else { 0 }
        );
        assert_eq!(prover.end().await.unwrap(), Position(359));
    }
    assert_eq!(world.verify(&[&old]).await, Ok(360));
}

/// What a superuser might do, in each way one may be found out.
const TAMPERED: [(&str, &str); 24] = [
    ("an event's data changed", "update es.event set data = '{}' where position = 300"),
    (
        "and its digest with it",
        "update es.event set data = '{}', data_digest = sha256('{}') where position = 300",
    ),
    ("a digest changed", "update es.event set meta_digest = sha256('x') where position = 5"),
    (
        "an event's metadata changed",
        "update es.event set meta = '[]', meta_digest = sha256('[]') where position = 256",
    ),
    ("an event's type changed", "update es.event set type = 'FolderDeleted' where position = 1"),
    ("a stream changed", "update es.event set stream_id = gen_random_uuid() where position = 257"),
    (
        "a time changed",
        "update es.event set recorded_at = recorded_at + interval '1 microsecond' where position = 600",
    ),
    ("an event dropped", "delete from es.event where position = 300"),
    (
        "an event dropped, and the gap closed",
        "delete from es.event where position = 300;
         update es.event set position = -position + 1 where position > 300;
         update es.event set position = -position where position < 0; update es.log_head set position = 599",
    ),
    (
        "the last event dropped",
        "delete from es.event where position = 600; update es.log_head set position = 599",
    ),
    (
        "an event put in",
        "update es.event set position = -position - 1 where position > 300;
         update es.event set position = -position where position < 0;
         insert into es.event select 301, category, gen_random_uuid(), revision, gen_random_uuid(), type, schema, recorded_at,
                                     data, meta, data_digest, meta_digest from es.event where position = 300;
         update es.log_head set position = 601",
    ),
    (
        "two events in each other's place",
        "update es.event set position = -position where position in (300, 301);
         update es.event set position = 601 + position where position < 0",
    ),
    (
        "a leaf in the tree changed",
        "update ops.log_tree_tile set hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) where level = 0 and index = 1",
    ),
    (
        "a node in the tree changed",
        "update ops.log_tree_tile set hashes = set_byte(hashes, 3, get_byte(hashes, 3) # 1) where level = 1",
    ),
    (
        "a checkpoint changed",
        "update ops.log_checkpoint set note = replace(note, E'\\n600\\n', E'\\n599\\n')",
    ),
    ("the tree cut short", "update ops.log_tree set size = 599"),
    (
        "an event taken out of the log of an organization",
        "update es.event set meta = '{}', meta_digest = sha256('{}') where position = 4",
    ),
    (
        "a leaf of an organization's tree changed",
        "update ops.log_tree_tile set hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1)
         where level = 0 and log like '%000000000002'",
    ),
    (
        "where a leaf of an organization lies changed",
        "update ops.log_tree_tile set positions = set_byte(positions, 15, get_byte(positions, 15) # 1)
         where level = 0 and log like '%000000000002'",
    ),
    (
        "where a tile begins changed",
        "update ops.log_tree_tile set after_position = after_position - 1 where level = 0 and index = 1 and positions is null",
    ),
    (
        "an organization's tree cut short",
        "update ops.log_tree set size = 199 where log like '%000000000002'",
    ),
    (
        "an organization's tree dropped, and what was signed of it",
        "delete from ops.log_tree where log like '%000000000002'; delete from ops.log_tree_tile where log like '%000000000002';
         delete from ops.log_checkpoint where log like '%000000000002'",
    ),
    (
        "the tree of an organization that there never was",
        "insert into ops.log_tree (log, size, position)
         select replace(log, '000000000002', '000000000003'), size, position from ops.log_tree where log like '%000000000002'",
    ),
    (
        "an organization's checkpoint in the place of another's",
        "update ops.log_checkpoint set note = (select note from ops.log_checkpoint where log like '%000000000001')
         where log like '%000000000002'",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_the_database_is_found() {
    let world = World::new().await;
    world.append(600).await;
    world.signed().await;
    let tables = [
        "es.event",
        "es.log_head",
        "ops.log_tree",
        "ops.log_tree_tile",
        "ops.log_checkpoint",
    ];
    for table in tables {
        let copy = table.replace('.', "_");
        world
            .tamper(&format!("create table public.{copy} as table {table}"))
            .await;
    }
    assert_eq!(world.verify(&[]).await, Ok(600));
    for (what, how) in TAMPERED {
        world.tamper(how).await;
        let found = world.verify(&[]).await;
        assert!(found.is_err(), "{what} was not found");
        println!("{what}: {}", found.unwrap_err());
        for table in tables {
            let copy = table.replace('.', "_");
            let back = format!("delete from {table}; insert into {table} select * from public.{copy}");
            world.tamper(&back).await;
        }
        assert_eq!(world.verify(&[]).await, Ok(600), "as before {what}");
    }
}

/// Somebody with the whole database, but without the key, makes everything new. What was signed before still tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_made_anew_does_not_fit_a_checkpoint_that_an_outsider_holds() {
    let world = World::new().await;
    world.append(400).await;
    let held = world.signed().await;
    world
        .tamper(
            "update es.event set data = '{}', data_digest = sha256('{}') where position = 7;
             delete from ops.log_tree; delete from ops.log_tree_tile; delete from ops.log_checkpoint",
        )
        .await;
    world.append(10).await;
    world.signed().await;
    assert_eq!(world.verify(&[]).await, Ok(410), "by itself it is a whole log");
    let found = world.verify(&[&held]).await.unwrap_err();
    assert!(found.contains("an outsider"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_and_checkpoints_are_only_added_to() {
    let world = World::new().await;
    world.append(10).await;
    world.signed().await;
    for statement in [
        "update ops.log_tree_tile set hashes = substr(hashes, 33)",
        "update ops.log_tree_tile set index = 7",
        "delete from ops.log_tree_tile",
        "delete from ops.log_checkpoint",
        "update ops.log_checkpoint set size = 9",
        "update ops.log_tree_tile set positions = null where positions is not null",
        "update ops.log_tree_tile set positions = set_byte(positions, 7, 9) where positions is not null",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&world.pool).await.unwrap_err();
        assert!(
            refused.to_string().contains("only ever added to"),
            "{statement}: {refused}"
        );
    }
}
