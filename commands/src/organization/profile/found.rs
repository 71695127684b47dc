use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop},
};
use domain::{
    crypto::{EncString, fingerprint},
    id::{CollectionId, GrantId, MembershipId, OrganizationId, PlaceId, UserId},
    organization::{
        collection::{Collection, CollectionEvent},
        grant::{Grant, GrantEvent, Grantee, Rights},
        membership::{Membership, MembershipEvent},
        place::{Place, PlaceEvent},
        profile::{CollectionSettings, Details, Organization, OrganizationEvent, OrganizationKeys},
    },
    personal::Personal,
};

/// A collection made along with an organization.
#[derive(Debug, Clone)]
pub struct FirstCollection {
    /// A new id.
    pub id: CollectionId,
    /// Its name.
    pub name: EncString,
}

/// Founds an organization; the founder is its first owner.
#[derive(Debug, Clone)]
pub struct FoundOrganization {
    /// A new id.
    pub organization: OrganizationId,
    /// A new id.
    pub membership: MembershipId,
    /// Who founds it.
    pub by: UserId,
    /// What it is called.
    pub details: Details,
    /// Its keys.
    pub keys: Option<OrganizationKeys>,
    /// Number of the plan.
    pub plan: u8,
    /// The organization's key, sealed for the founder.
    pub key: EncString,
    /// A collection to begin with.
    pub collection: Option<FirstCollection>,
}

impl Transaction for FoundOrganization {
    type Output = Organization;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Organization, Stop> {
        let now = unit.now();
        let created = OrganizationEvent::Created {
            details: Personal::of(self.organization, self.details.clone()),
            keys: self.keys.clone(),
            plan: self.plan,
            settings: CollectionSettings::default(),
            founder: self.by,
            owner: self.membership,
            at: now,
        };
        let loaded = unit.fresh::<Organization>(self.organization);
        let organization = unit.append(loaded, vec![created]);
        let founded = MembershipEvent::Founded {
            organization: self.organization,
            user: self.by,
            key: self.key.clone(),
            fingerprint: fingerprint(self.key.as_str()),
            at: now,
        };
        let loaded = unit.fresh::<Membership>(self.membership);
        unit.append(loaded, vec![founded]);
        let taken = PlaceEvent::Taken {
            organization: self.organization,
            by: self.membership,
            at: now,
        };
        let loaded = unit.fresh::<Place>(PlaceId::of_user(self.organization, self.by));
        unit.append(loaded, vec![taken]);
        if let Some(first) = &self.collection {
            let created = CollectionEvent::Created {
                organization: self.organization,
                name: first.name.clone(),
                external_id: None,
                default_of: None,
                at: now,
            };
            let loaded = unit.fresh::<Collection>(first.id);
            unit.append(loaded, vec![created]);
            let to = Grantee::Member(self.membership);
            let granted = GrantEvent::Granted {
                organization: self.organization,
                collection: first.id,
                to,
                rights: Rights::MANAGE,
                at: now,
            };
            let loaded = unit.fresh::<Grant>(GrantId::of(first.id, to.id()));
            unit.append(loaded, vec![granted]);
        }
        Ok(organization)
    }
}
