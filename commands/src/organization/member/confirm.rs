use super::{check_appointment, keep_owners, load, own::give_own_collection};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    account::user::User,
    crypto::{EncString, fingerprint},
    id::{MembershipId, PolicyId},
    organization::{
        access::Standing,
        membership::{MembershipEvent, Stage},
        policy::{Enforced, Policy},
        role::Role,
    },
};

/// Hands somebody who accepted the organization's key.
#[derive(Debug, Clone)]
pub struct ConfirmMember {
    /// Who confirms.
    pub by: Standing,
    /// Whom.
    pub membership: MembershipId,
    /// The organization's key, sealed for the member.
    pub key: EncString,
    /// What a policy that is on asks for and the member lacks.
    pub forbidden: Option<&'static str>,
    /// Whether a client does it by itself: the policy that allows it must be on, it makes ordinary users only, and somebody must look at
    /// a key pair that took the place of another one: who has a session of theirs could have made it.
    pub automatic: bool,
    /// What a collection for the member's own items is to be called, where a policy asks for one.
    pub own_collection: Option<EncString>,
}

impl Transaction for ConfirmMember {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let organization = self.by.organization;
        let (loaded, live) = load(unit, organization, self.membership).await?;
        check_appointment(&self.by, Some(live.role), None)?;
        must(
            live.stage == Stage::Accepted && !live.revoked,
            OrganizationError::WrongStage("User not valid."),
        )?;
        if let Some(user) = live.user {
            // they may have deleted their account while they were let in
            let account = unit.load::<User>(user).await?.state;
            must(
                account.live().is_some(),
                OrganizationError::WrongStage("User not valid."),
            )?;
        }
        if self.automatic {
            let id = PolicyId::of(organization, Enforced::AutomaticConfirmation as u8);
            let on = unit.load::<Policy>(id).await?.state.enabled;
            must(
                on && live.role == Role::User && !live.key_voided,
                OrganizationError::Invalid("Member cannot be confirmed automatically."),
            )?;
        }
        if let Some(policy) = self.forbidden {
            must(false, OrganizationError::Policy(policy))?;
        }
        let at = unit.now_for(&loaded);
        let confirmed = MembershipEvent::Confirmed {
            key: self.key.clone(),
            fingerprint: fingerprint(self.key.as_str()),
            automatic: self.automatic,
            at,
        };
        unit.append(loaded, vec![confirmed]);
        if live.role == Role::Owner {
            keep_owners(unit, organization, self.membership, true).await?;
        }
        give_own_collection(
            unit,
            organization,
            (self.membership, live.role),
            self.own_collection.as_ref(),
        )
        .await
    }
}
