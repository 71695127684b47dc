//! Organizations as their members see them.

use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    id::DomainId,
    organization::claim::{DomainName, claims_address},
    organization::profile::{CollectionSettings, OrganizationEvent},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// What answers about an organization need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationView {
    /// What it is called; empty once that was erased.
    pub name: String,
    /// Where bills and notices go.
    pub billing_email: String,
    /// The registered name.
    pub business_name: Option<String>,
    /// The name by which single sign-on finds it.
    pub identifier: Option<String>,
    /// Number of the plan.
    pub plan: u8,
    /// Base64 of the public key.
    pub public_key: Option<String>,
    /// The private key, sealed with the organization's key.
    pub private_key: Option<String>,
    /// Who may do what with collections.
    pub settings: CollectionSettings,
    /// When the API key was made.
    pub api_key_at: Option<Timestamp>,
    /// Domains it claims, the oldest claim first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainView>,
    /// When it last changed.
    pub revised: Timestamp,
    /// When it was founded.
    pub created: Timestamp,
}

/// A claimed domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainView {
    /// The claim.
    pub id: DomainId,
    /// Which domain.
    pub name: DomainName,
    /// What its TXT record must say.
    pub txt: String,
    /// When it was claimed.
    pub created: Timestamp,
    /// How often it was looked for in vain.
    pub misses: u32,
    /// When it was last looked for.
    pub checked: Option<Timestamp>,
    /// When it was found.
    pub verified: Option<Timestamp>,
}

impl OrganizationView {
    /// Whether the owner of this e-mail address is somebody of the organization's: it has shown that the domain is its own.
    pub fn claims(&self, email: &str) -> bool {
        let verified = self.domains.iter().filter(|domain| domain.verified.is_some());
        claims_address(verified.map(|domain| &domain.name), email)
    }

    /// Whether it has shown any domain to be its own.
    pub fn holds_domain(&self) -> bool {
        self.domains.iter().any(|domain| domain.verified.is_some())
    }

    /// The same but for a domain.
    fn with(mut self, id: DomainId, change: impl FnOnce(&mut DomainView)) -> Self {
        if let Some(domain) = self.domains.iter_mut().find(|domain| domain.id == id) {
            change(domain);
        }
        self
    }
}

pub(super) fn evolve(row: Option<OrganizationView>, event: &OrganizationEvent) -> Option<OrganizationView> {
    use OrganizationEvent as E;
    if let E::Created {
        details,
        keys,
        plan,
        settings,
        at,
        founder: _,
        owner: _,
    } = event
    {
        let known = details.known();
        return Some(OrganizationView {
            name: known.map(|d| d.name.clone()).unwrap_or_default(),
            billing_email: known.map(|d| d.billing_email.clone()).unwrap_or_default(),
            business_name: known.and_then(|d| d.business_name.clone()),
            identifier: None,
            plan: *plan,
            public_key: keys.as_ref().map(|keys| keys.public_key.clone()),
            private_key: keys.as_ref().map(|keys| keys.private_key.as_str().to_owned()),
            settings: *settings,
            api_key_at: None,
            domains: Vec::new(),
            revised: *at,
            created: *at,
        });
    }
    let mut row = OrganizationView {
        revised: event_at(event),
        ..row?
    };
    Some(match event {
        // what opens it is read from the events
        E::LinkCreated { .. }
        | E::LinkRefreshed { .. }
        | E::LinkDomainsChanged { .. }
        | E::LinkConfirmationSet { .. }
        | E::LinkDeleted { .. }
        | E::Created { .. }
        | E::OwnerAdded { .. }
        | E::OwnerRemoved { .. }
        | E::VaultPurged { .. }
        | E::Exported { .. } => row,
        E::DetailsChanged { details, .. } => {
            let known = details.known();
            OrganizationView {
                name: known.map(|d| d.name.clone()).unwrap_or_default(),
                billing_email: known.map(|d| d.billing_email.clone()).unwrap_or_default(),
                business_name: known.and_then(|d| d.business_name.clone()),
                ..row
            }
        }
        E::IdentifierChanged { identifier, .. } => OrganizationView {
            identifier: identifier.clone(),
            ..row
        },
        E::KeysSet { keys, .. } => OrganizationView {
            public_key: Some(keys.public_key.clone()),
            private_key: Some(keys.private_key.as_str().to_owned()),
            ..row
        },
        E::CollectionSettingsChanged { settings, .. } => OrganizationView {
            settings: *settings,
            ..row
        },
        E::ApiKeySet { at, .. } => OrganizationView {
            api_key_at: Some(*at),
            ..row
        },
        E::DomainAdded { domain, name, txt, at } => {
            row.domains.push(DomainView {
                id: *domain,
                name: name.clone(),
                txt: txt.clone(),
                created: *at,
                misses: 0,
                checked: None,
                verified: None,
            });
            row
        }
        E::DomainVerified { domain, at, .. } => row.with(*domain, |domain| {
            domain.verified = Some(*at);
            domain.checked = Some(*at);
        }),
        E::DomainNotVerified { domain, at, .. } => row.with(*domain, |domain| {
            domain.misses += 1;
            domain.checked = Some(*at);
        }),
        E::DomainRemoved { domain, .. } => {
            row.domains.retain(|claim| claim.id != *domain);
            row
        }
        E::Deleted { .. } => return None,
    })
}

fn event_at(event: &OrganizationEvent) -> Timestamp {
    domain::event::DomainEvent::at(event)
}

/// Reads a view as it lies in a column.
pub(crate) fn read_view<V: serde::de::DeserializeOwned>(text: &str) -> Result<V, sqlx::Error> {
    serde_json::from_str(text).map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// A view as it lies in a column.
pub(super) fn view<V: Serialize>(view: &V) -> String {
    serde_json::to_string(view).expect("views hold nothing that JSON cannot")
}

/// Table `organization`.
pub(crate) struct Organizations;

impl Table for Organizations {
    type Row = OrganizationView;
    const SHAPE: Shape = Shape {
        name: "organization",
        columns: &[("organization_id", Kind::Uuid), ("view", Kind::Text)],
    };
    const OWNERS: &'static [Owner<OrganizationView>] = &[];

    fn read(row: &PgRow) -> Result<(Uuid, OrganizationView), sqlx::Error> {
        Ok((row.try_get(0)?, read_view(row.try_get(1)?)?))
    }

    fn write(key: Uuid, row: &OrganizationView, line: &mut Line) {
        line.put(key).put(view(row).as_str());
    }
}
