use super::{check_appointment, is_free, load};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, check_references, must, refuse},
};
use domain::{
    id::{CollectionId, EmailAddressId, GrantId, GroupId, GroupPlaceId, MembershipId, PlaceId, UserId},
    organization::{
        access::Standing,
        grant::{Grant, GrantEvent, Grantee, Rights},
        group::{GroupPlace, GroupPlaceEvent},
        membership::{Invitee, Membership, MembershipEvent, Stage},
        place::{Place, PlaceEvent},
        profile::Organization,
        role::Role,
    },
    personal::Personal,
    time::Timestamp,
};
use std::collections::{BTreeMap, HashSet};

/// Somebody to invite.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// A new id.
    pub membership: MembershipId,
    /// The normalised address.
    pub email: String,
    /// The address as something to hold.
    pub address: EmailAddressId,
    /// Whose account has it now, if anybody's.
    pub user: Option<UserId>,
    /// What a directory calls them.
    pub external_id: Option<String>,
}

/// Invites people. Those who are members or invited already are passed over; when nobody is left it is refused.
#[derive(Debug, Clone)]
pub struct InviteMembers {
    /// Who invites.
    pub by: Standing,
    /// Whom.
    pub invitations: Vec<Invitation>,
    /// As what.
    pub role: Role,
    /// Whether they may use Secrets Manager.
    pub secrets_manager: bool,
    /// Rights they get.
    pub collections: BTreeMap<CollectionId, Rights>,
    /// Groups they get into.
    pub groups: Vec<GroupId>,
}

impl Transaction for InviteMembers {
    type Output = Vec<MembershipId>;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Vec<MembershipId>, Stop> {
        check_appointment(&self.by, None, Some(self.role))?;
        let organization = self.by.organization;
        let there = unit.load::<Organization>(organization).await?.state;
        must(there.live().is_some(), OrganizationError::NotFound)?;
        let collections: Vec<_> = self.collections.keys().copied().collect();
        check_references(unit, organization, &collections, &self.groups).await?;
        must(
            collections.iter().all(|id| self.by.may_grant_to_members(*id)),
            OrganizationError::Forbidden,
        )?;
        let mut seen = HashSet::new();
        let wanted: Vec<&Invitation> = self.invitations.iter().filter(|i| seen.insert(i.address)).collect();
        let addresses: Vec<_> = wanted
            .iter()
            .map(|i| PlaceId::of_address(organization, i.address))
            .collect();
        let by_address = unit.load_many::<Place>(&addresses).await?;
        // somebody without an account has no second place to look at: the first one is looked at again
        let users: Vec<_> = wanted
            .iter()
            .zip(&addresses)
            .map(|(i, address)| i.user.map_or(*address, |user| PlaceId::of_user(organization, user)))
            .collect();
        let by_user = unit.load_many::<Place>(&users).await?;
        let mut invited = Vec::with_capacity(wanted.len());
        for ((invitation, place), other) in wanted.into_iter().zip(by_address).zip(by_user) {
            if !is_free(unit, place.state).await? || !is_free(unit, other.state).await? {
                continue;
            }
            let at = unit.now_for(&place);
            let (membership, taken) = (
                invitation.membership,
                PlaceEvent::Taken {
                    organization,
                    by: invitation.membership,
                    at,
                },
            );
            unit.append(place, vec![taken]);
            self.invite(unit, invitation, at);
            invited.push(membership);
        }
        must(!invited.is_empty(), OrganizationError::NobodyToInvite)?;
        Ok(invited)
    }
}

impl InviteMembers {
    fn invite(&self, unit: &mut Unit<'_>, invitation: &Invitation, at: Timestamp) {
        let (organization, member) = (self.by.organization, invitation.membership);
        let invitee = Invitee {
            email: invitation.email.clone(),
        };
        let event = MembershipEvent::Invited {
            organization,
            who: Personal::of(organization, invitee),
            address: invitation.address,
            role: self.role,
            external_id: invitation.external_id.clone(),
            secrets_manager: self.secrets_manager,
            at,
        };
        let loaded = unit.fresh::<Membership>(member);
        unit.append(loaded, vec![event]);
        let to = Grantee::Member(member);
        for (collection, rights) in &self.collections {
            let granted = GrantEvent::Granted {
                organization,
                collection: *collection,
                to,
                rights: *rights,
                at,
            };
            let loaded = unit.fresh::<Grant>(GrantId::of(*collection, to.id()));
            unit.append(loaded, vec![granted]);
        }
        let groups: HashSet<_> = self.groups.iter().copied().collect();
        for group in groups {
            let added = GroupPlaceEvent::Added {
                organization,
                group,
                member,
                at,
            };
            let loaded = unit.fresh::<GroupPlace>(GroupPlaceId::of(group, member));
            unit.append(loaded, vec![added]);
        }
    }
}

/// Sends an invitation again.
#[derive(Debug, Clone)]
pub struct InviteAgain {
    /// Who wants it.
    pub by: Standing,
    /// Whom.
    pub membership: MembershipId,
}

impl Transaction for InviteAgain {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let (loaded, live) = load(unit, self.by.organization, self.membership).await?;
        check_appointment(&self.by, Some(live.role), None)?;
        if live.stage != Stage::Invited || live.revoked {
            return refuse(OrganizationError::WrongStage("User invalid."));
        }
        let at = unit.now_for(&loaded);
        unit.append(loaded, vec![MembershipEvent::InvitedAgain { at }]);
        Ok(())
    }
}
