//! Commands about the link of an organization.

use super::{OrganizationError, Stop, must, refuse};
use crate::execute::{Loaded, Transaction, Unit};
use domain::{
    id::{InviteLinkId, OrganizationId},
    organization::{
        access::Standing,
        claim::DomainName,
        link::{InviteLink, LinkSecret},
        profile::{Organization, OrganizationEvent},
    },
    personal::Personal,
};
use uuid::Uuid;

/// The link of this code, as somebody uses it.
pub(super) async fn used(unit: &mut Unit<'_>, organization: OrganizationId, code: Uuid) -> Result<InviteLink, Stop> {
    let state = unit.load::<Organization>(organization).await?.state;
    let link = state.live().and_then(|live| live.link.clone());
    match link.filter(|link| link.is(code)) {
        Some(link) => Ok(link),
        None => refuse(OrganizationError::NotFound),
    }
}

/// What is done to the link.
#[derive(Debug, Clone)]
pub enum LinkChange {
    /// It is made: there was none.
    Create {
        /// Its id.
        id: InviteLinkId,
        /// What makes it work.
        secret: LinkSecret,
        /// The domains an address may be in.
        domains: Vec<DomainName>,
        /// Whether who has it can confirm themselves.
        confirms: bool,
    },
    /// It is another one.
    Refresh {
        /// What makes it work.
        secret: LinkSecret,
        /// Whether who has it can confirm themselves.
        confirms: bool,
    },
    /// It is for addresses in these domains.
    Allow(Vec<DomainName>),
    /// Who has it can confirm themselves, or no longer: clients make something else of the same code.
    Confirm {
        /// What clients make of it.
        invite: String,
        /// Whether who has it can confirm themselves.
        confirms: bool,
    },
    /// There is none any more.
    Delete,
}

/// Changes the link of an organization.
#[derive(Debug, Clone)]
pub struct ChangeLink {
    /// Who wants it.
    pub by: Standing,
    /// What.
    pub change: LinkChange,
}

impl Transaction for ChangeLink {
    type Output = Option<InviteLink>;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Option<InviteLink>, Stop> {
        must(self.by.may_manage_users(), OrganizationError::Forbidden)?;
        let organization = self.by.organization;
        let loaded: Loaded<Organization> = unit.load(organization).await?;
        let Some(live) = loaded.state.live() else {
            return refuse(OrganizationError::NotFound);
        };
        let at = unit.now_for(&loaded);
        let sealed = |secret: &LinkSecret| Personal::of(organization, secret.clone());
        let event = match (&self.change, &live.link) {
            (LinkChange::Create { .. }, Some(_)) => {
                return refuse(OrganizationError::Conflict("An invite link already exists."));
            }
            (
                LinkChange::Create {
                    id,
                    secret,
                    domains,
                    confirms,
                },
                None,
            ) => OrganizationEvent::LinkCreated {
                link: *id,
                secret: sealed(secret),
                domains: domains.clone(),
                confirms: *confirms,
                at,
            },
            (_, None) => return refuse(OrganizationError::NotFound),
            (LinkChange::Refresh { secret, confirms }, Some(_)) => OrganizationEvent::LinkRefreshed {
                secret: sealed(secret),
                confirms: *confirms,
                at,
            },
            (LinkChange::Allow(domains), Some(_)) => OrganizationEvent::LinkDomainsChanged {
                domains: domains.clone(),
                at,
            },
            (LinkChange::Confirm { invite, confirms }, Some(link)) => {
                let Some(secret) = &link.secret else {
                    return refuse(OrganizationError::NotFound);
                };
                let secret = LinkSecret {
                    code: secret.code,
                    invite: invite.clone(),
                };
                OrganizationEvent::LinkConfirmationSet {
                    secret: sealed(&secret),
                    confirms: *confirms,
                    at,
                }
            }
            (LinkChange::Delete, Some(_)) => OrganizationEvent::LinkDeleted { at },
        };
        let changed = unit.append(loaded, vec![event]);
        Ok(changed.live().and_then(|live| live.link.clone()))
    }
}
