//! Whatever is done to events, trees, checkpoints or the audit log by somebody who may do everything in the database.

use super::world::{World, organizations};
use ops::log_tree::Follower;

/// What a superuser might do, in each way one may be found out.
const TAMPERED: [(&str, &str); 58] = [
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
    (
        "a tile grown by one hash",
        "update ops.log_tree_tile set hashes = hashes || decode(repeat('00', 32), 'hex')
         where level = 0 and index = 2 and log = 'annalock/test'",
    ),
    (
        "a tile of an organization grown by one hash, and by where it lies",
        "update ops.log_tree_tile set hashes = hashes || decode(repeat('00', 32), 'hex'),
                                      positions = positions || decode(repeat('00', 16), 'hex')
         where level = 0 and log like '%000000000002'",
    ),
    (
        "a node put in",
        "update ops.log_tree_tile set hashes = hashes || decode(repeat('00', 32), 'hex') where level = 1 and log = 'annalock/test'",
    ),
    (
        "a tile put in where the next one will be",
        "insert into ops.log_tree_tile (log, level, index, after_position, hashes)
         select log, 0, 3, 600, hashes from ops.log_tree_tile where level = 0 and index = 2 and log = 'annalock/test'",
    ),
    (
        "a tile put in for an organization that has no log yet",
        "insert into ops.log_tree_tile (log, level, index, after_position, hashes, positions)
         select replace(log, '000000000002', '000000000003'), level, index, after_position, hashes, positions
         from ops.log_tree_tile where level = 0 and log like '%000000000002'",
    ),
    ("the tree moved past events to come", "update ops.log_tree set position = 700 where log = 'annalock/test'"),
    ("the tree set back", "update ops.log_tree set position = 599 where log = 'annalock/test'"),
    (
        "a checkpoint listed as one of a larger tree",
        "update ops.log_checkpoint set size = 700 where log = 'annalock/test'",
    ),
    (
        "an organization's log dropped, and said to begin later",
        "delete from ops.log_tree where log like '%000000000002'; delete from ops.log_tree_tile where log like '%000000000002';
         delete from ops.log_checkpoint where log like '%000000000002'; update ops.log_tree set parts_since = 300",
    ),
    (
        "the logs of all organizations dropped, and said to begin now",
        "delete from ops.log_tree where log like '%/organization/%'; delete from ops.log_tree_tile where log like '%/organization/%';
         delete from ops.log_checkpoint where log like '%/organization/%'; update ops.log_tree set parts_since = position",
    ),
    ("where logs of organizations begin", "update ops.log_tree set parts_since = 1"),
    (
        "who acted, in a record",
        "update read.audit_record set acting_user_id = gen_random_uuid() where position = 300 and ordinal = 0",
    ),
    (
        "that somebody acted, in a record",
        "update read.audit_record set acting_user_id = null, actor = 'system' where position = 1",
    ),
    ("from where, in a record", "update read.audit_record set ip = '203.0.113.8' where position = 600"),
    ("that it is known from where, in a record", "update read.audit_record set ip = null where position = 2 and ordinal = 1"),
    ("the type of a record", "update read.audit_record set type = 1107 where position = 257"),
    ("the name of a record", "update read.audit_record set name = 'FolderRenamed' where position = 257"),
    ("the date of a record", "update read.audit_record set at = at - 86400000 where position = 256"),
    ("when a record was stored", "update read.audit_record set recorded_at = recorded_at + 1 where position = 256"),
    ("a detail of a record", "update read.audit_record set detail = '{\"how\":\"byAdmin\"}' where position = 512"),
    ("a detail made unreadable", "update read.audit_record set detail = '{' where position = 512"),
    (
        "whom a record is about",
        "update read.audit_record set user_id = gen_random_uuid() where position = 4",
    ),
    (
        "in whose log a record stands",
        "update read.audit_record set organization_id = null where position = 4",
    ),
    ("the record of an event dropped", "delete from read.audit_record where position = 300"),
    ("one of several records of an event dropped", "delete from read.audit_record where position = 302 and ordinal = 1"),
    ("the last of several dropped", "delete from read.audit_record where position = 302 and ordinal = 2"),
    ("the last record of all dropped", "delete from read.audit_record where position = 600"),
    ("all records dropped", "delete from read.audit_record"),
    (
        "a record put in beside another",
        "create temporary table forged on commit drop as select * from read.audit_record where position = 300;
         update forged set ordinal = 1; insert into read.audit_record select * from forged",
    ),
    (
        "a record put in where there is no event",
        "create temporary table forged on commit drop as select * from read.audit_record where position = 300;
         update forged set position = 0; insert into read.audit_record select * from forged",
    ),
    (
        "a record dropped, and its event said to be parked",
        "insert into projection.parked (projector, generation, position, category, stream_id, type, error, tries)
         select 'audit', generation, 300, 'folder', gen_random_uuid(), 'FolderCreated', 'no', 3 from projection.generation;
         delete from read.audit_record where position = 300",
    ),
    (
        "a record put in behind the end of the audit log",
        "create temporary table forged on commit drop as select * from read.audit_record where position = 300;
         update forged set position = 601; insert into read.audit_record select * from forged",
    ),
    (
        "the audit log set back",
        "update projection.generation set position = 500",
    ),
    (
        "the audit log forgotten",
        "delete from projection.generation",
    ),
];

/// The same behind the end of the tree: what lies there is proved by nothing yet, and has its digests and its place.
const TAMPERED_LATER: [(&str, &str); 10] = [
    (
        "a later event's data changed",
        "update es.event set data = '{}' where position = 605",
    ),
    (
        "a later event's metadata changed",
        "update es.event set meta = '{}' where position = 609",
    ),
    (
        "a later digest changed",
        "update es.event set data_digest = sha256('x') where position = 601",
    ),
    ("a later event dropped", "delete from es.event where position = 605"),
    ("the first of them dropped", "delete from es.event where position = 601"),
    ("the last of them dropped", "delete from es.event where position = 609"),
    (
        "the last of them dropped, and the end moved",
        "delete from es.event where position = 609; update es.log_head set position = 608",
    ),
    (
        "a later event moved",
        "update es.event set position = 700 where position = 609",
    ),
    (
        "the tree moved past a later event",
        "update ops.log_tree set position = 604 where log = 'annalock/test'",
    ),
    (
        "the record of a later event dropped",
        "delete from read.audit_record where position = 605",
    ),
];

/// What a case may change.
const TABLES: [&str; 8] = [
    "es.event",
    "es.log_head",
    "ops.log_tree",
    "ops.log_tree_tile",
    "ops.log_checkpoint",
    "projection.generation",
    "projection.parked",
    "read.audit_record",
];

/// Tries each case, and puts everything back.
async fn each_is_found(world: &World, cases: &[(&str, &str)]) {
    for table in TABLES {
        let copy = table.replace('.', "_");
        world
            .tamper(&format!(
                "drop table if exists public.{copy}; create table public.{copy} as table {table}"
            ))
            .await;
    }
    assert_eq!(world.verify(&[]).await, Ok(600));
    for (what, how) in cases {
        world.tamper(how).await;
        let found = world.verify(&[]).await;
        assert!(found.is_err(), "{what} was not found");
        println!("{what}: {}", found.unwrap_err());
        for table in TABLES {
            let copy = table.replace('.', "_");
            let back = format!("delete from {table}; insert into {table} select * from public.{copy}");
            world.tamper(&back).await;
        }
        assert_eq!(world.verify(&[]).await, Ok(600), "as before {what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_the_database_is_found() {
    let world = World::new().await;
    world.append(600).await;
    world.signed().await;
    world.project().await;
    each_is_found(&world, &TAMPERED).await;
    // nine events that the tree has not taken up yet
    world.append(9).await;
    world.project().await;
    each_is_found(&world, &TAMPERED_LATER).await;
    // records are compared as they are read
    let schema: i32 = sqlx::query_scalar("select generation from projection.generation")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let hidden = format!(
        "create or replace view read.audit_record as select * from read_g{schema}.audit_record where position <> 7"
    );
    world.tamper(&hidden).await;
    let found = world.verify(&[]).await.unwrap_err();
    assert!(found.contains("the event at position 7 "), "{found}");
}

/// A server whose tree or audit log stands still is found out by what its other work has passed; one that was stopped, however
/// long ago, is not.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_still_while_the_server_works_is_found_and_what_stopped_with_it_is_not() {
    let an_hour_later = "update es.event set recorded_at = recorded_at + interval '1 hour' where position > 605";
    let world = World::new().await;
    world.append(600).await;
    world.signed().await;
    world.project().await;
    world.append(9).await;
    world.tamper(an_hour_later).await;
    // stopped when 600 were there
    assert_eq!(world.verify(&[]).await, Ok(600));
    world.project().await;
    let found = world.verify(&[]).await.unwrap_err();
    assert!(
        found.contains("the tree does not hold the event at position 601"),
        "{found}"
    );

    let world = World::new().await;
    world.append(600).await;
    world.signed().await;
    world.project().await;
    world.append(9).await;
    world.tamper(an_hour_later).await;
    world.signed().await;
    let found = world.verify(&[]).await.unwrap_err();
    assert!(found.contains("no record of the event at position 601"), "{found}");
    world.project().await;
    assert_eq!(world.verify(&[]).await, Ok(609));
}

/// All tables of the trees are read as they are at one moment.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_while_events_come() {
    let world = World::new().await;
    world.append(100).await;
    world.signed().await;
    let writing = async {
        let mut follower = Follower::new(world.tree());
        for count in 1..120 {
            world.append(count % 7 + 1).await;
            follower.catch_up().await.unwrap();
            if count % 10 == 0 {
                world.tree().sign_parts(&world.key).await.unwrap();
                world.tree().sign(&world.key).await.unwrap();
            }
        }
    };
    let comparing = async {
        for _ in 0..20 {
            world.verify(&[]).await.unwrap();
        }
    };
    tokio::join!(writing, comparing);
    world.verify(&[]).await.unwrap();
}

/// Whoever drops an organization's log and lets it begin anew has the server sign the new one. Its past is still in the events, which the
/// tree over everything holds.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_an_organization_cannot_be_begun_anew() {
    for since in ["", "update ops.log_tree set parts_since = 300"] {
        let world = World::new().await;
        world.append(300).await;
        let held = world.signed().await;
        world
            .tamper(&format!(
                "delete from ops.log_tree where log like '%000000000002'; delete from ops.log_tree_tile where log like '%000000000002';
                 delete from ops.log_checkpoint where log like '%000000000002'; {since}"
            ))
            .await;
        world.append(60).await;
        world.signed().await;
        let [_, organization] = organizations();
        let anew = world.tree().of(organization).latest().await.unwrap().unwrap();
        assert_eq!(anew.0, 20, "it was begun anew and signed");
        let found = world.verify(&[&held]).await.unwrap_err();
        assert!(found.contains("organization"), "{found}");
    }
}
