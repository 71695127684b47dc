use super::{has_other_owner, keep_owners};
use crate::{
    account::keys::RegenerateKeyPair,
    execute::{Command, Transaction, Unit},
    organization::{OrganizationError, Stop, refuse},
};
use domain::{
    account::user::User,
    id::MembershipId,
    organization::{
        membership::{LiveMembership, Membership, MembershipEvent, Stage},
        profile::Organization,
        role::Role,
    },
};

/// Replaces the key pair of somebody who may be a member of organizations. The keys of these were sealed for the old pair and open
/// nothing any more, so whoever has one is to be confirmed again, those whose rights are suspended once they have them back. Who is
/// the only owner of an organization stays it, for nobody else could confirm them.
#[derive(Debug, Clone)]
pub struct RegenerateMemberKeys {
    /// Whose, and the new pair.
    pub pair: RegenerateKeyPair,
    /// What they are in organizations.
    pub memberships: Vec<MembershipId>,
}

impl Transaction for RegenerateMemberKeys {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let account = unit.load::<User>(self.pair.user).await?;
        let events = match self.pair.decide(&account.state, unit.now_for(&account)) {
            Ok(events) => events,
            Err(error) => return refuse(error.into()),
        };
        if events.is_empty() {
            return Ok(());
        }
        let public = account.state.live().and_then(|live| live.keys.as_ref());
        let same = public.is_some_and(|keys| keys.public_key == self.pair.keys.public_key);
        if !same {
            // in front of the account: where only a part of a group is stored, who tries again does the rest
            self.void(unit).await?;
        }
        unit.append(account, events);
        Ok(())
    }
}

impl RegenerateMemberKeys {
    /// What was sealed for another pair opens nothing.
    async fn void(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        for loaded in unit.load_many::<Membership>(&self.memberships).await? {
            let live = loaded.state.live().filter(|live| live.user == Some(self.pair.user));
            let Some(live) = live.filter(|live| live.key.is_some()).cloned() else {
                continue;
            };
            if is_only_owner(unit, loaded.id, &live).await? {
                continue;
            }
            if live.role == Role::Owner && live.is_active() {
                keep_owners(unit, live.organization, loaded.id, false).await?;
            }
            let at = unit.now_for(&loaded);
            unit.append(loaded, vec![MembershipEvent::KeyVoided { at }]);
        }
        Ok(())
    }
}

async fn is_only_owner(unit: &mut Unit<'_>, id: MembershipId, live: &LiveMembership) -> Result<bool, Stop> {
    if live.role != Role::Owner || live.stage != Stage::Confirmed || live.revoked {
        return Ok(false);
    }
    let organization = unit.load::<Organization>(live.organization).await?.state;
    match organization.live().filter(|live| live.owners.contains(&id)) {
        Some(organization) => Ok(!has_other_owner(unit, organization, id).await?),
        None => Ok(false),
    }
}
