use crate::{execute::Command, organization::OrganizationError};
use domain::{
    account::user::Secret,
    crypto::fingerprint,
    id::OrganizationId,
    organization::{
        access::Standing,
        profile::{CollectionSettings, Details, LiveOrganization, Organization, OrganizationEvent, OrganizationKeys},
    },
    personal::Personal,
    time::Timestamp,
};

/// The organization, for an owner of it.
fn owned<'o>(organization: &'o Organization, by: &Standing) -> Result<&'o LiveOrganization, OrganizationError> {
    let live = organization.live().ok_or(OrganizationError::NotFound)?;
    if by.is_owner() {
        Ok(live)
    } else {
        Err(OrganizationError::Forbidden)
    }
}

/// Says what it is called and where bills go. Owners do.
#[derive(Debug, Clone)]
pub struct ChangeDetails {
    /// Who wants it.
    pub by: Standing,
    /// What it is called now.
    pub details: Details,
}

impl Command for ChangeDetails {
    type Aggregate = Organization;
    type Error = OrganizationError;

    fn id(&self) -> OrganizationId {
        self.by.organization
    }

    fn decide(&self, organization: &Organization, now: Timestamp) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        let live = owned(organization, &self.by)?;
        if live.details.as_ref() == Some(&self.details) {
            return Ok(vec![]);
        }
        Ok(vec![OrganizationEvent::DetailsChanged {
            details: Personal::of(self.by.organization, self.details.clone()),
            at: now,
        }])
    }
}

/// Notes that a member is handed what they may take out of its vault.
#[derive(Debug, Clone)]
pub struct NoteExport {
    /// Who.
    pub by: Standing,
}

impl Command for NoteExport {
    type Aggregate = Organization;
    type Error = OrganizationError;

    fn id(&self) -> OrganizationId {
        self.by.organization
    }

    fn decide(&self, organization: &Organization, now: Timestamp) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        organization.live().ok_or(OrganizationError::NotFound)?;
        Ok(vec![OrganizationEvent::Exported { at: now }])
    }
}

/// Gives it keys, if it has none: a server that replaced them could read what is sealed for them.
#[derive(Debug, Clone)]
pub struct SetKeys {
    /// Who wants it.
    pub by: Standing,
    /// The keys.
    pub keys: OrganizationKeys,
}

impl Command for SetKeys {
    type Aggregate = Organization;
    type Error = OrganizationError;

    fn id(&self) -> OrganizationId {
        self.by.organization
    }

    fn decide(&self, organization: &Organization, now: Timestamp) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        let live = owned(organization, &self.by)?;
        if live.keys.is_some() {
            return Err(OrganizationError::Invalid("Organization Keys already exist"));
        }
        Ok(vec![OrganizationEvent::KeysSet {
            keys: self.keys.clone(),
            fingerprint: fingerprint(&self.keys.public_key),
            at: now,
        }])
    }
}

/// Sets the rules about collections. Owners do.
#[derive(Debug, Clone)]
pub struct ChangeCollectionSettings {
    /// Who wants it.
    pub by: Standing,
    /// The rules now.
    pub settings: CollectionSettings,
}

impl Command for ChangeCollectionSettings {
    type Aggregate = Organization;
    type Error = OrganizationError;

    fn id(&self) -> OrganizationId {
        self.by.organization
    }

    fn decide(&self, organization: &Organization, now: Timestamp) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        let live = owned(organization, &self.by)?;
        if live.settings == self.settings {
            return Ok(vec![]);
        }
        Ok(vec![OrganizationEvent::CollectionSettingsChanged {
            settings: self.settings,
            before: Some(live.settings),
            at: now,
        }])
    }
}

/// Makes the API key, or makes it anew. Owners do.
#[derive(Debug, Clone)]
pub struct SetApiKey {
    /// Who wants it.
    pub by: Standing,
    /// A new secret.
    pub secret: Secret,
    /// Whether one that is there is replaced; else it stays.
    pub rotate: bool,
}

impl Command for SetApiKey {
    type Aggregate = Organization;
    type Error = OrganizationError;

    fn id(&self) -> OrganizationId {
        self.by.organization
    }

    fn decide(&self, organization: &Organization, now: Timestamp) -> Result<Vec<OrganizationEvent>, OrganizationError> {
        let live = owned(organization, &self.by)?;
        if live.api_key.is_some() && !self.rotate {
            return Ok(vec![]);
        }
        Ok(vec![OrganizationEvent::ApiKeySet {
            secret: Personal::of(self.by.organization, self.secret.clone()),
            at: now,
        }])
    }
}
