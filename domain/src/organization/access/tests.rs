//! The rule, case by case; the whole matrix over HTTP is a test of the program.

use super::*;
use crate::organization::role::Permissions;
use uuid::Uuid;

const HERE: CollectionId = CollectionId(Uuid::from_u128(1));
const THERE: CollectionId = CollectionId(Uuid::from_u128(2));

fn member(role: Role, rights: &[(CollectionId, Rights)]) -> Standing {
    Standing {
        user: UserId(Uuid::from_u128(10)),
        organization: OrganizationId(Uuid::from_u128(11)),
        membership: MembershipId(Uuid::from_u128(12)),
        role,
        settings: CollectionSettings::default(),
        rights: rights.iter().copied().collect(),
        unmanaged: HashSet::new(),
    }
}

fn reading() -> Rights {
    Rights {
        read_only: true,
        ..Rights::default()
    }
}

#[test]
fn an_item_in_no_collection_is_nobodys_but_an_admins() {
    for role in [Role::User, Role::Admin, Role::Owner] {
        assert_eq!(
            member(role, &[(HERE, Rights::MANAGE)]).over_item(&[]),
            ItemRights::default()
        );
    }
    assert!(
        !member(Role::User, &[(HERE, Rights::MANAGE)])
            .over_item_as_admin(&[])
            .read
    );
    assert!(member(Role::Admin, &[]).over_item_as_admin(&[]).delete);
}

#[test]
fn the_best_collection_of_an_item_counts() {
    let member = member(Role::User, &[(HERE, reading()), (THERE, Rights::default())]);
    assert!(!member.over_item(&[HERE]).edit);
    assert!(member.over_item(&[HERE, THERE]).edit);
    assert!(!member.over_item(&[HERE, THERE]).manage);
}

#[test]
fn admins_stand_above_collections_only_where_the_settings_say_so() {
    let mut admin = member(Role::Admin, &[]);
    assert!(admin.may_manage(HERE) && admin.may_delete(HERE) && admin.may_add_to(HERE));
    assert!(admin.over_item_as_admin(&[HERE]).edit);
    admin.settings.allow_admin_access_to_all_collection_items = false;
    assert!(!admin.may_manage(HERE) && !admin.may_delete(HERE) && !admin.may_add_to(HERE));
    assert!(!admin.over_item_as_admin(&[HERE]).read);
}

#[test]
fn a_collection_that_nobody_manages_is_taken_up_by_admins() {
    let mut admin = member(Role::Admin, &[]);
    admin.settings.allow_admin_access_to_all_collection_items = false;
    admin.unmanaged.insert(HERE);
    assert!(admin.may_manage(HERE) && admin.may_delete(HERE));
    assert!(!admin.may_manage(THERE) && !admin.may_delete(THERE));
    // that is no leave to read what is in it
    assert!(!admin.over_item_as_admin(&[HERE]).read && !admin.may_add_to(HERE));
    let mut user = member(Role::User, &[(HERE, Rights::default())]);
    user.unmanaged.insert(HERE);
    assert!(!user.may_manage(HERE) && !user.may_delete(HERE));
}

#[test]
fn deleting_items_can_be_left_to_those_who_manage() {
    let mut member = member(Role::User, &[(HERE, Rights::default()), (THERE, Rights::MANAGE)]);
    assert!(member.over_item(&[HERE]).delete);
    member.settings.limit_item_deletion = true;
    assert!(!member.over_item(&[HERE]).delete);
    assert!(member.over_item(&[THERE]).delete);
}

#[test]
fn nobody_makes_anybody_more_than_they_are() {
    let users = Role::Custom(Permissions {
        manage_users: true,
        ..Permissions::default()
    });
    let more = Role::Custom(Permissions {
        manage_users: true,
        manage_policies: true,
        ..Permissions::default()
    });
    let may = |who: Role, present, wanted| member(who, &[]).may_appoint(present, wanted);
    assert!(may(Role::Owner, Some(Role::Owner), Some(Role::Owner)));
    assert!(may(Role::Admin, Some(Role::User), Some(Role::Admin)));
    assert!(!may(Role::Admin, Some(Role::Owner), Some(Role::User)));
    assert!(!may(Role::Admin, Some(Role::User), Some(Role::Owner)));
    assert!(may(users, None, Some(users)));
    assert!(!may(users, None, Some(more)));
    assert!(!may(users, None, Some(Role::Admin)));
    assert!(!may(users, Some(Role::Admin), None));
    assert!(!may(Role::User, Some(Role::User), Some(Role::User)));
    assert!(!may(more, Some(Role::User), Some(Role::Owner)));
}
