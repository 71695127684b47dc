//! Organizations, collections and policies as clients read them. Shapes: `models.json`.

use super::Membership;
use domain::{
    id::{CollectionId, MembershipId, OrganizationId, PolicyId, UserId},
    organization::grant::Rights,
};
use projections::sync::{
    account::AccountView, collection::CollectionRow, membership::MembershipRow, organization::OrganizationView,
    policy::PolicyRow,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use uuid::Uuid;

/// The number of the enterprise tier (`ProductTierType`).
const ENTERPRISE: u8 = 3;
/// The most people, collections and gigabytes answers speak of: there is no bound.
const UNBOUNDED: i32 = i32::MAX;

/// What every organization may do: all of it.
fn features() -> Map<String, Value> {
    let on = [
        "usePolicies",
        "useSso",
        "useScim",
        "useGroups",
        "useDirectory",
        "useEvents",
        "useTotp",
        "use2fa",
        "useApi",
        "useResetPassword",
        "usePasswordManager",
        "usersGetPremium",
        "useCustomPermissions",
        "useOrganizationDomains",
        "useMyItems",
        "useAutomaticUserConfirmation",
        "useInviteLinks",
        "selfHost",
    ];
    // their parts of the server are not there
    let off = [
        "useKeyConnector",
        "useSecretsManager",
        "useRiskInsights",
        "useAdminSponsoredFamilies",
        "usePhishingBlocker",
        "usePam",
    ];
    let on = on.into_iter().map(|name| (name.to_owned(), json!(true)));
    on.chain(off.into_iter().map(|name| (name.to_owned(), json!(false))))
        .collect()
}

fn settings(view: &OrganizationView) -> Map<String, Value> {
    let settings = view.settings;
    [
        ("limitCollectionCreation", settings.limit_collection_creation),
        ("limitCollectionDeletion", settings.limit_collection_deletion),
        ("limitItemDeletion", settings.limit_item_deletion),
        (
            "allowAdminAccessToAllCollectionItems",
            settings.allow_admin_access_to_all_collection_items,
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect()
}

/// `ProfileOrganizationResponseModel`, of those that the owner of this address is confirmed in.
pub fn profile_organizations(memberships: &[Membership], email: &str) -> Vec<Value> {
    organizations_where(memberships, email, MembershipRow::is_active)
}

/// The same, and of those that wait for being confirmed.
pub fn profile_organizations_new(memberships: &[Membership], email: &str) -> Vec<Value> {
    organizations_where(memberships, email, |row| row.is_active() || row.is_accepted())
}

fn organizations_where(memberships: &[Membership], email: &str, wanted: impl Fn(&MembershipRow) -> bool) -> Vec<Value> {
    memberships
        .iter()
        .filter(|(_, membership, _)| wanted(membership))
        .map(|(id, membership, view)| profile_organization(*id, membership, view, email))
        .collect()
}

/// `ProfileOrganizationResponseModel`.
fn profile_organization(id: MembershipId, membership: &MembershipRow, view: &OrganizationView, email: &str) -> Value {
    let mut out = features();
    out.extend(settings(view));
    let Value::Object(own) = json!({
        "object": "profileOrganization",
        "organizationUserId": id,
        "userIsClaimedByOrganization": view.claims(email),
        "familySponsorshipFriendlyName": null,
        "familySponsorshipAvailable": false,
        "familySponsorshipLastSyncDate": null,
        "familySponsorshipValidUntil": null,
        "familySponsorshipToDelete": null,
        "isAdminInitiated": false,
        "id": membership.organization,
        "name": view.name,
        "enabled": true,
        "identifier": view.identifier,
        "productTierType": ENTERPRISE,
        "useActivateAutofillPolicy": true,
        "useDisableSMAdsForUsers": false,
        "seats": UNBOUNDED,
        "maxCollections": UNBOUNDED,
        "maxStorageGb": UNBOUNDED,
        "key": membership.view.key,
        "hasPublicAndPrivateKeys": view.public_key.is_some() && view.private_key.is_some(),
        "ssoBound": false,
        "resetPasswordEnrolled": membership.view.recovery_key.is_some(),
        "providerId": null,
        "providerName": null,
        "providerType": null,
        "ssoEnabled": false,
        "keyConnectorEnabled": false,
        "keyConnectorUrl": null,
        "ssoMemberDecryptionType": null,
        "accessSecretsManager": membership.view.secrets_manager,
        "accessPam": false,
        "userId": membership.user,
        "status": membership.status(),
        "type": membership.role.number(),
        "permissions": membership.view.permissions,
    }) else {
        return Value::Null;
    };
    out.extend(own);
    Value::Object(out)
}

/// `OrganizationResponseModel`.
pub fn organization(id: OrganizationId, view: &OrganizationView) -> Value {
    let mut out = features();
    out.extend(settings(view));
    let Value::Object(own) = json!({
        "object": "organization",
        "id": id,
        "name": view.name,
        "businessName": view.business_name,
        "businessAddress1": null,
        "businessAddress2": null,
        "businessAddress3": null,
        "businessCountry": null,
        "businessTaxNumber": null,
        "billingEmail": view.billing_email,
        "plan": plan(view.plan),
        "secretsManagerPlan": null,
        "planType": view.plan,
        "seats": UNBOUNDED,
        "maxAutoscaleSeats": null,
        "maxCollections": UNBOUNDED,
        "maxStorageGb": UNBOUNDED,
        "hasPublicAndPrivateKeys": view.public_key.is_some() && view.private_key.is_some(),
        "smSeats": null,
        "smServiceAccounts": null,
        "maxAutoscaleSmSeats": null,
        "maxAutoscaleSmServiceAccounts": null,
        "useDisableSmAdsForUsers": false,
    }) else {
        return Value::Null;
    };
    out.extend(own);
    Value::Object(out)
}

/// `PlanType` of the enterprise plan.
pub const ENTERPRISE_ANNUALLY: u8 = 20;

/// `PlanResponseModel` of the enterprise plan, whatever its number: nothing is billed.
pub fn plan(kind: u8) -> Value {
    json!({
        "object": "plan",
        "type": kind,
        "productTier": ENTERPRISE,
        "name": "Enterprise (Annually)",
        "isAnnual": true,
        "nameLocalizationKey": "planNameEnterprise",
        "descriptionLocalizationKey": "planDescEnterprise",
        "canBeUsedByBusiness": true,
        "trialPeriodDays": null,
        "hasSelfHost": true,
        "hasPolicies": true,
        "hasGroups": true,
        "hasDirectory": true,
        "hasEvents": true,
        "hasTotp": true,
        "has2fa": true,
        "hasApi": true,
        "hasSso": true,
        "hasOrganizationDomains": true,
        "hasResetPassword": true,
        "usersGetPremium": true,
        "hasMyItems": true,
        "hasInviteLinks": true,
        "upgradeSortOrder": 4,
        "displaySortOrder": 4,
        "legacyYear": null,
        "disabled": false,
        "secretsManager": null,
        "passwordManager": null,
    })
}

/// `CollectionDetailsResponseModel`: what somebody has in it.
pub fn collection_details(id: CollectionId, row: &CollectionRow, rights: Rights, former: &Former) -> Value {
    let mut out = collection(id, row, former);
    out["object"] = json!("collectionDetails");
    out["readOnly"] = json!(rights.read_only);
    out["hidePasswords"] = json!(rights.hide_passwords);
    out["manage"] = json!(rights.manage);
    out
}

/// The addresses of those whose own items some collections held until they went: by them clients name these collections.
#[derive(Debug, Default)]
pub struct Former(HashMap<UserId, String>);

impl Former {
    /// Those whose accounts are there still: what [`projections::sync::shared::former_owners`] found.
    pub fn of(found: Vec<(UserId, AccountView)>) -> Self {
        Self(found.into_iter().map(|(id, view)| (id, view.email)).collect())
    }
}

/// `CollectionResponseModel`.
pub fn collection(id: CollectionId, row: &CollectionRow, former: &Former) -> Value {
    json!({
        "object": "collection",
        "id": id,
        "organizationId": row.organization,
        "name": row.name,
        "externalId": row.external_id,
        "type": u8::from(row.default_of.is_some()),
        "defaultUserCollectionEmail": row.formerly_of.and_then(|user| former.0.get(&user)),
    })
}

/// `SelectionReadOnlyResponseModel`.
pub fn selection(id: Uuid, rights: Rights) -> Value {
    json!({
        "id": id,
        "readOnly": rights.read_only,
        "hidePasswords": rights.hide_passwords,
        "manage": rights.manage,
    })
}

/// `PolicyResponseModel`.
pub fn policy(id: PolicyId, row: &PolicyRow) -> Value {
    let data = row
        .data
        .as_deref()
        .and_then(|data| serde_json::from_str::<Value>(data).ok());
    json!({
        "object": "policy",
        "id": id,
        "organizationId": row.organization,
        "type": row.kind,
        "data": data,
        "enabled": row.enabled,
        "revisionDate": row.revised.iso(),
    })
}
