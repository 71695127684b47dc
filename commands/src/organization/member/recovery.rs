use super::load;
use crate::{
    account::{AccountError, keys::NewSecret},
    execute::{ExecuteError, Transaction, Unit},
    organization::{OrganizationError, Stop, must, refuse},
};
use domain::{
    account::user::{User, UserEvent},
    crypto::{EncString, Kdf, fingerprint},
    id::{MembershipId, OrganizationId, PolicyId, UserId},
    organization::{
        access::Standing,
        membership::MembershipEvent,
        policy::{Enforced, Policy},
    },
    personal::Personal,
};
use uuid::Uuid;

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
        // who is suspended may take their consent back, and not give it
        must(
            !live.revoked || self.key.is_none(),
            OrganizationError::WrongStage("User not valid."),
        )?;
        if live.recovery_key == self.key {
            return Ok(());
        }
        let policy = PolicyId::of(self.organization, Enforced::ResetPassword as u8);
        let policy = unit.load::<Policy>(policy).await?.state;
        let enrolls = policy
            .data
            .as_ref()
            .is_some_and(|data| data["autoEnrollEnabled"] == true);
        match &self.key {
            Some(_) => must(
                policy.enabled,
                OrganizationError::Invalid("Organization does not have the password reset policy enabled."),
            )?,
            None => must(
                live.revoked || !(policy.enabled && enrolls),
                OrganizationError::Invalid(
                    "Due to an Enterprise Policy, you are not allowed to withdraw from account recovery.",
                ),
            )?,
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

/// Gives the account of a member another master password, which the member must replace. All sessions of theirs end.
#[derive(Debug, Clone)]
pub struct RecoverAccount {
    /// Who does it.
    pub by: Standing,
    /// Whose account.
    pub membership: MembershipId,
    /// What the member will sign in with.
    pub secret: NewSecret,
    /// How the client made the master key, if it said so: it must be what it was.
    pub kdf: Option<Kdf>,
    /// A new security stamp.
    pub stamp: Uuid,
}

impl Transaction for RecoverAccount {
    type Output = UserId;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<UserId, Stop> {
        let organization = self.by.organization;
        let (loaded, live) = load(unit, organization, self.membership).await?;
        must(self.by.may_recover(live.role), OrganizationError::Forbidden)?;
        // a session is not enough to change one's own password
        must(
            live.user != Some(self.by.user),
            OrganizationError::Oneself("You cannot recover your own account."),
        )?;
        let policy = PolicyId::of(organization, Enforced::ResetPassword as u8);
        let allowed = unit.load::<Policy>(policy).await?.state.enabled;
        must(
            allowed,
            OrganizationError::Invalid("Organization does not have the password reset policy enabled."),
        )?;
        let enrolled = live.is_active() && live.recovery_key.is_some();
        let Some(id) = live.user.filter(|_| enrolled) else {
            return refuse(OrganizationError::Invalid("Organization User not valid"));
        };
        let account = unit.load::<User>(id).await?;
        let Some(user) = account.state.live() else {
            return refuse(OrganizationError::Invalid("Organization User not valid"));
        };
        let same = self.kdf.is_none_or(|kdf| kdf == user.kdf);
        must(same, AccountError::KdfDiffers.into())?;
        let credentials = self.secret.credentials(user, None);
        let credentials = credentials.map_err(|error| ExecuteError::Refused(error.into()))?;
        let recovered = UserEvent::PasswordRecovered {
            organization,
            fingerprint: fingerprint(credentials.user_key.as_str()),
            credentials: Personal::of(id, credentials),
            stamp: self.stamp,
            at: unit.now_for(&account),
        };
        let at = unit.now_for(&loaded);
        unit.append(account, vec![recovered]);
        unit.follow(loaded, vec![MembershipEvent::Recovered { at }]);
        Ok(id)
    }
}
