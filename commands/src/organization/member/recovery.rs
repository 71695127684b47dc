use super::load;
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    crypto::{EncString, fingerprint},
    id::{MembershipId, OrganizationId, UserId},
    organization::{
        access::Standing,
        membership::{MembershipEvent, Stage},
    },
};

/// Lets the organization recover the account, or no longer. Members do so for themselves.
#[derive(Debug, Clone)]
pub struct EnrolInRecovery {
    /// In which organization.
    pub organization: OrganizationId,
    /// By which membership.
    pub membership: MembershipId,
    /// Whose it must be.
    pub user: UserId,
    /// The user key, sealed for the organization; `None`: no longer.
    pub key: Option<EncString>,
}

impl Transaction for EnrolInRecovery {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let (loaded, live) = load(unit, self.organization, self.membership).await?;
        must(live.user == Some(self.user), OrganizationError::NotFound)?;
        must(!live.revoked, OrganizationError::WrongStage("User not valid."))?;
        if live.recovery_key == self.key {
            return Ok(());
        }
        let at = unit.now_for(&loaded);
        let event = match &self.key {
            Some(key) => MembershipEvent::RecoveryEnrolled {
                key: key.clone(),
                fingerprint: fingerprint(key.as_str()),
                at,
            },
            None => MembershipEvent::RecoveryWithdrawn { at },
        };
        unit.append(loaded, vec![event]);
        Ok(())
    }
}

/// Notes that the organization recovered an account; the account's own event says what changed.
#[derive(Debug, Clone)]
pub struct RecordRecovery {
    /// Who does it.
    pub by: Standing,
    /// Whose account.
    pub membership: MembershipId,
}

impl Transaction for RecordRecovery {
    type Output = UserId;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<UserId, Stop> {
        let (loaded, live) = load(unit, self.by.organization, self.membership).await?;
        must(self.by.may_recover(live.role), OrganizationError::Forbidden)?;
        let enrolled = live.stage == Stage::Confirmed && !live.revoked && live.recovery_key.is_some();
        match live.user.filter(|_| enrolled) {
            Some(user) => {
                let at = unit.now_for(&loaded);
                unit.append(loaded, vec![MembershipEvent::Recovered { at }]);
                Ok(user)
            }
            None => refuse(OrganizationError::Invalid("Organization User not valid")),
        }
    }
}
