use super::{is_free, own::give_own_collection};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, link::used, must, refuse},
};
use domain::{
    account::user::User,
    crypto::{EncString, fingerprint},
    id::{MembershipId, OrganizationId, PlaceId, UserId},
    organization::{
        membership::{Membership, MembershipEvent, Stage},
        place::{Place, PlaceEvent},
        role::Role,
    },
    time::Timestamp,
};
use uuid::Uuid;

/// The organization's key as somebody had it from a link.
#[derive(Debug, Clone)]
pub struct LinkKey {
    /// Sealed by the member for themselves.
    pub key: EncString,
    /// What a collection for the member's own items is to be called, where a policy asks for one.
    pub own_collection: Option<EncString>,
}

/// Gets into an organization by its link, as an ordinary user. Where the link allows it, who has the organization's key from it is
/// confirmed by it. Who was invited has a letter for that: a link proves less than the letter does.
#[derive(Clone)]
pub struct JoinByLink {
    /// Into which organization.
    pub organization: OrganizationId,
    /// The code of the link.
    pub code: Uuid,
    /// Who.
    pub user: UserId,
    /// A new id, for a new membership.
    pub membership: MembershipId,
    /// What a policy that is on asks for and the account lacks.
    pub forbidden: Option<&'static str>,
    /// The user key, sealed for the organization, where members are enrolled in recovery as they come.
    pub recovery: Option<EncString>,
    /// The organization's key, if the member is to be confirmed.
    pub key: Option<LinkKey>,
}

impl Transaction for JoinByLink {
    /// The membership they have.
    type Output = MembershipId;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<MembershipId, Stop> {
        let link = used(unit, self.organization, self.code).await?;
        let account = unit.load::<User>(self.user).await?.state;
        let Some(account) = account.live() else {
            return refuse(OrganizationError::NotFound);
        };
        must(
            link.allows(&account.email),
            OrganizationError::Invalid("Your email domain is not allowed to join this organization."),
        )?;
        must(
            self.key.is_none() || link.confirms,
            OrganizationError::Invalid("The invite link does not confirm members."),
        )?;
        let place = unit
            .load::<Place>(PlaceId::of_user(self.organization, self.user))
            .await?;
        if !is_free(unit, place.state).await? {
            return self.confirm_accepted(unit, place.state).await;
        }
        if let Some(policy) = self.forbidden {
            must(false, OrganizationError::Policy(policy))?;
        }
        let invited = unit
            .load::<Place>(PlaceId::of_address(self.organization, account.address))
            .await?;
        must(
            is_free(unit, invited.state).await?,
            OrganizationError::Invalid("You have been invited already: use the link of that invitation."),
        )?;
        let loaded = unit.fresh::<Membership>(self.membership);
        let at = unit.now_for(&place);
        let taken = PlaceEvent::Taken {
            organization: self.organization,
            by: self.membership,
            at,
        };
        // the place decides, and what is new follows
        unit.append(place, vec![taken]);
        let mut events = vec![MembershipEvent::JoinedByLink {
            organization: self.organization,
            user: self.user,
            at,
        }];
        self.enrol_and_confirm(at, &mut events);
        unit.append(loaded, events);
        // an invitation to the address in the same moment is decided anew, and so is this
        let at = unit.now_for(&invited);
        unit.append(invited, vec![PlaceEvent::Freed { at }]);
        self.give_own(unit, self.membership).await?;
        Ok(self.membership)
    }
}

impl JoinByLink {
    /// Somebody who came in before, and has the key now.
    async fn confirm_accepted(&self, unit: &mut Unit<'_>, place: Place) -> Result<MembershipId, Stop> {
        let Place::Taken(membership) = place else {
            return refuse(OrganizationError::NotFound);
        };
        let loaded = unit.load::<Membership>(membership).await?;
        let live = loaded.state.within(self.organization).cloned();
        if membership == self.membership && live.is_some() {
            // this very wish, of which a store that appends to one stream at a time took a part
            self.give_own(unit, membership).await?;
            return Ok(membership);
        }
        let waits = live.filter(|live| live.stage == Stage::Accepted && !live.revoked && self.key.is_some());
        let Some(live) = waits else {
            return refuse(OrganizationError::AlreadyMember);
        };
        if let Some(policy) = self.forbidden {
            must(false, OrganizationError::Policy(policy))?;
        }
        // more than an ordinary user is nobody by a link alone
        must(
            live.role == Role::User,
            OrganizationError::Invalid("An administrator must confirm this member."),
        )?;
        let (mut events, at) = (Vec::new(), unit.now_for(&loaded));
        self.enrol_and_confirm(at, &mut events);
        unit.append(loaded, events);
        self.give_own(unit, membership).await?;
        Ok(membership)
    }

    /// Adds what else happens behind `at`.
    fn enrol_and_confirm(&self, at: Timestamp, events: &mut Vec<MembershipEvent>) {
        let mut at = at;
        if let Some(key) = &self.recovery {
            at = at.next(at);
            events.push(MembershipEvent::RecoveryEnrolled {
                key: key.clone(),
                fingerprint: fingerprint(key.as_str()),
                at,
            });
        }
        if let Some(LinkKey { key, .. }) = &self.key {
            at = at.next(at);
            events.push(MembershipEvent::ConfirmedByLink {
                key: key.clone(),
                fingerprint: fingerprint(key.as_str()),
                at,
            });
        }
    }

    async fn give_own(&self, unit: &mut Unit<'_>, membership: MembershipId) -> Result<(), Stop> {
        let own = self.key.as_ref().and_then(|key| key.own_collection.as_ref());
        give_own_collection(unit, self.organization, (membership, Role::User), own).await
    }
}
