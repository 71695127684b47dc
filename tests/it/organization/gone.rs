//! What is decided where something that was only looked at is gone: stores that append to one stream at a time may let it go in between.

use crate::snapshots::world::{ANN, World};
use commands::context::Context;
use commands::execute::{ExecuteError, Executor, Transaction, Unit};
use commands::organization::OrganizationError;
use commands::organization::member::{EndMembership, OwnersRemain};
use commands::vault::cipher::{CipherError, NewCipher};
use commands::vault::shared::{CreateShared, ImportShared, ImportedItem};
use domain::crypto::EncString;
use domain::id::{CipherId, CollectionId, MembershipId, OrganizationId, UserId};
use domain::organization::access::Standing;
use domain::organization::collection::{Collection, CollectionEvent};
use domain::organization::membership::{Ending, Membership, MembershipEvent};
use domain::organization::profile::{CollectionSettings, Details, Organization, OrganizationEvent};
use domain::organization::role::Role;
use domain::personal::Personal;
use domain::time::Timestamp;
use domain::vault::cipher::{CipherKind, Content};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

const BEN: UserId = UserId(Uuid::from_u128(0xb));
const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(1));
const ANNS: MembershipId = MembershipId(Uuid::from_u128(2));
const BENS: MembershipId = MembershipId(Uuid::from_u128(3));
const COLLECTION: CollectionId = CollectionId(Uuid::from_u128(4));
const AT: Timestamp = Timestamp(1_795_000_000_000);

fn sealed() -> EncString {
    EncString::parse("2.name|AAAA|AAAA".to_owned(), 100).unwrap()
}

/// Two who own an organization with one collection.
struct Founded;

impl Transaction for Founded {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<OrganizationError>> {
        let details = Details {
            name: "Gone".to_owned(),
            billing_email: "bills@example.org".to_owned(),
            business_name: None,
        };
        let created = OrganizationEvent::Created {
            details: Personal::of(ORGANIZATION, details),
            keys: None,
            plan: 20,
            settings: CollectionSettings::default(),
            founder: ANN,
            owner: ANNS,
            at: AT,
        };
        let added = OrganizationEvent::OwnerAdded {
            membership: BENS,
            at: AT,
        };
        let loaded = unit.fresh::<Organization>(ORGANIZATION);
        unit.append(loaded, vec![created, added]);
        for (membership, user) in [(ANNS, ANN), (BENS, BEN)] {
            let founded = MembershipEvent::Founded {
                organization: ORGANIZATION,
                user,
                key: sealed(),
                fingerprint: String::new(),
                at: AT,
            };
            let loaded = unit.fresh::<Membership>(membership);
            unit.append(loaded, vec![founded]);
        }
        let created = CollectionEvent::Created {
            organization: ORGANIZATION,
            name: sealed(),
            external_id: None,
            default_of: None,
            at: AT,
        };
        let loaded = unit.fresh::<Collection>(COLLECTION);
        unit.append(loaded, vec![created]);
        Ok(())
    }
}

/// Only one stream was told of something that two are told of.
enum Half {
    BenIsGone,
    OrganizationIsGone,
}

impl Transaction for Half {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<OrganizationError>> {
        match self {
            Self::BenIsGone => {
                let ended = MembershipEvent::Ended {
                    how: Ending::Left,
                    user: Some(BEN),
                    at: AT,
                };
                let loaded = unit.load::<Membership>(BENS).await?;
                unit.append(loaded, vec![ended]);
            }
            Self::OrganizationIsGone => {
                let loaded = unit.load::<Organization>(ORGANIZATION).await?;
                unit.append(loaded, vec![OrganizationEvent::Deleted { at: AT }]);
            }
        }
        Ok(())
    }
}

fn context() -> Context {
    Context::system(Uuid::new_v4(), None)
}

async fn founded() -> Executor {
    let executor = World::in_memory().started();
    executor.transact(&context(), &Founded).await.unwrap();
    executor
}

#[tokio::test]
async fn who_is_listed_as_an_owner_and_is_none_keeps_no_organization() {
    let executor = founded().await;
    let leave = EndMembership {
        organization: ORGANIZATION,
        membership: ANNS,
        by: None,
        user: ANN,
        spare_owners: false,
        deleted: false,
    };
    let remain = OwnersRemain {
        memberships: vec![(ORGANIZATION, ANNS)],
    };
    executor.transact(&context(), &remain).await.unwrap();
    executor.transact(&context(), &Half::BenIsGone).await.unwrap();
    let refused = [
        executor.transact(&context(), &leave).await.map(drop),
        executor.transact(&context(), &remain).await.map(drop),
    ];
    for refused in refused {
        let last = matches!(refused, Err(ExecuteError::Refused(OrganizationError::LastOwner)));
        assert!(last, "{refused:?}");
    }
}

#[tokio::test]
async fn nothing_is_put_into_an_organization_that_is_gone() {
    let executor = founded().await;
    let by = Standing {
        user: ANN,
        organization: ORGANIZATION,
        membership: ANNS,
        role: Role::Owner,
        settings: CollectionSettings {
            allow_admin_access_to_all_collection_items: true,
            ..CollectionSettings::default()
        },
        rights: HashMap::new(),
        unmanaged: HashSet::new(),
    };
    let new = NewCipher {
        kind: CipherKind::Login,
        content: Content::new(RawValue::from_string(r#"{"name":"2.name|AAAA|AAAA"}"#.to_owned()).unwrap()),
        folder: None,
        favorite: false,
        archived: None,
    };
    let create = |n| CreateShared {
        cipher: CipherId(Uuid::from_u128(n)),
        by: by.clone(),
        collections: vec![COLLECTION],
        new: new.clone(),
    };
    let item = ImportedItem {
        new: new.clone(),
        collections: vec![],
        folder: None,
    };
    let import = ImportShared {
        by: by.clone(),
        collections: vec![],
        folders: vec![],
        ciphers: vec![item],
    };
    executor.transact(&context(), &create(1)).await.unwrap();
    executor.transact(&context(), &import).await.unwrap();
    executor.transact(&context(), &Half::OrganizationIsGone).await.unwrap();
    let refused = [
        executor.transact(&context(), &create(2)).await.map(drop),
        executor.transact(&context(), &import).await.map(drop),
    ];
    for refused in refused {
        let missing = matches!(refused, Err(ExecuteError::Refused(CipherError::NotFound)));
        assert!(missing, "{refused:?}");
    }
}
