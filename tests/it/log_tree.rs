//! The tree over the history, in PostgreSQL: it goes on after a crash as if there had been none, and whatever is done to a
//! stored event, to the tree or to a checkpoint shows.

mod tampered;
mod world;

use domain::{event::Position, proof::path};
use ops::log_tree::{Follower, Prover, Step};
use sqlx::PgPool;
use std::time::Duration;
use world::{World, organizations};

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

/// A tree that is older than those of organizations: they begin where they were added, and it goes on where it was. Metadata named no
/// organizations before.
#[tokio::test(flavor = "multi_thread")]
async fn logs_of_organizations_begin_where_the_tree_was_when_they_were_added() {
    let world = World::new().await;
    world.append_for_nobody(300).await;
    let old = world.signed().await;
    world.tamper("update ops.log_tree set parts_since = position").await;
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
    let verified = world.verified(&[]).await.unwrap();
    assert_eq!((verified.parts_since, verified.organizations), (Position(300), 2));
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
