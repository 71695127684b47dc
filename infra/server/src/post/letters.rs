//! Which letter goes out for an event.

use crate::clock;
use commands::{
    account::proof,
    execute::Executor,
    organization::member::{INVITATION_DAYS, invitation},
    ports::{Proofs, TokenPurpose},
};
use domain::{
    account::{
        address::{Applicant, EmailAddress, EmailAddressEvent},
        user::{LiveUser, User, UserEvent},
    },
    device::{Device, DeviceEvent},
    event::{Aggregate, DomainEvent, StoredEvent},
    id::{MembershipId, OrganizationId, SubjectId, UserId},
    meta::Meta,
    organization::{
        membership::{Membership, MembershipEvent, RevocationReason, Stage},
        profile::Organization,
    },
};
use mail::{Letter, NewMail};
use std::{net::IpAddr, sync::Arc};

/// How long codes in letters are good: minutes.
const CODE_MINUTES: u32 = (proof::CODE_MILLIS / 60_000) as u32;

/// Writes letters.
pub struct Letters {
    pub executor: Executor,
    pub proofs: Arc<dyn Proofs>,
    /// Whether registrations are proved by mail.
    pub verify_signups: bool,
}

/// A letter and whom it goes to.
struct Addressed {
    subject: SubjectId,
    to: String,
    letter: Letter,
}

impl Letters {
    /// The letter for an event, if there is one and its reader is still there.
    ///
    /// # Errors
    /// When history cannot be read now.
    pub async fn for_event(&self, stored: &StoredEvent) -> anyhow::Result<Option<NewMail>> {
        let id = stored.stream.id;
        let addressed = match &*stored.stream.category {
            EmailAddress::CATEGORY => {
                let event = EmailAddressEvent::decode(&stored.type_name, stored.schema, &stored.data)?;
                self.for_address(&event)
            }
            User::CATEGORY => {
                let event = UserEvent::decode(&stored.type_name, stored.schema, &stored.data)?;
                self.for_user(UserId(id), &event, stored).await?
            }
            Device::CATEGORY => {
                let event = DeviceEvent::decode(&stored.type_name, stored.schema, &stored.data)?;
                self.for_device(&event, stored).await?
            }
            Membership::CATEGORY => {
                let event = MembershipEvent::decode(&stored.type_name, stored.schema, &stored.data)?;
                self.for_membership(MembershipId(id), &event).await?
            }
            _ => None,
        };
        Ok(addressed.map(|a| NewMail {
            id: stored.id,
            subject: a.subject,
            to: a.to,
            letter: a.letter,
        }))
    }

    fn for_address(&self, event: &EmailAddressEvent) -> Option<Addressed> {
        let EmailAddressEvent::RegistrationRequested { who, .. } = event else {
            return None;
        };
        let applicant: &Applicant = who.known().filter(|_| self.verify_signups)?;
        let token = proof::registration_token(&*self.proofs, applicant, clock::now());
        let email = applicant.email.clone();
        Some(Addressed {
            subject: who.subject(),
            to: email.clone(),
            letter: Letter::VerifyRegistration { email, token },
        })
    }

    async fn for_user(&self, id: UserId, event: &UserEvent, stored: &StoredEvent) -> anyhow::Result<Option<Addressed>> {
        use UserEvent as E;
        let to = |to: &str, letter| {
            Some(Addressed {
                subject: id.into(),
                to: to.to_owned(),
                letter,
            })
        };
        // what is said to an address that is no longer the account's
        match event {
            E::EmailChanged { before, at, .. } => {
                let letter = Letter::EmailChanged {
                    time: *at,
                    ip: ip(stored),
                };
                return Ok(before.known().and_then(|before| to(before, letter)));
            }
            E::Deleted { email, at } => {
                return Ok(email
                    .known()
                    .and_then(|email| to(email, Letter::AccountDeleted { time: *at })));
            }
            _ => {}
        }
        let Some(user) = self.user(id).await? else {
            return Ok(None);
        };
        let (stamp, now) = (user.stamp, clock::now());
        Ok(match event {
            E::EmailChangeRequested {
                email, taken: false, ..
            } => email.known().and_then(|email| {
                let code = proof::email_change_code(&*self.proofs, id, stamp, email, now);
                to(
                    email,
                    Letter::ChangeEmail {
                        code,
                        valid_minutes: CODE_MINUTES,
                    },
                )
            }),
            E::EmailChangeRequested { taken: true, at, .. } => to(
                &user.email,
                Letter::EmailTaken {
                    time: *at,
                    ip: ip(stored),
                },
            ),
            E::EmailVerificationRequested { .. } => {
                let token = proof::account_token(&*self.proofs, TokenPurpose::VerifyEmail, id, stamp, now);
                to(&user.email, Letter::VerifyEmail { user: id, token })
            }
            E::PasswordHintRequested { .. } => to(
                &user.email,
                user.credentials
                    .hint
                    .clone()
                    .map_or(Letter::NoHint, |hint| Letter::PasswordHint { hint }),
            ),
            E::DeletionRequested { .. } => {
                let token = proof::account_token(&*self.proofs, TokenPurpose::DeleteAccount, id, stamp, now);
                to(
                    &user.email,
                    Letter::DeleteRecover {
                        user: id,
                        email: user.email.clone(),
                        token,
                    },
                )
            }
            E::OneTimeCodeRequested { nonce, .. } => {
                let code = proof::one_time_code(&*self.proofs, id, stamp, *nonce);
                to(
                    &user.email,
                    Letter::Otp {
                        code,
                        valid_minutes: CODE_MINUTES,
                    },
                )
            }
            E::PasswordRecovered { organization, at, .. } => to(
                &user.email,
                Letter::PasswordRecovered {
                    name: self.name_of(*organization).await?,
                    time: *at,
                },
            ),
            E::PasswordChanged { at, .. }
            | E::TemporaryPasswordReplaced { at, .. }
            | E::KdfChanged { at, .. }
            | E::KeyRotated { at, .. } => to(
                &user.email,
                Letter::PasswordChanged {
                    time: *at,
                    ip: ip(stored),
                },
            ),
            _ => None,
        })
    }

    /// A device an account did not know. The one it was registered with is no news.
    async fn for_device(&self, event: &DeviceEvent, stored: &StoredEvent) -> anyhow::Result<Option<Addressed>> {
        let DeviceEvent::Registered { user, name, at, .. } = event else {
            return Ok(None);
        };
        let Some(account) = self.user(*user).await? else {
            return Ok(None);
        };
        if at.0 - account.created.0 < FIRST_DEVICE_MILLIS {
            return Ok(None);
        }
        let device = name.known().cloned().unwrap_or_default();
        let letter = Letter::NewDeviceLogin {
            device,
            ip: ip(stored),
            time: *at,
        };
        Ok(Some(Addressed {
            subject: (*user).into(),
            to: account.email,
            letter,
        }))
    }

    /// Invitations, and their happy end.
    async fn for_membership(&self, id: MembershipId, event: &MembershipEvent) -> anyhow::Result<Option<Addressed>> {
        use MembershipEvent as E;
        let (E::Invited { at, .. } | E::InvitedAgain { at } | E::Confirmed { at, .. } | E::Revoked { at, .. }) = event
        else {
            return Ok(None);
        };
        let membership = self.executor.state::<Membership>(id).await?;
        let Some(live) = membership.live() else { return Ok(None) };
        let name = self.name_of(live.organization).await?;
        let to_member = match event {
            E::Confirmed { .. } => Some(Letter::Confirmed { name: name.clone() }),
            E::Revoked { reason, .. } => {
                let two_step = match reason {
                    RevocationReason::TwoFactorPolicy => true,
                    RevocationReason::SingleOrganizationPolicy => false,
                    RevocationReason::ByAdmin | RevocationReason::BySelf => return Ok(None),
                };
                let name = name.clone();
                Some(Letter::RevokedByPolicy { name, two_step })
            }
            _ => None,
        };
        if let Some(letter) = to_member {
            let Some(id) = live.user else { return Ok(None) };
            let user = self.user(id).await?;
            return Ok(user.map(|user| Addressed {
                subject: id.into(),
                to: user.email,
                letter,
            }));
        }
        let Some(email) = live.email.clone().filter(|_| live.stage == Stage::Invited) else {
            return Ok(None);
        };
        let has_account = match live.address {
            Some(address) => self.executor.state::<EmailAddress>(address).await?.holder().is_some(),
            None => false,
        };
        Ok(Some(Addressed {
            subject: live.organization.into(),
            to: email.clone(),
            letter: Letter::Invitation {
                organization: live.organization,
                name,
                membership: id,
                token: invitation::token(&*self.proofs, id, *at),
                email,
                has_account,
                valid_days: INVITATION_DAYS as u32,
            },
        }))
    }

    /// What an organization is called; empty once it is gone.
    async fn name_of(&self, id: OrganizationId) -> anyhow::Result<String> {
        let organization = self.executor.state::<Organization>(id).await?;
        let details = organization
            .live()
            .and_then(|organization| organization.details.as_ref());
        Ok(details.map(|details| details.name.clone()).unwrap_or_default())
    }

    async fn user(&self, id: UserId) -> anyhow::Result<Option<LiveUser>> {
        Ok(self.executor.state::<User>(id).await?.live().cloned())
    }
}

/// A device that signs in this soon after the registration is the one it was done with.
const FIRST_DEVICE_MILLIS: i64 = 10 * 60_000;

/// Where the request came from, if that is known and not erased.
fn ip(stored: &StoredEvent) -> Option<IpAddr> {
    serde_json::from_slice::<Meta>(&stored.meta).ok()?.ip?.known().copied()
}

#[cfg(test)]
mod tests;
