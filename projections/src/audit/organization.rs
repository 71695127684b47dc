//! What events of organizations say to compliance people. Ids stand in the detail; contents and names do not.

use super::record::Said;
use domain::{
    event::DomainEvent,
    id::{CollectionId, GroupId, MembershipId, OrganizationId, PolicyId},
    organization::{
        collection::CollectionEvent,
        grant::GrantEvent,
        group::{GroupEvent, GroupPlaceEvent},
        membership::{Ending, MembershipEvent, RevocationReason},
        policy::PolicyEvent,
        profile::{CollectionSettings, OrganizationEvent},
        task::TaskEvent,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A record with the id of its own thing in the detail.
fn said(kind: Option<i32>, event: &impl DomainEvent, (name, id): (&str, Uuid), mut detail: Value) -> Said {
    detail[name] = json!(id);
    Said {
        detail,
        ..Said::of(kind, event.at())
    }
}

/// What each rule about collections that was switched is numbered as.
fn switched(before: CollectionSettings, after: CollectionSettings) -> Vec<i32> {
    let rules = [
        (1610, before.limit_collection_creation, after.limit_collection_creation),
        (1612, before.limit_collection_deletion, after.limit_collection_deletion),
        (1614, before.limit_item_deletion, after.limit_item_deletion),
        (
            1616,
            before.allow_admin_access_to_all_collection_items,
            after.allow_admin_access_to_all_collection_items,
        ),
    ];
    let switched = rules.into_iter().filter(|(_, before, after)| before != after);
    switched.map(|(on, _, after)| if after { on } else { on + 1 }).collect()
}

pub(super) fn profile(id: Uuid, event: &OrganizationEvent) -> Said {
    use OrganizationEvent as E;
    let mut more = Vec::new();
    let (kind, detail) = match event {
        E::Created { plan, .. } => (None, json!({ "plan": plan })),
        E::DetailsChanged { .. } | E::IdentifierChanged { .. } => (Some(1600), json!({})),
        E::KeysSet { fingerprint, .. } => (Some(1600), json!({ "publicKeyFingerprint": fingerprint })),
        E::CollectionSettingsChanged { settings, before, .. } => {
            let switched = before.map(|before| switched(before, *settings));
            let (first, rest) = match switched.as_deref() {
                Some([first, rest @ ..]) => (*first, rest.to_vec()),
                Some([]) | None => (1600, Vec::new()),
            };
            more = rest;
            (Some(first), json!({ "settings": settings }))
        }
        E::ApiKeySet { .. } | E::Deleted { .. } => (None, json!({})),
        E::OwnerAdded { membership, .. } | E::OwnerRemoved { membership, .. } => {
            (None, json!({ "organizationUserId": membership }))
        }
        E::DomainAdded { name, .. } => (Some(2000), json!({ "domainName": name })),
        E::DomainRemoved { name, .. } => (Some(2001), json!({ "domainName": name })),
        E::DomainVerified { name, .. } => (Some(2002), json!({ "domainName": name })),
        E::DomainNotVerified { name, .. } => (Some(2003), json!({ "domainName": name })),
        E::LinkCreated { domains, confirms, .. } => (
            Some(1624),
            json!({ "allowedDomains": domains, "supportsConfirmation": confirms }),
        ),
        E::LinkDomainsChanged { domains, .. } => (Some(1625), json!({ "allowedDomains": domains })),
        E::LinkDeleted { .. } => (Some(1626), json!({})),
        E::LinkRefreshed { confirms, .. } => (Some(1628), json!({ "supportsConfirmation": confirms })),
        E::LinkConfirmationSet { confirms, .. } => (Some(if *confirms { 1629 } else { 1630 }), json!({})),
        E::VaultPurged { .. } => (Some(1601), json!({})),
        E::Exported { .. } => (Some(1602), json!({})),
    };
    Said {
        organization: Some(OrganizationId(id)),
        more,
        ..said(kind, event, ("organizationId", id), detail)
    }
}

pub(super) fn membership(id: Uuid, event: &MembershipEvent) -> Said {
    use MembershipEvent as E;
    let (kind, detail) = match event {
        E::Founded {
            organization,
            fingerprint,
            ..
        } => (
            None,
            json!({ "organizationId": organization, "keyFingerprint": fingerprint }),
        ),
        E::Invited { organization, role, .. } => {
            (Some(1500), json!({ "organizationId": organization, "access": role }))
        }
        E::InvitedAgain { .. } => (Some(1500), json!({ "again": true })),
        E::Accepted { user, .. } => (None, json!({ "memberUserId": user })),
        E::JoinedByLink { organization, user, .. } => (
            Some(1524),
            json!({ "organizationId": organization, "memberUserId": user }),
        ),
        E::ConfirmedByLink { fingerprint, .. } => (Some(1526), json!({ "keyFingerprint": fingerprint })),
        E::Confirmed {
            fingerprint,
            automatic: true,
            ..
        } => (Some(1517), json!({ "keyFingerprint": fingerprint })),
        E::Confirmed { fingerprint, .. } => (Some(1501), json!({ "keyFingerprint": fingerprint })),
        E::RoleChanged { role, .. } => (Some(1502), json!({ "access": role })),
        E::ExternalIdChanged { .. } => (Some(1502), json!({})),
        E::Revoked { reason, .. } => {
            let kind = match reason {
                RevocationReason::ByAdmin => 1511,
                RevocationReason::BySelf => 1518,
                RevocationReason::TwoFactorPolicy => 1520,
                RevocationReason::SingleOrganizationPolicy => 1521,
            };
            (Some(kind), json!({ "reason": reason }))
        }
        E::Restored { .. } => (Some(1512), json!({})),
        E::RecoveryEnrolled { fingerprint, .. } => (Some(1506), json!({ "keyFingerprint": fingerprint })),
        E::RecoveryWithdrawn { .. } => (Some(1507), json!({})),
        E::Recovered { .. } => (Some(1508), json!({})),
        E::KeyChanged { fingerprint, .. } => (None, json!({ "keyFingerprint": fingerprint })),
        E::KeyVoided { .. } => (None, json!({})),
        E::Ended { how, user, .. } => {
            let kind = match how {
                Ending::Removed => Some(1503),
                Ending::Left => Some(1516),
                Ending::ClaimedAccountDeleted => Some(1515),
                Ending::AccountDeleted | Ending::OrganizationDeleted => None,
            };
            (kind, json!({ "how": how, "memberUserId": user }))
        }
    };
    let organization = match event {
        E::Founded { organization, .. } | E::Invited { organization, .. } | E::JoinedByLink { organization, .. } => {
            Some(*organization)
        }
        _ => None,
    };
    let member = match event {
        E::Founded { user, .. } | E::Accepted { user, .. } | E::JoinedByLink { user, .. } => Some(*user),
        E::Ended { user, .. } => *user,
        _ => None,
    };
    Said {
        organization,
        membership: Some(MembershipId(id)),
        member,
        ..said(kind, event, ("organizationUserId", id), detail)
    }
}

pub(super) fn collection(id: Uuid, event: &CollectionEvent) -> Said {
    let (kind, detail) = match event {
        CollectionEvent::Created { organization, .. } => (1300, json!({ "organizationId": organization })),
        CollectionEvent::Updated { .. } => (1301, json!({})),
        CollectionEvent::Released { formerly_of, .. } => (1301, json!({ "formerlyOf": formerly_of })),
        CollectionEvent::Deleted { .. } => (1302, json!({})),
    };
    let organization = match event {
        CollectionEvent::Created { organization, .. } => Some(*organization),
        CollectionEvent::Updated { .. } | CollectionEvent::Released { .. } | CollectionEvent::Deleted { .. } => None,
    };
    Said {
        organization,
        collection: Some(CollectionId(id)),
        ..said(Some(kind), event, ("collectionId", id), detail)
    }
}

pub(super) fn grant(id: Uuid, event: &GrantEvent) -> Said {
    let detail = match event {
        GrantEvent::Granted {
            organization,
            collection,
            to,
            rights,
            ..
        } => json!({ "organizationId": organization, "collectionId": collection, "to": to, "rights": rights }),
        GrantEvent::Withdrawn { collection, to, .. } => json!({ "collectionId": collection, "to": to }),
    };
    let (organization, collection) = match event {
        GrantEvent::Granted {
            organization,
            collection,
            ..
        } => (Some(*organization), Some(*collection)),
        GrantEvent::Withdrawn { collection, .. } => (None, *collection),
    };
    Said {
        organization,
        collection,
        ..said(None, event, ("grantId", id), detail)
    }
}

pub(super) fn group(id: Uuid, event: &GroupEvent) -> Said {
    let (kind, detail) = match event {
        GroupEvent::Created { organization, .. } => (1400, json!({ "organizationId": organization })),
        GroupEvent::Updated { .. } => (1401, json!({})),
        GroupEvent::Deleted { .. } => (1402, json!({})),
    };
    let organization = match event {
        GroupEvent::Created { organization, .. } => Some(*organization),
        GroupEvent::Updated { .. } | GroupEvent::Deleted { .. } => None,
    };
    Said {
        organization,
        group: Some(GroupId(id)),
        ..said(Some(kind), event, ("groupId", id), detail)
    }
}

pub(super) fn place(id: Uuid, event: &GroupPlaceEvent) -> Said {
    let detail = match event {
        GroupPlaceEvent::Added {
            organization,
            group,
            member,
            ..
        } => json!({ "organizationId": organization, "groupId": group, "organizationUserId": member }),
        GroupPlaceEvent::Removed { group, member, .. } => json!({ "groupId": group, "organizationUserId": member }),
    };
    let (organization, group, membership) = match event {
        GroupPlaceEvent::Added {
            organization,
            group,
            member,
            ..
        } => (Some(*organization), Some(*group), Some(*member)),
        GroupPlaceEvent::Removed { group, member, .. } => (None, *group, *member),
    };
    Said {
        organization,
        group,
        membership,
        ..said(Some(1504), event, ("groupMemberId", id), detail)
    }
}

pub(super) fn policy(id: Uuid, event: &PolicyEvent) -> Said {
    let PolicyEvent::Set {
        organization,
        kind,
        enabled,
        data,
        ..
    } = event;
    let detail = json!({ "organizationId": organization, "policyType": kind, "enabled": enabled, "data": data });
    Said {
        organization: Some(*organization),
        policy: Some(PolicyId(id)),
        ..said(Some(1700), event, ("policyId", id), detail)
    }
}

pub(super) fn task(id: Uuid, event: &TaskEvent) -> Said {
    let (organization, cipher, detail) = match event {
        TaskEvent::Created {
            organization,
            kind,
            cipher,
            ..
        } => (Some(*organization), Some(*cipher), json!({ "taskType": kind })),
        TaskEvent::Completed { .. } => (None, None, json!({})),
    };
    Said {
        organization,
        cipher,
        ..said(None, event, ("taskId", id), detail)
    }
}
