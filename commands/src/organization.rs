//! Commands about organizations: who is in them, and what is shared in them.
//!
//! Who acts is handed in as a [`Standing`], as new as the last acknowledged change; every command says itself what it takes
//! to carry it out. What belongs to another organization looks like what never was.

pub mod claim;
pub mod collection;
pub mod group;
pub mod link;
pub mod member;
pub mod policy;
pub mod profile;
pub mod task;

use crate::account::AccountError;
use crate::execute::{ExecuteError, LoadError, Unit};
use domain::{
    event::Aggregate,
    fault::{Fault, FaultKind},
    id::OrganizationId,
    organization::{collection::Collection, group::Group},
};

/// Why a command about an organization is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationError {
    /// There is no such thing, or it belongs to another organization.
    #[error("Resource not found.")]
    NotFound,
    /// The caller is a member, and may not do this.
    #[error("You do not have permission to do this.")]
    Forbidden,
    /// It would leave the organization without a confirmed owner.
    #[error("Organization must have at least one confirmed owner.")]
    LastOwner,
    /// Something is so already that excludes it.
    #[error("{0}")]
    Conflict(&'static str),
    /// The id is in use. Ids are made here, so this is a fault of ours.
    #[error("It exists already.")]
    Exists,
    /// Nobody is left to invite.
    #[error("No new members to invite.")]
    NobodyToInvite,
    /// The membership is not waiting for what was asked.
    #[error("{0}")]
    WrongStage(&'static str),
    /// The invitation is for another address, was replaced by a later one, or is too old.
    #[error("Invalid token.")]
    InvalidInvitation,
    /// The account is a member already.
    #[error("You are already part of this organization.")]
    AlreadyMember,
    /// A policy forbids it.
    #[error("{0}")]
    Policy(&'static str),
    /// Nobody gives, or acts on, a role above what is theirs to give.
    #[error("{0}")]
    AboveOneself(&'static str),
    /// Nobody acts on their own membership so.
    #[error("{0}")]
    Oneself(&'static str),
    /// A collection or a group that is named is not there.
    #[error("{0}")]
    NoSuchReference(&'static str),
    /// What is wrong with the account of a member.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The request does not make sense.
    #[error("{0}")]
    Invalid(&'static str),
}

impl Fault for OrganizationError {
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Forbidden
                | Self::Oneself(_)
                | Self::AboveOneself(_)
                | Self::Policy(_)
                | Self::InvalidInvitation
        )
    }

    fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound => FaultKind::NotFound,
            Self::Forbidden => FaultKind::Forbidden,
            Self::Exists | Self::Conflict(_) => FaultKind::Conflict,
            // of the member, not of who asks
            Self::Account(_) => FaultKind::Invalid,
            Self::LastOwner
            | Self::NobodyToInvite
            | Self::WrongStage(_)
            | Self::InvalidInvitation
            | Self::AlreadyMember
            | Self::Policy(_)
            | Self::Oneself(_)
            | Self::AboveOneself(_)
            | Self::NoSuchReference(_)
            | Self::Invalid(_) => FaultKind::Invalid,
        }
    }
}

/// Why a try of a command ended.
pub(crate) type Stop = ExecuteError<OrganizationError>;

fn refuse<T>(error: OrganizationError) -> Result<T, Stop> {
    Err(ExecuteError::Refused(error))
}

/// Goes on only if it is so.
fn must(allowed: bool, otherwise: OrganizationError) -> Result<(), Stop> {
    if allowed { Ok(()) } else { refuse(otherwise) }
}

/// Whether every one of `ids` is there and in `organization`.
async fn all_within<A: Aggregate>(
    unit: &mut Unit<'_>,
    ids: &[A::Id],
    within: impl Fn(&A) -> bool,
) -> Result<bool, LoadError> {
    let loaded = unit.load_many::<A>(ids).await?;
    Ok(loaded.iter().all(|loaded| within(&loaded.state)))
}

/// Whether a collection is there, of the organization, and no member's own.
fn shareable(collection: &Collection, organization: OrganizationId) -> bool {
    collection
        .within(organization)
        .is_some_and(|collection| collection.default_of.is_none())
}

/// That every collection and group named is there, in this organization, and the collections are nobody's own.
///
/// What a member's own items lie in is not given to others.
async fn check_references(
    unit: &mut Unit<'_>,
    organization: OrganizationId,
    collections: &[domain::id::CollectionId],
    groups: &[domain::id::GroupId],
) -> Result<(), Stop> {
    let found = all_within::<Collection>(unit, collections, |c| shareable(c, organization)).await?;
    must(
        found,
        OrganizationError::NoSuchReference("One or more collections are invalid."),
    )?;
    let found = all_within::<Group>(unit, groups, |g| g.within(organization).is_some()).await?;
    must(
        found,
        OrganizationError::NoSuchReference("One or more groups are invalid."),
    )
}
