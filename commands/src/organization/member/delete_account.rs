use super::{check_appointment, free, keep_owners, load};
use crate::{
    account::end_account,
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    account::user::User,
    id::{DeviceId, MembershipId},
    organization::{
        access::Standing,
        claim::claims_address,
        membership::{Ending, MembershipEvent, Stage},
        profile::Organization,
        role::Role,
    },
};

/// Deletes the account of a member whom the organization claims: their address is in a domain that it has shown to be its own.
/// What they were elsewhere must have ended before.
#[derive(Debug, Clone)]
pub struct DeleteClaimedAccount {
    /// Who wants it.
    pub by: Standing,
    /// Which member.
    pub membership: MembershipId,
    /// The devices of the account.
    pub devices: Vec<DeviceId>,
}

impl DeleteClaimedAccount {
    /// That `by` may delete the account of this member, who is claimed.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        must(self.by.may_manage_users(), OrganizationError::Forbidden)?;
        let (_, live) = load(unit, organization, self.membership).await?;
        let Some(user) = live.user else {
            return refuse(OrganizationError::Invalid("Member is not claimed by the organization."));
        };
        must(
            user != self.by.user,
            OrganizationError::Oneself("You cannot delete yourself."),
        )?;
        must(
            live.role != Role::Owner || self.by.is_owner(),
            OrganizationError::AboveOneself("Only owners can delete other owners."),
        )?;
        check_appointment(&self.by, Some(live.role), None)?;
        let state = unit.load::<Organization>(organization).await?.state;
        let account = unit.load::<User>(user).await?.state;
        let claimed = state.live().zip(account.live()).is_some_and(|(organization, account)| {
            let claims = organization.domains.values();
            let verified = claims.filter(|claim| claim.verified.is_some());
            claims_address(verified.map(|claim| &claim.name), &account.email)
        });
        must(
            claimed,
            OrganizationError::Invalid("Member is not claimed by the organization."),
        )
    }
}

impl Transaction for DeleteClaimedAccount {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        self.check(unit).await?;
        let organization = self.by.organization;
        let (loaded, live) = load(unit, organization, self.membership).await?;
        let Some(user) = live.user else {
            return refuse(OrganizationError::NotFound);
        };
        let account = unit.load::<User>(user).await?;
        if account.state.live().is_none() {
            return refuse(OrganizationError::NotFound);
        }
        // what decides comes first, and the rest follows from it: that there is another owner, else the end of the account. A
        // membership that ended before would leave an account that nobody claims any more.
        let listed = live.role == Role::Owner && live.stage == Stage::Confirmed && !live.revoked;
        if listed {
            keep_owners(unit, organization, self.membership, false).await?;
        }
        end_account(unit, account, &self.devices, !listed).await?;
        let ended = MembershipEvent::Ended {
            how: Ending::ClaimedAccountDeleted,
            user: live.user,
            at: unit.now_for(&loaded),
        };
        unit.follow(loaded, vec![ended]);
        free(unit, organization, self.membership, &live).await
    }
}
