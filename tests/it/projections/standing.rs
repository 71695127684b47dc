//! Where people stand, as it is read and as it is remembered, while events cannot be taken.

use super::history::{ms, sealed};
use super::world::{World, meta, person, until};
use domain::event::{Aggregate, Position};
use domain::id::{CollectionId, GrantId, GroupId, GroupPlaceId, MembershipId, OrganizationId};
use domain::meta::Actor;
use domain::organization::collection::{Collection, CollectionEvent};
use domain::organization::grant::{Grant, GrantEvent, Grantee, Rights};
use domain::organization::group::{Group, GroupEvent, GroupPlace, GroupPlaceEvent};
use domain::organization::membership::{Membership, MembershipEvent};
use domain::organization::profile::{CollectionSettings, Details, Organization, OrganizationEvent};
use domain::personal::Personal;
use projections::live::Live;
use projections::park;
use projections::runner::Runner;
use projections::sync::collection::GrantRow;
use projections::sync::group::GroupPlaceRow;
use projections::sync::shared::About;
use projections::sync::{SyncProjector, shared};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(5));
const MEMBERSHIP: MembershipId = MembershipId(Uuid::from_u128(6));
const COLLECTIONS: [CollectionId; 2] = [CollectionId(Uuid::from_u128(7)), CollectionId(Uuid::from_u128(8))];

/// An organization of one member and two collections, and a running projector.
struct Company {
    world: World,
    live: Arc<Live>,
    running: JoinHandle<()>,
}

impl Company {
    async fn founded() -> Self {
        let world = World::new().await;
        world.start_empty(SyncProjector::default()).await;
        let details = Details {
            name: "Parked".to_owned(),
            billing_email: "bills@example.org".to_owned(),
            business_name: None,
        };
        let made = OrganizationEvent::Created {
            details: Personal::of(ORGANIZATION, details),
            keys: None,
            plan: 20,
            settings: CollectionSettings::default(),
            founder: person(1),
            owner: MEMBERSHIP,
            at: ms(0),
        };
        world.add::<Organization>(ORGANIZATION, &made).await;
        let founded = MembershipEvent::Founded {
            organization: ORGANIZATION,
            user: person(1),
            key: sealed(1),
            fingerprint: String::new(),
            at: ms(0),
        };
        world.add::<Membership>(MEMBERSHIP, &founded).await;
        for collection in COLLECTIONS {
            let created = CollectionEvent::Created {
                organization: ORGANIZATION,
                name: sealed(1),
                external_id: None,
                default_of: None,
                at: ms(0),
            };
            world.add::<Collection>(collection, &created).await;
        }
        let live = Arc::new(Live::gathering(Duration::ZERO));
        let projector = Arc::new(SyncProjector::new(Arc::clone(&live)));
        let feed = world.subscription();
        let runner = Runner::new(projector, world.pool.clone(), feed, Some(Arc::clone(&live)));
        let running = tokio::spawn(runner.run());
        Self { world, live, running }
    }

    async fn grant(&self, collection: CollectionId, to: Grantee, rights: Rights) {
        let granted = GrantEvent::Granted {
            organization: ORGANIZATION,
            collection,
            to,
            rights,
            at: ms(0),
        };
        self.world
            .add::<Grant>(GrantId::of(collection, to.id()), &granted)
            .await;
    }

    /// Owners and admins do not stand above collections from now on.
    async fn without_admin_access(&self) {
        let settings = CollectionSettings {
            allow_admin_access_to_all_collection_items: false,
            ..CollectionSettings::default()
        };
        let changed = OrganizationEvent::CollectionSettingsChanged {
            before: None,
            settings,
            at: ms(3),
        };
        self.world.add::<Organization>(ORGANIZATION, &changed).await;
        self.world.caught_up("sync").await;
    }

    /// Rights of the member by what is read; the same by what is remembered, the first time and again.
    async fn rights(&self) -> HashMap<CollectionId, Rights> {
        let read = shared::all_rights(&self.world.pool, person(1)).await.unwrap();
        for _ in 0..2 {
            let about = About::Collections(&COLLECTIONS);
            let standing = shared::standing(&self.live, &self.world.pool, person(1), ORGANIZATION, about).await;
            assert_eq!(standing.unwrap().unwrap().rights, read);
        }
        read
    }

    /// Adds an event of a grant that nobody can read, and waits until it is parked; where it lies.
    async fn park(&self, grant: GrantId, named: &'static str) -> Position {
        self.park_in(Grant::CATEGORY, grant.0, named).await
    }

    /// The same of any stream.
    async fn park_in(&self, category: &'static str, id: Uuid, named: &'static str) -> Position {
        let text = r#"{"at":"never"}"#;
        self.world
            .add_raw(category, id, (named, 1), text, &meta(Actor::System))
            .await;
        let parked = async || park::list(&self.world.pool).await.unwrap();
        until("it is parked", async || parked().await.len() == 1).await;
        let at = parked().await[0].position;
        assert!(self.live.reached(at, Duration::from_secs(10)).await);
        at
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// A right is given, and somebody put into a group, while the other end of it goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_to_what_is_gone_is_shown_nowhere() {
    let company = Company::founded().await;
    let (world, pool) = (&company.world, &company.world.pool);
    let (group, other) = (GroupId(Uuid::from_u128(9)), GroupId(Uuid::from_u128(10)));
    let gone = MembershipId(Uuid::from_u128(11));
    for (id, name) in [(group, "goes"), (other, "stays")] {
        let created = GroupEvent::Created {
            organization: ORGANIZATION,
            name: Personal::of(ORGANIZATION, name.to_owned()),
            external_id: None,
            at: ms(0),
        };
        world.add::<Group>(id, &created).await;
    }
    world.add::<Group>(group, &GroupEvent::Deleted { at: ms(1) }).await;
    world
        .add::<Collection>(COLLECTIONS[1], &CollectionEvent::Deleted { at: ms(1) })
        .await;
    for to in [Grantee::Group(group), Grantee::Member(gone)] {
        company.grant(COLLECTIONS[0], to, Rights::MANAGE).await;
    }
    company
        .grant(COLLECTIONS[0], Grantee::Group(other), Rights::default())
        .await;
    company
        .grant(COLLECTIONS[1], Grantee::Group(other), Rights::MANAGE)
        .await;
    for (group, member) in [(group, MEMBERSHIP), (other, gone), (other, MEMBERSHIP)] {
        let added = GroupPlaceEvent::Added {
            organization: ORGANIZATION,
            group,
            member,
            at: ms(2),
        };
        world.add::<GroupPlace>(GroupPlaceId::of(group, member), &added).await;
    }
    world.caught_up("sync").await;
    let given = |grants: Vec<GrantRow>| {
        grants
            .into_iter()
            .map(|one| (one.collection, one.to))
            .collect::<Vec<_>>()
    };
    let left = vec![(COLLECTIONS[0], Grantee::Group(other))];
    assert_eq!(given(shared::grants_of(pool, ORGANIZATION).await.unwrap()), left);
    assert_eq!(given(shared::grants_in(pool, COLLECTIONS[0]).await.unwrap()), left);
    assert_eq!(
        given(shared::grants_to(pool, Grantee::Group(other)).await.unwrap()),
        left
    );
    let within = |places: Vec<GroupPlaceRow>| {
        places
            .into_iter()
            .map(|one| (one.group, one.member))
            .collect::<Vec<_>>()
    };
    let left = vec![(other, MEMBERSHIP)];
    assert_eq!(within(shared::places_of(pool, ORGANIZATION).await.unwrap()), left);
    assert_eq!(within(shared::places_in(pool, other).await.unwrap()), left);
    assert_eq!(within(shared::places_with(pool, MEMBERSHIP).await.unwrap()), left);
    // nobody manages the collection, so owners may take it up
    company.without_admin_access().await;
    let standing = shared::standing(&company.live, pool, person(1), ORGANIZATION, About::All).await;
    let unmanaged = standing.unwrap().unwrap().unmanaged;
    assert_eq!(unmanaged.into_iter().collect::<Vec<_>>(), [COLLECTIONS[0]]);
}

/// Who manages a collection may be parked: it is nobody's to take up until somebody has looked.
#[tokio::test(flavor = "multi_thread")]
async fn a_collection_is_not_taken_up_while_who_manages_it_may_be_parked() {
    let company = Company::founded().await;
    company.without_admin_access().await;
    let unmanaged = async || {
        let standing = shared::standing(&company.live, &company.world.pool, person(1), ORGANIZATION, About::All).await;
        standing.unwrap().unwrap().unmanaged.len()
    };
    assert_eq!(unmanaged().await, 2);
    let hidden = MembershipId(Uuid::from_u128(12));
    let at = company.park_in(Membership::CATEGORY, hidden.0, "MemberInvited").await;
    company
        .grant(COLLECTIONS[0], Grantee::Member(hidden), Rights::MANAGE)
        .await;
    company.world.caught_up("sync").await;
    assert_eq!(unmanaged().await, 0);
    assert!(park::skip(&company.world.pool, "sync", at).await.unwrap());
    until("it is known that nothing is parked", async || unmanaged().await == 2).await;
}

/// What took a right away may be what is parked: the right is gone until somebody has looked.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_gives_nothing_while_an_event_of_it_is_parked() {
    let company = Company::founded().await;
    for collection in COLLECTIONS {
        company
            .grant(collection, Grantee::Member(MEMBERSHIP), Rights::MANAGE)
            .await;
    }
    company.world.caught_up("sync").await;
    assert_eq!(company.rights().await.len(), 2);
    let grant = GrantId::of(COLLECTIONS[0], MEMBERSHIP.0);
    let at = company.park(grant, "CollectionAccessWithdrawn").await;
    assert_eq!(company.rights().await.len(), 1);
    // nobody is told when an operator gives up on it
    assert!(park::skip(&company.world.pool, "sync", at).await.unwrap());
    assert_eq!(company.rights().await.len(), 2);
    // what comes right behind it is not held for what nobody waits for
    let withdrawn = GrantEvent::Withdrawn {
        collection: None,
        to: None,
        at: ms(1),
    };
    company.world.add::<Grant>(grant, &withdrawn).await;
    assert!(company.live.reached(Position(at.0 + 1), Duration::from_secs(10)).await);
    let parked = park::list(&company.world.pool).await.unwrap();
    assert_eq!((company.rights().await.len(), parked.len()), (1, 0));
}

/// What is given to a member themselves holds them back from what their groups have. It may be what is parked.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_gives_nothing_where_what_a_member_was_given_first_is_parked() {
    let company = Company::founded().await;
    let group = GroupId(Uuid::from_u128(9));
    let created = GroupEvent::Created {
        organization: ORGANIZATION,
        name: Personal::of(ORGANIZATION, "All".to_owned()),
        external_id: None,
        at: ms(0),
    };
    company.world.add::<Group>(group, &created).await;
    let added = GroupPlaceEvent::Added {
        organization: ORGANIZATION,
        group,
        member: MEMBERSHIP,
        at: ms(0),
    };
    let place = GroupPlaceId::of(group, MEMBERSHIP);
    company.world.add::<GroupPlace>(place, &added).await;
    for collection in COLLECTIONS {
        company.grant(collection, Grantee::Group(group), Rights::MANAGE).await;
    }
    company.world.caught_up("sync").await;
    assert_eq!(company.rights().await.len(), 2);

    let own = GrantId::of(COLLECTIONS[0], MEMBERSHIP.0);
    let at = company.park(own, "CollectionAccessGranted").await;
    let left: Vec<_> = company.rights().await.into_keys().collect();
    assert_eq!(left, [COLLECTIONS[1]]);
    assert!(park::skip(&company.world.pool, "sync", at).await.unwrap());
    assert_eq!(company.rights().await.len(), 2);
    // and where there is one, it is that which holds
    let reading = Rights {
        read_only: true,
        hide_passwords: true,
        manage: false,
    };
    company
        .grant(COLLECTIONS[1], Grantee::Member(MEMBERSHIP), reading)
        .await;
    company.world.caught_up("sync").await;
    let rights = company.rights().await;
    assert_eq!(
        (rights[&COLLECTIONS[0]], rights[&COLLECTIONS[1]]),
        (Rights::MANAGE, reading)
    );
}

/// Bodies that another process made before show what a parked event takes away.
#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_owner_notices_what_is_parked() {
    let company = Company::founded().await;
    company
        .grant(COLLECTIONS[0], Grantee::Member(MEMBERSHIP), Rights::MANAGE)
        .await;
    company.world.caught_up("sync").await;
    until("it is the owner", async || company.live.is_owner()).await;
    let follower = Arc::new(Live::gathering(Duration::ZERO));
    let projector = Arc::new(SyncProjector::new(Arc::clone(&follower)));
    let feed = company.world.subscription();
    let runner = Runner::new(projector, company.world.pool.clone(), feed, Some(Arc::clone(&follower)));
    let running = tokio::spawn(runner.run());
    let reached = async |at| assert!(follower.reached(at, Duration::from_secs(10)).await);
    reached(company.live.position()).await;
    let before = follower.generation();
    let grant = GrantId::of(COLLECTIONS[0], MEMBERSHIP.0);
    let at = company.park(grant, "CollectionAccessWithdrawn").await;
    reached(at).await;
    let parked = follower.generation();
    assert_ne!(parked, before);
    assert!(park::skip(&company.world.pool, "sync", at).await.unwrap());
    until("it is noticed", async || follower.generation() != parked).await;
    assert!(!follower.is_owner());
    running.abort();
}
