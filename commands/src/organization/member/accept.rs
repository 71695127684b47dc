use super::{INVITATION_DAYS, is_free, load};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    account::user::User,
    crypto::{EncString, fingerprint},
    id::{MembershipId, OrganizationId, PlaceId, UserId},
    organization::{
        membership::{MembershipEvent, Stage},
        place::{Place, PlaceEvent},
        profile::Organization,
    },
    time::Timestamp,
};

/// Accepts an invitation that was sent to the address the account has.
#[derive(Debug, Clone)]
pub struct AcceptInvitation {
    /// Into which organization.
    pub organization: OrganizationId,
    /// By which membership.
    pub membership: MembershipId,
    /// Who.
    pub user: UserId,
    /// When the invitation they hold was made.
    pub invited: Timestamp,
    /// What a policy that is on asks for and the account lacks.
    pub forbidden: Option<&'static str>,
    /// The user key, sealed for the organization, where members are enrolled in recovery as they come.
    pub recovery: Option<EncString>,
}

impl Transaction for AcceptInvitation {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let (loaded, live) = load(unit, self.organization, self.membership).await?;
        // who was invited in the moment in which it was deleted is invited into nothing
        let organization = unit.load::<Organization>(self.organization).await?.state;
        must(organization.live().is_some(), OrganizationError::NotFound)?;
        let user = unit.load::<User>(self.user).await?.state;
        let theirs = user.live().is_some_and(|user| Some(user.address) == live.address);
        let now = unit.now_for(&loaded);
        let good = self.invited.0 >= live.invited.0 && now.0 - self.invited.0 <= INVITATION_DAYS * 86_400_000;
        let place = unit
            .load::<Place>(PlaceId::of_user(self.organization, self.user))
            .await?;
        let mine = place.state == Place::Taken(self.membership);
        must(
            mine || is_free(unit, place.state).await?,
            OrganizationError::AlreadyMember,
        )?;
        must(
            live.stage == Stage::Invited,
            OrganizationError::WrongStage("Already accepted."),
        )?;
        must(
            !live.revoked,
            OrganizationError::WrongStage("Your organization access has been revoked."),
        )?;
        must(theirs && good, OrganizationError::InvalidInvitation)?;
        if let Some(policy) = self.forbidden {
            must(false, OrganizationError::Policy(policy))?;
        }
        let taken = PlaceEvent::Taken {
            organization: self.organization,
            by: self.membership,
            at: unit.now_for(&place),
        };
        unit.append(place, vec![taken]);
        if let Some(address) = live.address {
            let invited = unit
                .load::<Place>(PlaceId::of_address(self.organization, address))
                .await?;
            if invited.state == Place::Taken(self.membership) {
                let at = unit.now_for(&invited);
                unit.append(invited, vec![PlaceEvent::Freed { at }]);
            }
        }
        let mut events = vec![MembershipEvent::Accepted {
            user: self.user,
            at: now,
        }];
        if let Some(key) = &self.recovery {
            events.push(MembershipEvent::RecoveryEnrolled {
                key: key.clone(),
                fingerprint: fingerprint(key.as_str()),
                at: now.next(now),
            });
        }
        unit.append(loaded, events);
        Ok(())
    }
}
