//! The organization itself: its name, keys, settings and owners.

use crate::{
    account::user::Secret,
    crypto::EncString,
    event::{Aggregate, Counts, DomainEvent},
    id::{DomainId, InviteLinkId, MembershipId, OrganizationId, SubjectId, UserId},
    organization::{
        claim::{Claim, Claims, DomainName},
        link::{InviteLink, LinkSecret},
    },
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What it is called and where bills go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// At most 50 characters.
    pub name: String,
    /// Where bills and notices go.
    pub billing_email: String,
    /// The registered name, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_name: Option<String>,
}

/// The key pair that stands for the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationKeys {
    /// Base64 of the DER.
    pub public_key: String,
    /// Sealed with the organization's key.
    pub private_key: EncString,
}

/// Who may do what with collections beside what they manage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionSettings {
    /// Only owners, admins and those with the permission make collections.
    pub limit_collection_creation: bool,
    /// Only owners, admins and those with the permission delete collections.
    pub limit_collection_deletion: bool,
    /// Only those who manage a collection delete items in it, not all who can edit them.
    pub limit_item_deletion: bool,
    /// Owners and admins manage every collection and item.
    pub allow_admin_access_to_all_collection_items: bool,
}

impl Default for CollectionSettings {
    fn default() -> Self {
        Self {
            limit_collection_creation: false,
            limit_collection_deletion: false,
            limit_item_deletion: false,
            allow_admin_access_to_all_collection_items: true,
        }
    }
}

/// Everything that can have happened to an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrganizationEvent {
    /// Somebody founded it.
    #[serde(rename = "OrganizationCreated")]
    Created {
        /// What it is called.
        details: Personal<Details>,
        /// Its keys.
        keys: Option<OrganizationKeys>,
        /// Number of the plan (`PlanType` of the catalogue).
        plan: u8,
        /// Who may do what with collections.
        settings: CollectionSettings,
        /// Who founded it.
        founder: UserId,
        /// Their membership: the first owner.
        owner: MembershipId,
        /// When.
        at: Timestamp,
    },
    /// It is called otherwise, or bills go elsewhere.
    #[serde(rename = "OrganizationDetailsChanged")]
    DetailsChanged {
        /// What it is called now.
        details: Personal<Details>,
        /// When.
        at: Timestamp,
    },
    /// The name by which single sign-on finds it.
    #[serde(rename = "OrganizationIdentifierChanged")]
    IdentifierChanged {
        /// `None`: it has none any more.
        identifier: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// It got keys.
    #[serde(rename = "OrganizationKeysSet")]
    KeysSet {
        /// The keys.
        keys: OrganizationKeys,
        /// SHA-256 of the public key.
        fingerprint: String,
        /// When.
        at: Timestamp,
    },
    /// Other rules about collections.
    #[serde(rename = "OrganizationCollectionSettingsChanged")]
    CollectionSettingsChanged {
        /// The rules now.
        settings: CollectionSettings,
        /// The rules before; unsaid by older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<CollectionSettings>,
        /// When.
        at: Timestamp,
    },
    /// Its API key was made, or made anew.
    #[serde(rename = "OrganizationApiKeySet")]
    ApiKeySet {
        /// The key.
        secret: Personal<Secret>,
        /// When.
        at: Timestamp,
    },
    /// A confirmed member became an owner.
    #[serde(rename = "OrganizationOwnerAdded")]
    OwnerAdded {
        /// Who.
        membership: MembershipId,
        /// When.
        at: Timestamp,
    },
    /// An owner is one no longer, or was revoked, or is gone.
    #[serde(rename = "OrganizationOwnerRemoved")]
    OwnerRemoved {
        /// Who.
        membership: MembershipId,
        /// When.
        at: Timestamp,
    },
    /// Everything in its vault was deleted.
    #[serde(rename = "OrganizationVaultPurged")]
    VaultPurged {
        /// When.
        at: Timestamp,
    },
    /// Its vault was handed out.
    #[serde(rename = "OrganizationExported")]
    Exported {
        /// When.
        at: Timestamp,
    },
    /// It says that a domain is its own.
    #[serde(rename = "OrganizationDomainAdded")]
    DomainAdded {
        /// The claim.
        domain: DomainId,
        /// Which domain.
        name: DomainName,
        /// What its TXT record must say.
        txt: String,
        /// When.
        at: Timestamp,
    },
    /// The TXT record says so.
    #[serde(rename = "OrganizationDomainVerified")]
    DomainVerified {
        /// The claim.
        domain: DomainId,
        /// Which domain.
        name: DomainName,
        /// When.
        at: Timestamp,
    },
    /// The TXT record was looked for and does not say so.
    #[serde(rename = "OrganizationDomainNotVerified")]
    DomainNotVerified {
        /// The claim.
        domain: DomainId,
        /// Which domain.
        name: DomainName,
        /// When.
        at: Timestamp,
    },
    /// It claims the domain no more.
    #[serde(rename = "OrganizationDomainRemoved")]
    DomainRemoved {
        /// The claim.
        domain: DomainId,
        /// Which domain.
        name: DomainName,
        /// When.
        at: Timestamp,
    },
    /// It has a link by which people get in.
    #[serde(rename = "InviteLinkCreated")]
    LinkCreated {
        /// The link.
        link: InviteLinkId,
        /// What makes it work.
        secret: Personal<LinkSecret>,
        /// The domains an address may be in.
        domains: Vec<DomainName>,
        /// Whether who has it can confirm themselves.
        confirms: bool,
        /// When.
        at: Timestamp,
    },
    /// The link is another one: the one before is good no longer.
    #[serde(rename = "InviteLinkRefreshed")]
    LinkRefreshed {
        /// What makes it work.
        secret: Personal<LinkSecret>,
        /// Whether who has it can confirm themselves.
        confirms: bool,
        /// When.
        at: Timestamp,
    },
    /// The link is for addresses in other domains.
    #[serde(rename = "InviteLinkDomainsChanged")]
    LinkDomainsChanged {
        /// The domains an address may be in.
        domains: Vec<DomainName>,
        /// When.
        at: Timestamp,
    },
    /// Who has the link can confirm themselves, or no longer.
    #[serde(rename = "InviteLinkConfirmationSet")]
    LinkConfirmationSet {
        /// What makes it work.
        secret: Personal<LinkSecret>,
        /// Whether who has it can confirm themselves.
        confirms: bool,
        /// When.
        at: Timestamp,
    },
    /// There is no link any more.
    #[serde(rename = "InviteLinkDeleted")]
    LinkDeleted {
        /// When.
        at: Timestamp,
    },
    /// It is gone, and all that was in it.
    #[serde(rename = "OrganizationDeleted")]
    Deleted {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for OrganizationEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("OrganizationCreated", 1),
        ("OrganizationDetailsChanged", 1),
        ("OrganizationIdentifierChanged", 1),
        ("OrganizationKeysSet", 1),
        ("OrganizationCollectionSettingsChanged", 1),
        ("OrganizationApiKeySet", 1),
        ("OrganizationOwnerAdded", 1),
        ("OrganizationOwnerRemoved", 1),
        ("OrganizationVaultPurged", 1),
        ("OrganizationExported", 1),
        ("OrganizationDomainAdded", 1),
        ("OrganizationDomainVerified", 1),
        ("OrganizationDomainNotVerified", 1),
        ("OrganizationDomainRemoved", 1),
        ("InviteLinkCreated", 1),
        ("InviteLinkRefreshed", 1),
        ("InviteLinkDomainsChanged", 1),
        ("InviteLinkConfirmationSet", 1),
        ("InviteLinkDeleted", 1),
        ("OrganizationDeleted", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. }
            | Self::DetailsChanged { at, .. }
            | Self::IdentifierChanged { at, .. }
            | Self::KeysSet { at, .. }
            | Self::CollectionSettingsChanged { at, .. }
            | Self::ApiKeySet { at, .. }
            | Self::OwnerAdded { at, .. }
            | Self::OwnerRemoved { at, .. }
            | Self::VaultPurged { at }
            | Self::Exported { at }
            | Self::DomainAdded { at, .. }
            | Self::DomainVerified { at, .. }
            | Self::DomainNotVerified { at, .. }
            | Self::DomainRemoved { at, .. }
            | Self::LinkCreated { at, .. }
            | Self::LinkRefreshed { at, .. }
            | Self::LinkDomainsChanged { at, .. }
            | Self::LinkConfirmationSet { at, .. }
            | Self::LinkDeleted { at }
            | Self::Deleted { at } => *at,
        }
    }
}

/// An organization that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveOrganization {
    /// What it is called; `None` once that was erased.
    pub details: Option<Details>,
    /// The name by which single sign-on finds it.
    pub identifier: Option<String>,
    /// Its keys, once it has some.
    pub keys: Option<OrganizationKeys>,
    /// Who may do what with collections.
    pub settings: CollectionSettings,
    /// Its API key, once it was asked for.
    pub api_key: Option<Secret>,
    /// Since when that is its API key.
    pub api_key_at: Option<Timestamp>,
    /// Confirmed owners: never none.
    pub owners: BTreeSet<MembershipId>,
    /// Domains it claims.
    pub domains: Claims,
    /// The link by which people get in.
    pub link: Option<InviteLink>,
    /// When it was founded.
    pub created: Timestamp,
}

/// What decisions need to know of an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Organization {
    /// Nobody ever founded it.
    #[default]
    Absent,
    /// It is there.
    Live(Box<LiveOrganization>),
    /// It was there.
    Deleted,
}

impl Organization {
    /// The organization, if it is there.
    pub fn live(&self) -> Option<&LiveOrganization> {
        match self {
            Self::Live(organization) => Some(organization),
            Self::Absent | Self::Deleted => None,
        }
    }
}

impl Aggregate for Organization {
    const CATEGORY: &'static str = "organization";
    const FOLD: &'static str = "d670b74c6233f400";
    type Id = OrganizationId;
    type Event = OrganizationEvent;

    fn evolve(self, event: &OrganizationEvent) -> Self {
        use OrganizationEvent as E;
        if let E::Created {
            details,
            keys,
            settings,
            owner,
            at,
            plan: _,
            founder: _,
        } = event
        {
            return Self::Live(Box::new(LiveOrganization {
                details: details.known().cloned(),
                identifier: None,
                keys: keys.clone(),
                settings: *settings,
                api_key: None,
                api_key_at: None,
                owners: BTreeSet::from([*owner]),
                domains: Claims::new(),
                link: None,
                created: *at,
            }));
        }
        let Self::Live(mut live) = self else { return self };
        match event {
            E::Created { .. } | E::VaultPurged { .. } | E::Exported { .. } | E::DomainNotVerified { .. } => {}
            E::DomainAdded { domain, name, txt, at } => {
                let claim = Claim {
                    name: name.clone(),
                    txt: txt.clone(),
                    verified: None,
                    added: *at,
                };
                live.domains.insert(*domain, claim);
            }
            E::DomainVerified { domain, at, .. } => {
                if let Some(claim) = live.domains.get_mut(domain) {
                    claim.verified = Some(*at);
                }
            }
            E::DomainRemoved { domain, .. } => {
                live.domains.remove(domain);
            }
            E::LinkCreated {
                link,
                secret,
                domains,
                confirms,
                at,
            } => {
                live.link = Some(InviteLink {
                    id: *link,
                    secret: secret.known().cloned(),
                    domains: domains.clone(),
                    confirms: *confirms,
                    created: *at,
                });
            }
            E::LinkRefreshed { secret, confirms, .. } | E::LinkConfirmationSet { secret, confirms, .. } => {
                if let Some(link) = &mut live.link {
                    link.secret = secret.known().cloned();
                    link.confirms = *confirms;
                }
            }
            E::LinkDomainsChanged { domains, .. } => {
                if let Some(link) = &mut live.link {
                    link.domains.clone_from(domains);
                }
            }
            E::LinkDeleted { .. } => live.link = None,
            E::DetailsChanged { details, .. } => live.details = details.known().cloned(),
            E::IdentifierChanged { identifier, .. } => live.identifier.clone_from(identifier),
            E::KeysSet { keys, .. } => live.keys = Some(keys.clone()),
            E::CollectionSettingsChanged { settings, .. } => live.settings = *settings,
            E::ApiKeySet { secret, at } => {
                live.api_key = secret.known().cloned();
                live.api_key_at = Some(*at);
            }
            E::OwnerAdded { membership, .. } => {
                live.owners.insert(*membership);
            }
            E::OwnerRemoved { membership, .. } => {
                live.owners.remove(membership);
            }
            E::Deleted { .. } => return Self::Deleted,
        }
        Self::Live(live)
    }

    fn counts(&self, id: OrganizationId, _: &OrganizationEvent) -> Counts {
        Counts::For(id)
    }

    fn subject(&self, id: OrganizationId) -> Option<SubjectId> {
        self.live().map(|_| id.into())
    }
}
