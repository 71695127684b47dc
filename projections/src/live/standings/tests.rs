use super::*;
use domain::{
    id::MembershipId,
    organization::{profile::CollectionSettings, role::Role},
};
use uuid::Uuid;

const READER: Rights = Rights {
    read_only: true,
    hide_passwords: false,
    manage: false,
};

fn collection(number: u128) -> CollectionId {
    CollectionId(Uuid::from_u128(number))
}

fn organization(number: u128) -> OrganizationId {
    OrganizationId(Uuid::from_u128(number))
}

fn person(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn standing(user: u128, within: u128, rights: &[(u128, Rights)]) -> Standing {
    Standing {
        user: person(user),
        organization: organization(within),
        membership: MembershipId(Uuid::from_u128(user * 100 + within)),
        role: Role::User,
        settings: CollectionSettings::default(),
        rights: rights.iter().map(|(id, rights)| (collection(*id), *rights)).collect(),
        unmanaged: HashSet::new(),
    }
}

/// What is known of person 1 in organization 1.
fn find(standings: &mut Standings, asked: &[u128]) -> Result<Standing, StandingTicket> {
    let asked: Vec<_> = asked.iter().map(|id| collection(*id)).collect();
    let found = standings.find(person(1), organization(1), &asked);
    found.map_err(|ticket| ticket.expect("it may be remembered"))
}

fn remember(standings: &mut Standings, ticket: StandingTicket, asked: &[u128], standing: &Standing) {
    let asked: Vec<_> = asked.iter().map(|id| collection(*id)).collect();
    standings.remember(ticket, &asked, standing);
}

fn change(within: &[u128]) -> StandingChanges {
    StandingChanges {
        organizations: within.iter().map(|number| organization(*number)).collect(),
        everywhere: false,
    }
}

#[test]
fn what_was_read_is_known_of_the_collections_that_were_asked_about() {
    let mut standings = Standings::default();
    let ticket = find(&mut standings, &[1, 2]).unwrap_err();
    remember(&mut standings, ticket, &[1, 2], &standing(1, 1, &[(1, READER)]));

    assert_eq!(
        find(&mut standings, &[1, 2]).unwrap(),
        standing(1, 1, &[(1, READER)]),
        "nothing in the second is known too"
    );
    assert_eq!(find(&mut standings, &[2]).unwrap(), standing(1, 1, &[]));
    assert_eq!(find(&mut standings, &[]).unwrap(), standing(1, 1, &[]));
    let ticket = find(&mut standings, &[2, 3]).unwrap_err();
    remember(&mut standings, ticket, &[2, 3], &standing(1, 1, &[(3, Rights::MANAGE)]));
    assert_eq!(
        find(&mut standings, &[3, 1]).unwrap(),
        standing(1, 1, &[(1, READER), (3, Rights::MANAGE)])
    );
    assert!(standings.find(person(2), organization(1), &[]).is_err());
    assert!(standings.find(person(1), organization(2), &[]).is_err());
}

#[test]
fn what_nobody_manages_is_known_as_well() {
    let mut standings = Standings::default();
    let ticket = find(&mut standings, &[1, 2]).unwrap_err();
    let mut read = standing(1, 1, &[]);
    read.unmanaged.insert(collection(2));
    remember(&mut standings, ticket, &[1, 2], &read);
    assert_eq!(find(&mut standings, &[1, 2]).unwrap(), read);
    assert_eq!(find(&mut standings, &[1]).unwrap(), standing(1, 1, &[]));
}

#[test]
fn nothing_is_known_after_a_change_there_whoever_it_was_about() {
    let mut standings = Standings::default();
    for within in [1, 2] {
        for user in [1, 2] {
            let ticket = standings.find(person(user), organization(within), &[]).unwrap_err();
            standings.remember(ticket.unwrap(), &[], &standing(user, within, &[]));
        }
    }
    standings.changed(&change(&[1]));
    for user in [1, 2] {
        assert!(standings.find(person(user), organization(1), &[]).is_err());
        assert!(standings.find(person(user), organization(2), &[]).is_ok());
    }
    let everywhere = StandingChanges {
        everywhere: true,
        ..change(&[])
    };
    standings.changed(&everywhere);
    assert!(standings.find(person(1), organization(2), &[]).is_err());
}

#[test]
fn what_was_read_while_something_changed_is_not_remembered() {
    for forget in [false, true] {
        let mut standings = Standings::default();
        let early = find(&mut standings, &[]).unwrap_err();
        if forget {
            standings.forget();
        } else {
            standings.changed(&change(&[1]));
        }
        remember(&mut standings, early, &[], &standing(1, 1, &[]));
        let late = find(&mut standings, &[]).unwrap_err();
        remember(&mut standings, early, &[], &standing(1, 1, &[]));
        assert!(find(&mut standings, &[]).is_err());
        remember(&mut standings, late, &[], &standing(1, 1, &[]));
        // whoever was slower than the next does not spoil what that one read
        remember(&mut standings, early, &[1], &standing(1, 1, &[(1, Rights::MANAGE)]));
        assert!(find(&mut standings, &[]).is_ok());
        assert!(find(&mut standings, &[1]).is_err());
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut standings = Standings::default();
    for number in 0..3 * COLLECTIONS as u128 {
        let ticket = find(&mut standings, &[number]).unwrap_err();
        remember(&mut standings, ticket, &[number], &standing(1, 1, &[(number, READER)]));
        assert_eq!(
            find(&mut standings, &[number]).unwrap(),
            standing(1, 1, &[(number, READER)])
        );
        let known = standings.known.peek(&(person(1), organization(1))).unwrap();
        assert!(known.collections.len() <= COLLECTIONS);
    }
    let many: Vec<_> = (0..=COLLECTIONS as u128).map(collection).collect();
    let found = standings.find(person(1), organization(1), &many);
    assert!(found.unwrap_err().is_none(), "so many are read each time");
    for number in 10..10 + 2 * PEOPLE as u128 {
        let ticket = standings.find(person(1), organization(number), &[]).unwrap_err();
        standings.remember(ticket.unwrap(), &[], &standing(1, number, &[]));
    }
    assert_eq!((standings.known.len(), standings.changed.len()), (PEOPLE, 0));
}

#[test]
fn when_too_many_changed_what_was_read_before_the_forgotten_ones_is_read_again() {
    let mut standings = Standings::default();
    let ticket = find(&mut standings, &[]).unwrap_err();
    remember(&mut standings, ticket, &[], &standing(1, 1, &[]));
    for number in 0..ORGANIZATIONS as u128 {
        standings.changed(&change(&[number + 10]));
        assert!(find(&mut standings, &[]).is_ok());
    }
    let early = find(&mut standings, &[7]).unwrap_err();
    standings.changed(&change(&[5]));
    assert_eq!(standings.changed.len(), ORGANIZATIONS);
    assert!(find(&mut standings, &[]).is_err());
    let before = StandingTicket { at: 0, ..early };
    remember(&mut standings, before, &[], &standing(1, 1, &[]));
    assert!(find(&mut standings, &[]).is_err());
    remember(&mut standings, early, &[], &standing(1, 1, &[]));
    assert!(find(&mut standings, &[]).is_ok(), "this one did not change since");
}

#[test]
fn while_a_change_is_committed_nothing_is_known_there_and_nothing_may_be_remembered() {
    let mut standings = Standings::default();
    let early = find(&mut standings, &[]).unwrap_err();
    remember(&mut standings, early, &[], &standing(1, 1, &[]));
    standings.changing(&change(&[1]));
    let marked = |standings: &mut Standings| standings.find(person(1), organization(1), &[]).unwrap_err().is_none();
    assert!(marked(&mut standings));
    // read before the commit by who asked before
    remember(&mut standings, early, &[], &standing(1, 1, &[]));
    assert!(marked(&mut standings));
    standings.changed(&change(&[1]));
    assert!(find(&mut standings, &[]).is_err());

    let everywhere = StandingChanges {
        everywhere: true,
        ..change(&[])
    };
    standings.changing(&everywhere);
    assert!(marked(&mut standings));
    // it came to nothing: this process owns nothing any more
    standings.forget();
    assert!(find(&mut standings, &[]).is_err());
}
