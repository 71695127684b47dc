//! What policies that are on ask of members.

use crate::WriteApi;
use domain::{
    id::{MembershipId, OrganizationId, UserId},
    organization::policy::Enforced,
};
use projections::sync::shared;
use read_api::unavailable;
use serde_json::Value;
use web::Answer;

/// Policies that the server itself holds members to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    organization: Option<OrganizationId>,
    two_factor: bool,
    single_organization: bool,
    /// Members' items belong to the organization: each has a collection of their own.
    pub data_ownership: bool,
    /// Who accepts lets the organization recover the account.
    pub enrolls: bool,
}

/// The rules of an organization.
pub(crate) async fn of(app: &WriteApi, asking: UserId, organization: OrganizationId) -> Answer<Rules> {
    let pool = app.read.fresh(asking).await?;
    let policies = shared::policies_of(pool, &[organization]).await.map_err(unavailable)?;
    let on = |kind: Enforced| {
        policies
            .iter()
            .any(|(_, policy)| policy.kind == kind as i16 && policy.enabled)
    };
    let enrolls = policies.iter().any(|(_, policy)| {
        let data = policy
            .data
            .as_deref()
            .and_then(|data| serde_json::from_str::<Value>(data).ok());
        policy.kind == Enforced::ResetPassword as i16
            && policy.enabled
            && data.is_some_and(|data| data["autoEnrollEnabled"] == true)
    });
    Ok(Rules {
        organization: Some(organization),
        two_factor: on(Enforced::TwoFactor),
        single_organization: on(Enforced::SingleOrganization),
        data_ownership: on(Enforced::OrganizationDataOwnership),
        enrolls,
    })
}

impl Rules {
    /// What forbids the person of a membership to be a member here; somebody without an account lacks nothing yet.
    pub async fn forbids_member(
        &self,
        app: &WriteApi,
        asking: UserId,
        membership: MembershipId,
    ) -> Answer<Option<&'static str>> {
        let pool = app.read.fresh(asking).await?;
        let row = shared::membership(pool, membership).await.map_err(unavailable)?;
        match row.and_then(|row| row.user) {
            Some(user) => self.forbids(app, asking, user).await,
            None => Ok(None),
        }
    }

    /// What forbids `user` to be a member here, if anything does: a rule of this organization, or one of another that
    /// the person is in.
    pub async fn forbids(&self, app: &WriteApi, asking: UserId, user: UserId) -> Answer<Option<&'static str>> {
        if self.two_factor {
            // no account has a second factor yet
            return Ok(Some(
                "You cannot join this organization until you enable two-step login on your user account.",
            ));
        }
        let pool = app.read.fresh(asking).await?;
        let memberships = shared::memberships_of(pool, user).await.map_err(unavailable)?;
        let others: Vec<_> = memberships
            .iter()
            .filter(|(_, row, _)| Some(row.organization) != self.organization && row.view.revoked.is_none())
            .map(|(_, row, _)| row.organization)
            .collect();
        if others.is_empty() {
            return Ok(None);
        }
        if self.single_organization {
            return Ok(Some(
                "You may not join this organization until you leave or remove all other organizations.",
            ));
        }
        let theirs = shared::policies_of(pool, &others).await.map_err(unavailable)?;
        let alone = theirs
            .iter()
            .any(|(_, policy)| policy.kind == Enforced::SingleOrganization as i16 && policy.enabled);
        Ok(alone.then_some(
            "You cannot join this organization because you are a member of another organization which forbids it",
        ))
    }
}
